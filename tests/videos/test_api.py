from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.services import token_create
from tests.videos.conftest import RowMaker, uploaded
from videos.models import Video

pytestmark = pytest.mark.django_db

VIDEOS = "/api/v1/videos/"


@pytest.fixture
def program(member: User) -> Client:
    """A client that has a token of `member` and no session."""
    _, secret = token_create(user=member, name="test", scope=ApiToken.Scope.WRITE, lifetime=None)
    return Client(headers={"authorization": f"Bearer {secret}"})


def test_an_upload_answers_with_the_video_and_where_it_is(program: Client, clip: Path) -> None:
    response = program.post(VIDEOS, {"file": uploaded(clip, "走る.mp4"), "title": "Run"})
    assert response.status_code == 201
    body = response.json()
    video = Video.objects.get()
    assert body["id"] == str(video.pk)
    assert (body["title"], body["original_name"]) == ("Run", "走る.mp4")
    assert (body["width"], body["height"], body["frames"]) == (96, 64, 12)
    assert body["frame_rate"] == "30/1"
    assert body["tags"] == []
    assert response["Location"].endswith(f"{VIDEOS}{video.pk}/")
    assert body["page"].endswith(f"/videos/{video.pk}/")
    assert program.get(body["file"]).getvalue() == clip.read_bytes()


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"text\n" * 99, "not_a_video")]
)
def test_a_refused_upload_answers_422_with_code_and_sentence(
    program: Client, content: bytes, code: str
) -> None:
    response = program.post(VIDEOS, {"file": SimpleUploadedFile("a.mp4", content)})
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"].endswith((".", "?"))


def test_a_file_above_the_limit_is_refused_and_not_kept(
    program: Client, clip: Path, settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 1000
    response = program.post(VIDEOS, {"file": uploaded(clip)})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "too_large"


def test_a_file_beyond_the_quota_is_refused(program: Client, clip: Path, member: User) -> None:
    member.storage_quota = 1000
    member.save()
    response = program.post(VIDEOS, {"file": uploaded(clip)})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "quota_exceeded"


def test_an_upload_without_a_file_names_the_field(program: Client) -> None:
    response = program.post(VIDEOS, {"title": "Run"})
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["file"]


def test_an_upload_as_json_is_415_in_the_shape_of_every_error(program: Client) -> None:
    response = program.post(VIDEOS, {"title": "Run"}, "application/json")
    assert response.status_code == 415
    assert set(response.json()["error"]) == {"code", "message"}


def test_a_page_s_script_may_upload_with_the_session_and_its_token_only(
    member: User, clip: Path
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    assert client.post(VIDEOS, {"file": uploaded(clip)}).status_code == 403
    token = client.get("/videos/upload/").context["csrf_token"]
    headers = {"x-csrftoken": str(token)}
    assert client.post(VIDEOS, {"file": uploaded(clip)}, headers=headers).status_code == 201


def test_the_list_comes_in_pages_newest_first(program: Client, row: RowMaker) -> None:
    for number in range(3):
        row(f"Run {number}", tags=("final",))
    first = program.get(VIDEOS, {"page_size": 2}).json()
    assert [video["title"] for video in first["results"]] == ["Run 2", "Run 1"]
    assert first["results"][0]["tags"] == ["final"]
    second = program.get(first["next"]).json()
    assert [video["title"] for video in second["results"]] == ["Run 0"]
    assert second["next"] is None


def test_title_and_tags_can_change_and_nothing_else(program: Client, row: RowMaker) -> None:
    video = row("Before", tags=("old",))
    sent = {"title": "After", "tags": ["New", "final"], "size": 1, "owner": "x"}
    response = program.patch(f"{VIDEOS}{video.pk}/", sent, "application/json")
    assert response.status_code == 200
    assert (response.json()["title"], response.json()["tags"]) == ("After", ["final", "new"])
    video.refresh_from_db()
    assert video.size == 1000


def test_a_change_of_one_leaves_the_other(program: Client, row: RowMaker) -> None:
    video = row("Before", tags=("old",))
    response = program.patch(f"{VIDEOS}{video.pk}/", {"tags": []}, "application/json")
    assert (response.json()["title"], response.json()["tags"]) == ("Before", [])


def test_impossible_tags_are_refused_in_words(program: Client, row: RowMaker) -> None:
    address = f"{VIDEOS}{row('Run').pk}/"
    response = program.patch(address, {"tags": ["x" * 51]}, "application/json")
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "tag_too_long"


def test_a_deleted_video_is_gone(program: Client, row: RowMaker) -> None:
    address = f"{VIDEOS}{row('Run').pk}/"
    assert program.delete(address).status_code == 204
    assert program.get(address).status_code == 404


def test_the_file_comes_in_ranges_whatever_is_accepted(
    program: Client, video: Video, clip: Path
) -> None:
    address = reverse("api-video-file", args=[video.pk])
    headers = {"range": "bytes=4-7", "accept": "video/mp4"}
    response = program.get(address, headers=headers)
    assert response.status_code == 206
    assert response.getvalue() == b"ftyp"
    assert response["Content-Disposition"].startswith("attachment")


def test_an_id_that_is_none_is_a_404_in_the_shape_of_every_error(program: Client) -> None:
    response = program.get(f"{VIDEOS}not-an-id/")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_the_schema_tells_how_to_upload_and_what_comes_back(client: Client) -> None:
    schema = client.get("/api/schema/", headers={"accept": "application/json"}).json()
    upload = schema["paths"]["/api/v1/videos/"]["post"]
    form = upload["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"]
    fields = schema["components"]["schemas"][form.rpartition("/")[2]]["properties"]
    assert fields["file"] == {**fields["file"], "type": "string", "format": "binary"}
    assert {"201", "400", "422"} <= set(upload["responses"])
    error = upload["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
    assert error.endswith("/Error")
    download = schema["paths"]["/api/v1/videos/{id}/file/"]["get"]
    assert {"200", "206", "404", "416"} <= set(download["responses"])
