"""The library: a member's videos, the tags they sort them with, and what is still on its way.

Permission lives in the querysets: what a user may not see is not in the set, so that a foreign
id is a 404 wherever it is asked for.
"""

import re
import unicodedata
import uuid
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

# The keys a person may sort by, with the words shown for them and what they order on; the id
# breaks ties, so that pages never repeat or lose a row.
SORTINGS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "newest": ("Newest first", ("-created_at", "-id")),
    "oldest": ("Oldest first", ("created_at", "id")),
    "title": ("Title, A to Z", (Lower("title"), "id")),
    "longest": ("Longest first", ("-duration", "id")),
    "largest": ("Largest first", ("-size", "id")),
}
DEFAULT_SORTING = "newest"


class VideoQuerySet(QuerySet["Video", "Video"]):
    """Sets of videos, with verbs that read like the library."""

    def visible_to(self, user: "User | AnonymousUser") -> "VideoQuerySet":
        """The videos `user` may see: their own, and none when signed out."""
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()

    def search(self, text: str) -> "VideoQuerySet":
        """Videos that have every word of `text` in their title, file name or a tag.

        Matches by regular expression, because SQLite's LIKE folds the case of ASCII only.
        """
        videos = self
        for word in unicodedata.normalize("NFC", text).replace("\0", "").split():
            pattern = re.escape(word)
            videos = videos.filter(
                Q(title__iregex=pattern)
                | Q(original_name__iregex=pattern)
                | Q(pk__in=self.model.objects.filter(tags__name__iregex=pattern).values("pk"))
            )
        return videos

    def tagged(self, name: str) -> "VideoQuerySet":
        """Videos that carry the tag `name`."""
        return self.filter(tags__name=name)

    def sorted_by(self, key: str) -> "VideoQuerySet":
        """Ordered by one of `SORTINGS`; an unknown key means the default, newest first."""
        return self.order_by(*SORTINGS.get(key, SORTINGS[DEFAULT_SORTING])[1])

    def total_size(self) -> int:
        """Bytes that the videos' files take together."""
        return self.aggregate(total=Sum("size"))["total"] or 0


class TagQuerySet(QuerySet["Tag", "Tag"]):
    """Sets of tags."""

    def in_use_by(self, user: "User") -> "TagQuerySet":
        """The tags that at least one of `user`'s videos carries, by name."""
        return self.filter(owner=user, videos__isnull=False).distinct().order_by("name")


class Tag(models.Model):
    """A word one member files videos under. Names are lower case, so that each exists once."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tags"
    )
    name = models.CharField(max_length=50)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("owner", "name"), name="tag_once_per_owner"),
        )

    def __str__(self) -> str:
        return self.name


def storage_folder(video_id: uuid.UUID) -> str:
    """The stored folder of a video's files."""
    return f"videos/{video_id}"


def storage_name(video: "Video", filename: str) -> str:
    """Where a file of `video` is stored; only its id and our own file name appear in it."""
    return f"{storage_folder(video.pk)}/{PurePath(filename).name}"


class Video(models.Model):
    """An uploaded clip that passed the probe. Its pixels never change after that.

    `info` is all the probe found out (`VideoInfo.to_dict()`); the columns repeat what the
    library shows, searches and sorts by. `width` and `height` are upright, in pixels;
    `duration` is in seconds; `size` in bytes; `frame_rate` is an exact ratio ("30000/1001").
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="videos"
    )
    title = models.CharField(max_length=200)
    original_name = models.CharField("file name", max_length=255)
    file = models.FileField(upload_to=storage_name)
    poster = models.FileField(upload_to=storage_name, blank=True)
    size = models.BigIntegerField()
    duration = models.FloatField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    frame_rate = models.CharField(max_length=40)
    frames = models.PositiveIntegerField()
    info = models.JSONField(default=dict)
    tags = models.ManyToManyField(Tag, blank=True, related_name="videos")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VideoQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("owner", "-created_at"), name="video_library"),)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The page of this video."""
        return reverse("video", args=[self.pk])

    @property
    def rate(self) -> Fraction:
        """Nominal frames per second, exact."""
        return Fraction(self.frame_rate)


class UploadQuerySet(QuerySet["Upload", "Upload"]):
    """Sets of uploads."""

    def visible_to(self, user: "User | AnonymousUser") -> "UploadQuerySet":
        """The uploads `user` may see: their own, and none when signed out."""
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()

    def open(self) -> "UploadQuerySet":
        """Those that may go on: neither expired nor refused."""
        return self.filter(expires_at__gt=timezone.now(), error_code="")

    def total_length(self) -> int:
        """Bytes that the uploads will have together."""
        return self.aggregate(total=Sum("length"))["total"] or 0


class Upload(models.Model):
    """A file that arrives in pieces (`videos.tus`). The video it becomes takes over its id.

    How much has arrived is not here: the file on disk says it. `length` is in bytes. Bytes from
    `checked_from` on do not count yet, for they are of a piece whose checksum is still unknown.
    A file that was refused at the end leaves the reason behind, until the upload expires.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads"
    )
    name = models.CharField("file name", max_length=255)
    title = models.CharField(max_length=200, blank=True)
    length = models.BigIntegerField()
    checked_from = models.BigIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("expires_at",), name="upload_expiry"),)

    def __str__(self) -> str:
        return self.name

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at <= timezone.now()
