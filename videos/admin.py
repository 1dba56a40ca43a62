"""The library in the site admin: to look, rename and remove. Videos come in by upload only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from videos.models import Tag, Video


@admin.register(Video)
class VideoAdmin(admin.ModelAdmin[Video]):
    """All but the title is a fact about the file."""

    list_display = ("title", "owner", "duration", "width", "height", "size", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("owner",)
    search_fields = ("title", "original_name", "owner__email")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "title",
        "owner",
        "original_name",
        "size",
        "duration",
        "width",
        "height",
        "frame_rate",
        "frames",
        "info",
        "created_at",
    )
    readonly_fields = tuple(name for name in fields if name != "title")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin[Tag]):
    """Tags of all members."""

    list_display = ("name", "owner")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__email")
    raw_id_fields = ("owner",)
