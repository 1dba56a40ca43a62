"""How a video looks in the API."""

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from videos.models import Tag, Upload, Video
from videos.services import TITLE_LENGTH
from videos.tus.services import offset_of


class VideoSerializer(serializers.ModelSerializer[Video]):
    """A video as a program sees it; `duration` is in seconds, `size` in bytes."""

    tags: "serializers.SlugRelatedField[Tag]" = serializers.SlugRelatedField(
        "name", many=True, read_only=True
    )
    page = serializers.SerializerMethodField(help_text="Address of the page for people.")
    file = serializers.SerializerMethodField(help_text="Address of the bytes.")

    class Meta:
        model = Video
        fields = (
            "id",
            "title",
            "original_name",
            "size",
            "duration",
            "width",
            "height",
            "frame_rate",
            "frames",
            "tags",
            "created_at",
            "page",
            "file",
            "info",
        )
        read_only_fields = fields

    def get_page(self, video: Video) -> str:
        return reverse("video", [video.pk], request=self.context["request"])

    def get_file(self, video: Video) -> str:
        return reverse("api-video-file", [video.pk], request=self.context["request"])


class VideoUploadSerializer(serializers.Serializer[Any]):
    """A new video, sent as multipart/form-data."""

    # An empty file is let through to the service, which has the better words for it.
    file = serializers.FileField(max_length=255, allow_empty_file=True)
    title = serializers.CharField(
        max_length=TITLE_LENGTH,
        required=False,
        allow_blank=True,
        help_text="The file's name where it is left out.",
    )


class VideoDetailsSerializer(serializers.Serializer[Any]):
    """What can change about a video."""

    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """An upload in pieces; `offset` of `length` bytes have arrived."""

    offset = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField(help_text="Where its pieces go.")

    class Meta:
        model = Upload
        fields = ("id", "name", "length", "offset", "created_at", "expires_at", "url")
        read_only_fields = fields

    def get_offset(self, upload: Upload) -> int:
        return offset_of(upload)

    def get_url(self, upload: Upload) -> str:
        return reverse("api-upload-detail", [upload.pk], request=self.context["request"])


class ErrorDetailSerializer(serializers.Serializer[Any]):
    """What was refused: a word for programs, a sentence for people."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]  # DRF collects it by name
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="The sentences for single fields, where fields were refused.",
    )


class ErrorSerializer(serializers.Serializer[Any]):
    """The one shape of every error (made in slomo_site.errors; this describes it)."""

    error = ErrorDetailSerializer()
