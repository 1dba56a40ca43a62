"""Reads that are more than one queryset verb."""

from dataclasses import dataclass

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from accounts.models import User
from videos.errors import UploadRefused
from videos.models import Upload, Video, VideoQuerySet


@dataclass(frozen=True)
class Room:
    """How much a member may still upload, in bytes: `limit` is that of a single file.

    `used` is what the videos take, and what uploads on their way will take.
    """

    limit: int
    quota: int
    used: int

    @property
    def left(self) -> int:
        """Bytes free in the member's library."""
        return max(0, self.quota - self.used)

    @property
    def too_large(self) -> UploadRefused:
        """The refusal of a file beyond the limit of a single one."""
        return UploadRefused(
            "too_large",
            f"This file is larger than {filesizeformat(self.limit)}, the most one file may have. "
            "Trim it, or export it at a lower quality.",
        )

    @property
    def exceeded(self) -> UploadRefused:
        """The refusal of a file that does not fit into the library."""
        return UploadRefused(
            "quota_exceeded",
            f"This file does not fit: {filesizeformat(self.left)} of your "
            f"{filesizeformat(self.quota)} are free. Delete videos you no longer need, or "
            "cancel uploads that you will not finish.",
        )

    def check(self, size: int) -> None:
        """Refuse a file of `size` bytes, or one that has that many so far, if it can't come in.

        Raises:
            UploadRefused: `too_large` or `quota_exceeded`, naming the limit.
        """
        if size > self.limit:
            raise self.too_large
        if size > self.left:
            raise self.exceeded


def room_of(owner: User) -> Room:
    """What `owner` may still upload."""
    used = Video.objects.filter(owner=owner).total_size()
    used += Upload.objects.filter(owner=owner).open().total_length()
    return Room(limit=settings.SLOMO_MAX_UPLOAD_BYTES, quota=owner.storage_quota, used=used)


def library(owner: User, *, text: str = "", tag: str = "", sorting: str = "") -> VideoQuerySet:
    """`owner`'s videos that match the words of `text` and carry `tag` (where given), in order."""
    videos = Video.objects.visible_to(owner).search(text)
    if tag:
        videos = videos.tagged(tag)
    return videos.sorted_by(sorting).prefetch_related("tags")
