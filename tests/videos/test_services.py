import struct
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image

from accounts.models import User
from accounts.services import user_delete
from tests.engine import clips
from tests.videos.conftest import RowMaker, uploaded
from videos import services
from videos.errors import DetailsRefused, UploadRefused
from videos.models import Tag, Video

pytestmark = pytest.mark.django_db


def _stored(media: Path) -> list[str]:
    return sorted(str(path.relative_to(media)) for path in media.rglob("*"))


# What comes in


def test_an_uploaded_clip_has_its_facts_its_poster_and_names_of_our_own(
    member: User, clip: Path, media: Path
) -> None:
    video = services.video_create(owner=member, upload=uploaded(clip, "My run.MOV"))
    video.refresh_from_db()
    assert (video.title, video.original_name) == ("My run", "My run.MOV")
    assert (video.width, video.height, video.frames, video.frame_rate) == (96, 64, 12, "30/1")
    assert video.duration == pytest.approx(0.4)
    assert video.size == clip.stat().st_size
    assert video.info["codec"] == "h264"
    assert video.file.name == f"videos/{video.pk}/source.mp4"
    assert video.file.open().read() == clip.read_bytes()
    with Image.open(media / video.poster.name) as poster:
        assert (poster.format, poster.size) == ("JPEG", (96, 64))


def test_a_title_given_with_the_upload_wins_over_the_file_name(member: User, clip: Path) -> None:
    video = services.video_create(owner=member, upload=uploaded(clip), title=" Long  jump ")
    assert video.title == "Long jump"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Zürich 🏃‍♀️ 走る.mp4", "Zürich 🏃‍♀️ 走る"),
        (unicodedata.normalize("NFD", "Café.mp4"), "Café"),
        ("evil\u202egnp.mp4", "evil gnp"),
        ("../../etc/passwd", "passwd"),
        ("x" * 230 + ".mp4", "x" * 200),
        (".mp4", ".mp4"),
    ],
)
def test_any_file_name_becomes_a_title_and_never_a_path(
    member: User, clip: Path, name: str, title: str
) -> None:
    video = services.video_create(owner=member, upload=uploaded(clip, name))
    assert video.title == title
    assert video.file.name == f"videos/{video.pk}/source.mp4"


def test_the_poster_of_a_rotated_anamorphic_clip_is_upright_and_in_shape(
    member: User, media: Path, tmp_path: Path
) -> None:
    pictures = clips.pan(3, width=96, height=64)
    path = clips.render(tmp_path / "a.mp4", pictures, rotation=90, sample_aspect_ratio=2)
    video = services.video_create(owner=member, upload=uploaded(path))
    assert (video.width, video.height) == (64, 96)
    with Image.open(media / video.poster.name) as poster:
        assert poster.size == (32, 96)  # pixels twice as wide as high, turned: half as wide


def test_a_large_picture_has_a_poster_640_wide(member: User, media: Path, tmp_path: Path) -> None:
    path = clips.render(tmp_path / "a.mp4", clips.pan(1, width=1280, height=720))
    video = services.video_create(owner=member, upload=uploaded(path))
    with Image.open(media / video.poster.name) as poster:
        assert poster.size == (640, 360)


# What does not


def _truncated(clip: bytes) -> bytes:
    return clip[: len(clip) // 3]


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///x"/></svg>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"Just some text, renamed.\n" * 40, "not_a_video"),
        (b"<!doctype html><script>alert(1)</script>", "not_a_video"),
        (SVG, "not_a_video"),
        (PLAYLIST, "not_a_video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not_a_video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not_a_video"),
        (struct.pack(">I", 24) + b"ftypisom" + bytes(2000), "corrupt"),
    ],
)
def test_what_is_not_a_video_is_refused_whatever_it_is_called(
    member: User, media: Path, content: bytes, code: str
) -> None:
    file = media.parent / "holiday.mp4"
    file.write_bytes(content)
    with pytest.raises(UploadRefused) as refusal:
        services.video_create(owner=member, upload=uploaded(file))
    assert refusal.value.code == code
    assert refusal.value.message.endswith((".", "?"))
    assert not Video.objects.exists()
    assert _stored(media) == []


