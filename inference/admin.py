"""Conversions in the site admin, and the review of their results by staff.

Review pages are part of the admin site: `admin:inference_conversion_review` lists, a conversion's
page under it decides. Members' media stays closed to staff everywhere else; what is opened here
is written to the admin's log.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from inference import review
from inference.models import Conversion


@admin.register(Conversion)
class ConversionAdmin(admin.ModelAdmin[Conversion]):
    """Every column is a fact that the worker or the member wrote; decisions go through review."""

    list_display = ("video", "owner", "mode", "state", "psnr", "review", "created_at")
    list_filter = ("state", "review", "mode", "error_code", "created_at")
    list_select_related = ("video__owner",)
    search_fields = ("id__exact", "video__title", "video__owner__email", "error_message")
    date_hierarchy = "created_at"
    change_list_template = "admin/inference/conversion_change_list.html"

    @admin.display(ordering="video__owner__email")
    def owner(self, conversion: Conversion) -> str:
        """Whose video it is."""
        return conversion.video.owner.email

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """The model's own pages, and before them those of the review."""
        view = self.admin_site.admin_view
        one = "review/<uuid:conversion_id>/"
        media = [
            path(
                f"{one}{kind}",
                view(review.media),
                {"kind": kind},
                name=f"inference_conversion_review_{kind}",
            )
            for kind in review.OPEN_TO_STAFF
        ]
        return [
            path("review/", view(review.index), name="inference_conversion_review"),
            path(one, view(review.detail), name="inference_conversion_review_detail"),
            *media,
            *super().get_urls(),
        ]
