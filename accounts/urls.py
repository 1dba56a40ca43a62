from django.urls import include, path

from accounts import views

urlpatterns = [
    path("tokens/", views.tokens, name="account-tokens"),
    path("tokens/<uuid:pk>/revoke/", views.token_revoke, name="token-revoke"),
    path("delete/", views.account_delete, name="account-delete"),
    path("", include("allauth.account.urls")),
]