def test_a_clip_cut_off_in_the_middle_is_refused_as_damaged(
    member: User, clip: Path, media: Path
) -> None:
    file = media.parent / "cut.mp4"
    file.write_bytes(_truncated(clip.read_bytes()))
    with pytest.raises(UploadRefused) as refusal:
        services.video_create(owner=member, upload=uploaded(file))
    assert refusal.value.code == "corrupt"


def test_a_file_above_the_limit_is_refused_with_the_limit(
    member: User, clip: Path, settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 5 * 1024
    with pytest.raises(UploadRefused, match=r"5\.0.KB") as refusal:
        services.video_create(owner=member, upload=uploaded(clip))
    assert refusal.value.code == "too_large"


def test_a_file_beyond_the_quota_is_refused_with_what_is_free(member: User, clip: Path) -> None:
    member.storage_quota = clip.stat().st_size + 100
    member.save()
    services.video_create(owner=member, upload=uploaded(clip))
    with pytest.raises(UploadRefused, match=r"100.bytes") as refusal:
        services.video_create(owner=member, upload=uploaded(clip))
    assert refusal.value.code == "quota_exceeded"


def test_the_quota_is_counted_again_when_the_row_is_written(
    member: User, clip: Path, media: Path
) -> None:
    outdated = User.objects.get(pk=member.pk)
    User.objects.filter(pk=member.pk).update(storage_quota=10)
    with pytest.raises(UploadRefused) as refusal:
        services.video_create(owner=outdated, upload=uploaded(clip))
    assert refusal.value.code == "quota_exceeded"
    assert _stored(media / "videos") == []


# Title and tags


def test_tags_are_lower_case_once_each_and_shared_between_videos(
    video: Video, row: RowMaker
) -> None:
    services.video_update(video=video, tags=[" Sprint", "sprint", "Ünal", ""])
    services.video_update(video=row("Other"), tags=["SPRINT"])
    assert [tag.name for tag in video.tags.all()] == ["sprint", "ünal"]
    assert Tag.objects.count() == 2


def test_tags_of_two_members_are_apart(member: User, other_member: User, row: RowMaker) -> None:
    services.video_update(video=row("Mine"), tags=["sprint"])
    theirs = row("Theirs", owner=other_member)
    services.video_update(video=theirs, tags=["sprint"])
    assert [tag.owner for tag in Tag.objects.all()] == [member, other_member]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": " \n "}, "title_missing"),
        ({"tags": ["x" * 51]}, "tag_too_long"),
        ({"tags": [str(k) for k in range(21)]}, "too_many_tags"),
    ],
)
def test_impossible_titles_and_tags_are_refused_and_change_nothing(
    row: RowMaker, changes: dict[str, Any], code: str
) -> None:
    video = row("Before", tags=("one",))
    with pytest.raises(DetailsRefused) as refusal:
        services.video_update(video=video, **{"title": "After", "tags": ["two"], **changes})
    assert refusal.value.code == code
    video.refresh_from_db()
    assert (video.title, [tag.name for tag in video.tags.all()]) == ("Before", ["one"])


# What leaves


@pytest.mark.django_db(transaction=True)
def test_a_deleted_video_leaves_no_file_and_no_folder(video: Video, media: Path) -> None:
    assert default_storage.exists(video.file.name)
    services.video_delete(video=video)
    assert _stored(media / "videos") == []


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_is_rolled_back_keeps_the_files(video: Video) -> None:
    name = video.file.name
    with pytest.raises(RuntimeError), transaction.atomic():
        services.video_delete(video=video)
        raise RuntimeError
    assert default_storage.exists(name)


@pytest.mark.django_db(transaction=True)
def test_a_member_who_leaves_takes_the_files_along(video: Video, member: User, media: Path) -> None:
    user_delete(user=member)
    assert _stored(media / "videos") == []
