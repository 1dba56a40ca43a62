"""Conversions over the API, from asking to downloading."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from redis import Redis

from accounts import services as accounts_services
from accounts.models import ApiToken, User
from inference.models import Conversion
from inference.queue import get_queue
from inference.states import State
from tests.inference.conftest import slow_motion
from tests.inference.results import FRAMES, finished
from videos.models import Video

LIST = "/api/v1/conversions/"
ESTIMATE = "/api/v1/conversions/estimate/"
ROUTES = [
    ("get", ""),
    ("delete", ""),
    ("post", "cancel/"),
    ("get", "file/"),
    ("get", "frame-map/"),
    ("get", "quality/"),
]


@pytest.fixture
def conversion(video: Video, tmp_path: Path) -> Conversion:
    return finished(video, tmp_path)


def slow(source: Video, **wish: Any) -> dict[str, Any]:
    return {"video": str(source.pk), "mode": "slow", "slowness": 8, **wish}


def post(client: Client, url: str, body: Any) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json")


# Who gets what


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_stranger_gets_401(
    client: Client, conversion: Conversion, method: str, path: str
) -> None:
    response = getattr(client, method)(f"{LIST}{conversion.pk}/{path}")
    assert response.status_code == 401
    assert response.json()["error"]["code"]


@pytest.mark.parametrize("who", ["other_client", "staff_client"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_another_s_conversion_is_404_in_the_one_error_shape(
    request: pytest.FixtureRequest, conversion: Conversion, method: str, path: str, who: str
) -> None:
    client: Client = request.getfixturevalue(who)
    response = getattr(client, method)(f"{LIST}{conversion.pk}/{path}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert Conversion.objects.filter(state=State.SUCCEEDED).exists()


@pytest.mark.parametrize("url", [LIST, ESTIMATE])
def test_another_s_video_cannot_be_converted(other_client: Client, video: Video, url: str) -> None:
    assert post(other_client, url, slow(video)).status_code == 404
    assert not Conversion.objects.exists()


def test_the_list_has_one_s_own_conversions_only(
    member_client: Client, other_client: Client, conversion: Conversion
) -> None:
    mine = member_client.get(LIST).json()["results"]
    assert [row["id"] for row in mine] == [str(conversion.pk)]
    assert other_client.get(LIST).json()["results"] == []


# The main path


def test_a_program_asks_polls_and_downloads(
    member: User, video: Video, valkey: Redis, tmp_path: Path, transactional_db: None
) -> None:
    _, secret = accounts_services.token_create(
        user=member, name="script", scope=ApiToken.Scope.WRITE, lifetime=None
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    response = post(client, LIST, slow(video, rate=30))
    assert response.status_code == 201
    made = response.json()
    assert (made["state"], made["frames_total"]) == ("queued", 120)
    assert made["links"]["file"] is None
    assert get_queue().get_job_ids() == [made["id"]]

    done = finished(video, tmp_path)
    polled = client.get(f"{LIST}{done.pk}/").json()
    assert polled["state"] == "succeeded"
    assert polled["links"]["page"].endswith(done.get_absolute_url())
    file = client.get(polled["links"]["file"], headers={"Accept": "video/mp4"})
    assert file["Content-Type"] == "video/mp4"
    assert b"".join(file.streaming_content)[4:8] == b"ftyp"
    frame_map = client.get(polled["links"]["frame_map"])
    assert len(json.loads(b"".join(frame_map.streaming_content))["rows"]) == FRAMES
    quality = client.get(polled["links"]["quality"]).json()
    assert (quality["psnr"], quality["blend_psnr"]) == (33.5, 28.0)


def test_a_read_only_token_may_not_ask_for_a_conversion(member: User, video: Video) -> None:
    _, secret = accounts_services.token_create(
        user=member, name="viewer", scope=ApiToken.Scope.READ, lifetime=None
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert post(client, LIST, slow(video)).status_code == 403
    assert client.get(LIST).status_code == 200


def test_the_estimate_makes_nothing(member_client: Client, video: Video) -> None:
    answer = post(member_client, ESTIMATE, slow(video)).json()
    assert (answer["frames"], answer["duration"]) == (120, 4)
    assert not Conversion.objects.exists()


@pytest.mark.parametrize(
    ("wish", "slowness"), [({"slowness": "8"}, "8"), ({"slowness": None, "factor": 8.0}, "8")]
)
def test_slowness_may_be_text_or_a_number_or_called_factor(
    member_client: Client, video: Video, wish: dict[str, Any], slowness: str
) -> None:
    made = post(member_client, LIST, slow(video, **wish)).json()
    assert made["settings"]["slowness"] == slowness


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"mode": "reverse"}, "mode"),
        ({"slowness": "very"}, "slowness"),
        ({"slowness": True}, "slowness"),
        ({"slowness": 8, "factor": 4}, "factor"),
        ({"rate": [30]}, "rate"),
        ({"trim_in": -1}, "trim_in"),
        ({"codec": "gif"}, "codec"),
        ({"video": "7"}, "video"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(
    member_client: Client, video: Video, wish: dict[str, Any], field: str
) -> None:
    response = post(member_client, LIST, slow(video, **wish))
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_settings_that_do_not_fit_the_video_are_refused_with_a_code(
    member_client: Client, video: Video
) -> None:
    response = post(member_client, LIST, slow(video, trim_in=99))
    assert response.status_code == 400
    assert response.json()["error"]["code"]


def test_cancelling_stops_a_waiting_conversion_once(member_client: Client, video: Video) -> None:
    url = f"{LIST}{slow_motion(video).pk}/cancel/"
    assert member_client.post(url).json()["state"] == "cancelled"
    again = member_client.post(url)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_ended")


def test_deleting_removes_the_conversion(member_client: Client, conversion: Conversion) -> None:
    assert member_client.delete(f"{LIST}{conversion.pk}/").status_code == 204
    assert not Conversion.objects.exists()


def test_an_unfinished_conversion_has_no_file_yet(member_client: Client, video: Video) -> None:
    conversion = slow_motion(video)
    for path in ("file/", "frame-map/"):
        assert member_client.get(f"{LIST}{conversion.pk}/{path}").status_code == 404


def test_an_id_that_is_none_is_404(member_client: Client) -> None:
    assert member_client.get(f"{LIST}{uuid.uuid4()}/").status_code == 404
    assert member_client.get(f"{LIST}nonsense/").status_code == 404


def test_the_schema_is_made_without_a_warning(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(schema))
    assert "/api/v1/conversions/{id}/frame-map/" in schema.read_text()


def test_the_api_names_are_those_the_pages_link_to(conversion: Conversion) -> None:
    assert reverse("api-conversion-file", args=[conversion.pk]) == f"{LIST}{conversion.pk}/file/"
