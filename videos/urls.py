"""Addresses of the library. `video`, the page of a single one, is among those of `inference`."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from videos import api, views
from videos.tus.views import UploadsView, UploadView

router = SimpleRouter(use_regex_path=False)
router.register("videos", api.VideoViewSet, basename="api-video")

urlpatterns = [
    path("videos/", views.library, name="library"),
    path("videos/upload/", views.video_upload, name="video-upload"),
    path("videos/<uuid:video_id>/edit/", views.video_edit, name="video-edit"),
    path("videos/<uuid:video_id>/delete/", views.video_delete, name="video-delete"),
    path("videos/<uuid:video_id>/file", views.video_file, name="video-file"),
    path("videos/<uuid:video_id>/poster", views.video_poster, name="video-poster"),
    path("api/v1/uploads/", UploadsView.as_view(), name="api-upload-list"),
    path("api/v1/uploads/<uuid:pk>/", UploadView.as_view(), name="api-upload-detail"),
    path("api/v1/", include(router.urls)),
]
