"""Uploading, changing and deleting by the pages, as a browser without JavaScript does it."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.videos.conftest import RowMaker, uploaded
from videos.models import Video

pytestmark = pytest.mark.django_db

UPLOAD = "/videos/upload/"


def _text(response: Any) -> str:
    """The page as read: without tags, entities or runs of white space."""
    words = unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return " ".join(words.split())


# Uploading


def test_one_good_file_leads_to_its_page(member_client: Client, clip: Path) -> None:
    response = member_client.post(UPLOAD, {"files": uploaded(clip)})
    assert response.status_code == 302
    assert response["Location"] == f"/videos/{Video.objects.get().pk}/"


def test_several_good_files_lead_to_the_library(member_client: Client, clip: Path) -> None:
    files = [uploaded(clip, "a.mp4"), uploaded(clip, "b ü.mp4")]
    response = member_client.post(UPLOAD, {"files": files}, follow=True)
    assert response.redirect_chain == [("/videos/", 302)]
    assert "2 videos are in your library." in _text(response)
    assert {video.title for video in Video.objects.all()} == {"a", "b ü"}


def test_good_files_stay_and_each_bad_one_is_named_with_its_reason(
    member_client: Client, clip: Path
) -> None:
    files = [
        SimpleUploadedFile("notes.mp4", b"just text\n" * 100),
        uploaded(clip, "good.mp4"),
        SimpleUploadedFile("<i>.mp4", b""),
    ]
    response = member_client.post(UPLOAD, {"files": files})
    assert response.status_code == 200
    text = _text(response)
    assert "notes.mp4 : This is not a video file" in text
    assert "<i>.mp4 : This file is empty." in text
    assert "In your library now: good" in text
    assert [video.title for video in Video.objects.all()] == ["good"]


def test_only_bad_files_are_a_422(member_client: Client) -> None:
    response = member_client.post(UPLOAD, {"files": SimpleUploadedFile("a.mp4", b"text")})
    assert response.status_code == 422
    assert "Nothing came in" in _text(response)


def test_no_file_at_all_is_told(member_client: Client) -> None:
    response = member_client.post(UPLOAD)
    assert response.status_code == 422
    assert "No file was chosen" in _text(response)


def test_the_form_names_both_limits(member_client: Client, member: User, settings: Any) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 5 << 20
    member.storage_quota = 3 << 30
    member.save()
    text = _text(member_client.get(UPLOAD))
    assert "One file may have up to 5.0 MB; 3.0 GB of your 3.0 GB are free." in text


def test_a_file_above_the_limit_is_dropped_on_the_way_and_the_next_still_comes_in(
    member_client: Client, clip: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 100_000
    folder = settings.SLOMO_DATA_DIR / "incoming"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = folder
    large = SimpleUploadedFile("large.mp4", bytes(3_000_000))
    response = member_client.post(UPLOAD, {"files": [large, uploaded(clip, "good.mp4")]})
    assert "large.mp4 : This file is larger than 97.7 KB" in _text(response)
    assert [video.title for video in Video.objects.all()] == ["good"]
    assert list(folder.iterdir()) == []


def test_files_of_one_request_share_the_quota(
    member_client: Client, member: User, clip: Path
) -> None:
    member.storage_quota = int(1.5 * clip.stat().st_size)
    member.save()
    files = [uploaded(clip, "first.mp4"), uploaded(clip, "second.mp4")]
    text = _text(member_client.post(UPLOAD, {"files": files}))
    assert "In your library now: first" in text
    assert "second.mp4 : This file does not fit" in text
    assert Video.objects.count() == 1


def test_an_upload_without_the_form_s_token_is_refused(member: User, clip: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    assert client.post(UPLOAD, {"files": uploaded(clip)}).status_code == 403
    page = client.get(UPLOAD).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    sent = {"csrfmiddlewaretoken": token[1], "files": uploaded(clip)}
    assert client.post(UPLOAD, sent).status_code == 302


# Changing


def test_title_and_tags_change_by_the_form(member_client: Client, row: RowMaker) -> None:
    video = row("Before", tags=("old",))
    address = reverse("video-edit", args=[video.pk])
    page = member_client.get(address).content.decode()
    assert 'value="Before"' in page
    assert 'value="old"' in page
    response = member_client.post(address, {"title": "After", "tags": "Long jump, final,, final"})
    assert response["Location"] == f"/videos/{video.pk}/"
    video.refresh_from_db()
    assert video.title == "After"
    assert [tag.name for tag in video.tags.all()] == ["final", "long jump"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"title": "", "tags": ""}, "This field is required."),
        ({"title": "\u202e", "tags": ""}, "A video needs a title."),
        ({"title": "x", "tags": "y" * 51}, "A tag can have up to 50 characters"),
        ({"title": "x", "tags": ",".join(map(str, range(21)))}, "up to 20 tags"),
    ],
)
def test_what_cannot_be_saved_is_said_beside_what_was_typed(
    member_client: Client, row: RowMaker, sent: dict[str, str], words: str
) -> None:
    address = reverse("video-edit", args=[row("Before").pk])
    response = member_client.post(address, sent)
    assert response.status_code == 422
    assert words in _text(response)
    assert Video.objects.get().title == "Before"


# Deleting


def test_deleting_asks_first(member_client: Client, row: RowMaker) -> None:
    address = reverse("video-delete", args=[row("Run").pk])
    assert "Delete “Run”?" in _text(member_client.get(address))
    assert Video.objects.exists()
    response = member_client.post(address, follow=True)
    assert response.redirect_chain == [("/videos/", 302)]
    assert "“Run” is deleted." in _text(response)
    assert not Video.objects.exists()


# Bytes


def test_the_file_is_shown_as_what_the_probe_found_and_saved_under_its_title(
    member_client: Client, video: Video, clip: Path
) -> None:
    address = reverse("video-file", args=[video.pk])
    shown = member_client.get(address)
    assert shown.getvalue() == clip.read_bytes()
    assert shown["Content-Type"] == "video/mp4"
    assert shown["Content-Disposition"] == 'inline; filename="First try.mp4"'
    assert shown["Content-Security-Policy"] == "default-src 'none'"
    saved = member_client.get(address, {"download": ""})
    assert saved["Content-Disposition"] == 'attachment; filename="First try.mp4"'


def test_a_player_that_seeks_gets_the_bytes_from_there(
    member_client: Client, video: Video, clip: Path
) -> None:
    """As Chromium does it: all from the start, then from the middle if nothing has changed."""
    address, content = reverse("video-file", args=[video.pk]), clip.read_bytes()
    opening = member_client.get(address, headers={"range": "bytes=0-"})
    assert opening.status_code == 206
    assert opening["Content-Range"] == f"bytes 0-{len(content) - 1}/{len(content)}"
    middle = len(content) // 2
    seek = {"range": f"bytes={middle}-", "if-range": opening["ETag"]}
    response = member_client.get(address, headers=seek)
    assert response.status_code == 206
    assert response.getvalue() == content[middle:]


def test_the_poster_is_a_jpeg(member_client: Client, video: Video) -> None:
    response = member_client.get(reverse("video-poster", args=[video.pk]))
    assert response["Content-Type"] == "image/jpeg"
    assert response.getvalue().startswith(b"\xff\xd8")


def test_a_title_full_of_slashes_makes_a_plain_download_name(
    member_client: Client, video: Video
) -> None:
    Video.objects.update(title='../a\\b:"c"')
    response = member_client.get(reverse("video-file", args=[video.pk]))
    assert response["Content-Disposition"] == 'inline; filename="..-a-b--c-.mp4"'
