"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from slomo_site import pages
from slomo_site.api_docs import api_docs
from slomo_site.health import healthz, readyz
from slomo_site.metrics import metrics
from slomo_site.status import status

admin.site.site_header = admin.site.site_title = "Slomo"
# Staff sign in where everyone does, behind the same rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", pages.home, name="home"),
    path("", include("videos.urls")),
    path("", include("inference.urls")),
    path("account/", pages.account, name="account"),
    path("account/", include("accounts.urls")),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="api-schema"),
    path("api/docs/", api_docs, name="api-docs"),
    path("admin/status/", admin.site.admin_view(status), name="admin-status"),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("favicon.ico", RedirectView.as_view(url=static("slomo/logo.svg"))),
]

handler400 = "slomo_site.errors.bad_request"
handler403 = "slomo_site.errors.permission_denied"
handler404 = "slomo_site.errors.page_not_found"
handler500 = "slomo_site.errors.server_error"
