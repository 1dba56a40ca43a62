"""Addresses of the video page, the conversions and their files."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from inference import api
from inference.media import Kind
from inference.views.conversion import (
    conversion,
    conversion_cancel,
    conversion_delete,
    conversion_retry,
    conversion_status,
)
from inference.views.media import conversion_media
from inference.views.video import conversion_create, conversion_estimate, video

router = SimpleRouter(use_regex_path=False)
router.register("conversions", api.ConversionViewSet, basename="api-conversion")

_ONE = "conversions/<uuid:conversion_id>/"

urlpatterns = [
    path("videos/<uuid:video_id>/", video, name="video"),
    path("videos/<uuid:video_id>/estimate", conversion_estimate, name="conversion-estimate"),
    path("videos/<uuid:video_id>/conversions/", conversion_create, name="conversion-create"),
    path(_ONE, conversion, name="conversion"),
    path(f"{_ONE}status", conversion_status, name="conversion-status"),
    path(f"{_ONE}cancel/", conversion_cancel, name="conversion-cancel"),
    path(f"{_ONE}retry/", conversion_retry, name="conversion-retry"),
    path(f"{_ONE}delete/", conversion_delete, name="conversion-delete"),
    path(f"{_ONE}file", conversion_media, {"kind": Kind.FILE}, name="conversion-file"),
    path(f"{_ONE}map.json", conversion_media, {"kind": Kind.MAP}, name="conversion-map"),
    path(f"{_ONE}map.vtt", conversion_media, {"kind": Kind.VTT}, name="conversion-vtt"),
    path(
        f"{_ONE}comparison",
        conversion_media,
        {"kind": Kind.COMPARISON},
        name="conversion-comparison",
    ),
    path(f"{_ONE}preview", conversion_media, {"kind": Kind.PREVIEW}, name="conversion-preview"),
    path("api/v1/", include(router.urls)),
]
