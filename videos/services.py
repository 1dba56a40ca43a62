"""Writes to the library. Nothing enters it unprobed, and nothing leaves files behind."""

import re
import shutil
import tempfile
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePath

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts.models import User
from accounts.services import user_lock
from videos import files, selectors
from videos.errors import EMPTY_FILE, DetailsRefused, UploadGone, UploadRefused
from videos.models import Tag, Upload, Video
from videos.probing import probe

NAME_LENGTH = 255
TITLE_LENGTH = 200
TAG_LENGTH = 50
TAGS_PER_VIDEO = 20

# Control characters, line separators, text direction overrides and half surrogates: none is part
# of a name, and the overrides can make one name look like another.
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def video_create(
    *, owner: User, upload: "UploadedFile[bytes]", title: str = "", sent: Upload | None = None
) -> Video:
    """Take `upload` into `owner`'s library; the title defaults to the file's name.

    Args:
        sent: the row of a file that came in pieces. The video takes its place: its id, and what
            it holds of the quota.

    Raises:
        UploadRefused: it is empty or too large, the quota is used up, or the probe refused it.
        UploadGone: `sent` was cancelled meanwhile, or the member has left.
    """
    if sent is None:
        selectors.room_of(owner).check(upload.size or 0)
    if not upload.size:
        raise UploadRefused("empty_file", EMPTY_FILE)
    with tempfile.TemporaryDirectory(prefix="slomo-upload-") as folder:
        found = probe(_on_disk(upload, folder=Path(folder)))
    name = clean(upload.name or "", length=NAME_LENGTH)
    video = Video(
        id=sent.pk if sent else uuid.uuid4(),
        owner=owner,
        title=clean(title, length=TITLE_LENGTH) or clean(PurePath(name).stem, length=TITLE_LENGTH),
        original_name=name,
        size=upload.size,
        duration=found.duration,
        width=found.width,
        height=found.height,
        frame_rate=f"{found.frame_rate.numerator}/{found.frame_rate.denominator}",
        frames=found.frames,
        info=found.info,
    )
    try:
        video.file.save(f"source.{found.container}", upload, save=False)
        video.poster.save("poster.jpg", ContentFile(found.poster), save=False)
        with transaction.atomic():
            member = user_lock(pk=owner.pk)
            if member is None or (sent and not Upload.objects.filter(pk=sent.pk).delete()[0]):
                raise UploadGone
            # Again, now alone: two uploads at once must not both take the last free bytes.
            selectors.room_of(member).check(video.size)
            video.save(force_insert=True)
    except BaseException:
        files.delete(video.file, video.poster)
        raise
    return video


@transaction.atomic
def video_update(
    *, video: Video, title: str | None = None, tags: Iterable[str] | None = None
) -> Video:
    """Change the title or the tags (those given) of `video`.

    Raises:
        DetailsRefused: the title is empty, or a tag too long, or they are too many.
    """
    if title is not None:
        video.title = clean(title, length=TITLE_LENGTH)
        if not video.title:
            raise DetailsRefused("title_missing", "A video needs a title.")
        video.save(update_fields=["title"])
    if tags is not None:
        video.tags.set(_tags(owner=video.owner, names=tags))
    return video


@transaction.atomic
def video_delete(*, video: Video) -> None:
    """Remove `video` with its conversions; the files follow once that is committed."""
    user_lock(pk=video.owner_id)
    video.delete()


def clean(text: str, *, length: int | None) -> str:
    """`text` as we keep names: composed, without control characters or stray spaces, cut."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join(_NOT_IN_NAMES.sub(" ", composed).split())[:length].strip()


def _tags(*, owner: User, names: Iterable[str]) -> list[Tag]:
    wanted = sorted({clean(name, length=None).lower() for name in names} - {""})
    if len(wanted) > TAGS_PER_VIDEO:
        raise DetailsRefused("too_many_tags", f"A video can have up to {TAGS_PER_VIDEO} tags.")
    for name in wanted:
        if len(name) > TAG_LENGTH:
            raise DetailsRefused(
                "tag_too_long", f"A tag can have up to {TAG_LENGTH} characters; “{name}” has more."
            )
    return [Tag.objects.get_or_create(owner=owner, name=name)[0] for name in wanted]


def _on_disk(upload: "UploadedFile[bytes]", *, folder: Path) -> Path:
    """The path of the upload's bytes; small ones that came in memory are written to `folder`."""
    if hasattr(upload, "temporary_file_path"):
        return Path(upload.temporary_file_path())
    with (folder / "upload").open("wb") as copy:
        shutil.copyfileobj(upload, copy)
    upload.seek(0)
    return folder / "upload"
