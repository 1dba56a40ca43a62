"""The pages of videos and conversions: who gets them, and what they say."""

import json
import uuid
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from redis import Redis

from inference.models import Conversion
from inference.queue import get_queue
from inference.states import State
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion
from tests.inference.results import FRAMES, failed, finished
from videos.models import Video

SLOW = {"mode": "slow", "factor": "8", "played_at": "", "audio": "auto", "codec": "h264"}

VIDEO_PAGES = [("video", "get"), ("conversion-create", "post")]
CONVERSION_PAGES = [
    ("conversion", "get"),
    ("conversion-cancel", "post"),
    ("conversion-retry", "post"),
    ("conversion-delete", "get"),
    ("conversion-delete", "post"),
]
JSON_PAGES = [("conversion-estimate", "get"), ("conversion-status", "get")]
MEDIA = [
    "conversion-file",
    "conversion-map",
    "conversion-vtt",
    "conversion-comparison",
    "conversion-preview",
]


@pytest.fixture
def conversion(video: Video, tmp_path: Path) -> Conversion:
    return finished(video, tmp_path)


def address(name: str, conversion: Conversion) -> str:
    of_video = name in ("video", "conversion-create", "conversion-estimate")
    return reverse(name, args=[conversion.video_id if of_video else conversion.pk])


# Who gets what


@pytest.mark.parametrize(("name", "method"), VIDEO_PAGES + CONVERSION_PAGES)
def test_a_stranger_is_sent_to_sign_in(
    client: Client, conversion: Conversion, name: str, method: str
) -> None:
    response = getattr(client, method)(address(name, conversion))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert Conversion.objects.count() == 1


@pytest.mark.parametrize(("name", "method"), JSON_PAGES)
def test_a_stranger_s_program_gets_401(
    client: Client, conversion: Conversion, name: str, method: str
) -> None:
    response = getattr(client, method)(address(name, conversion))
    assert response.status_code == 401
    assert "error" in response.json()


@pytest.mark.parametrize("who", ["client", "other_client", "staff_client"])
@pytest.mark.parametrize("name", MEDIA)
def test_media_are_404_to_everyone_but_the_owner(
    request: pytest.FixtureRequest, conversion: Conversion, name: str, who: str
) -> None:
    client: Client = request.getfixturevalue(who)
    assert client.get(address(name, conversion)).status_code == 404
    assert client.head(address(name, conversion)).status_code == 404


@pytest.mark.parametrize("who", ["other_client", "staff_client"])
@pytest.mark.parametrize(("name", "method"), VIDEO_PAGES + CONVERSION_PAGES + JSON_PAGES)
def test_another_s_page_is_404_and_nothing_changes(
    request: pytest.FixtureRequest, conversion: Conversion, name: str, method: str, who: str
) -> None:
    client: Client = request.getfixturevalue(who)
    assert getattr(client, method)(address(name, conversion), SLOW).status_code == 404
    conversion.refresh_from_db()
    assert conversion.state == State.SUCCEEDED
    assert Conversion.objects.count() == 1


def test_an_id_that_never_existed_looks_like_another_s(
    other_client: Client, conversion: Conversion
) -> None:
    for name in ("conversion", "conversion-status", "conversion-file"):
        foreign, unknown = (
            other_client.get(reverse(name, args=[pk]), headers={"Accept": "application/json"})
            for pk in (conversion.pk, uuid.uuid4())
        )
        assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)


@pytest.mark.parametrize("name", ["conversion-create", "conversion-cancel", "conversion-retry"])
def test_what_changes_something_is_not_done_by_get(
    member_client: Client, conversion: Conversion, name: str
) -> None:
    assert member_client.get(address(name, conversion)).status_code == 405


def test_a_forged_form_is_refused(member: Any, conversion: Conversion) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    assert client.post(address("conversion-delete", conversion)).status_code == 403


# The page of a video


def test_the_video_page_shows_its_facts_and_conversions(
    member_client: Client, conversion: Conversion
) -> None:
    page = member_client.get(conversion.video.get_absolute_url()).content.decode()
    assert "96 × 64 pixels" in page
    assert conversion.get_absolute_url() in page
    assert "33.5 dB" in page


def test_a_variable_rate_is_pointed_out(member_client: Client, member: Any, tmp_path: Path) -> None:
    video = add_video(member, clips.variable_rate(tmp_path / "phone.mp4"))
    assert "steady rate" in member_client.get(video.get_absolute_url()).content.decode()


def test_the_form_queues_a_conversion(
    member_client: Client,
    video: Video,
    valkey: Redis,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = member_client.post(reverse("conversion-create", args=[video.pk]), SLOW)
    conversion = Conversion.objects.get()
    assert response["Location"] == conversion.get_absolute_url()
    assert (conversion.state, conversion.mode) == (State.QUEUED, "slow")
    assert Fraction(conversion.settings["slowness"]) == 8
    assert get_queue().get_job_ids() == [str(conversion.pk)]


def test_preview_says_what_it_will_make_and_queues_nothing(
    member_client: Client, video: Video
) -> None:
    response = member_client.post(
        reverse("conversion-create", args=[video.pk]), SLOW | {"preview": "1"}
    )
    assert response.status_code == 200
    assert "Makes 120 frames" in response.content.decode()
    assert not Conversion.objects.exists()


@pytest.mark.parametrize(
    "wish",
    [
        {"mode": "both", "rate": "60"},
        {"trim_in": "99"},
        {"codec": "h264", "container": "webm"},
        {"factor": "custom", "factor_custom": "0.5"},
        {"factor": "custom", "factor_custom": "999999"},
    ],
)
def test_what_cannot_be_made_is_refused_in_words_with_the_form_kept(
    member_client: Client, video: Video, wish: dict[str, str]
) -> None:
    response = member_client.post(reverse("conversion-create", args=[video.pk]), SLOW | wish)
    assert response.status_code == 400
    assert 'role="alert"' in response.content.decode()
    assert not Conversion.objects.exists()


def test_the_estimate_tells_what_the_form_would_make(member_client: Client, video: Video) -> None:
    answer = member_client.get(reverse("conversion-estimate", args=[video.pk]), SLOW).json()
    assert answer["frames"] == 120
    assert answer["duration"] == 4
    assert 0 < answer["new_frames"] < 120
    assert answer["summary"].startswith("Makes 120 frames")


def test_the_estimate_learns_from_finished_conversions(
    member_client: Client, video: Video, tmp_path: Path
) -> None:
    url = reverse("conversion-estimate", args=[video.pk])
    before = member_client.get(url, SLOW).json()["seconds"]
    finished(video, tmp_path, frames_per_second=0.5)
    assert member_client.get(url, SLOW).json()["seconds"] > before + 60


def test_the_estimate_names_the_field_at_fault(member_client: Client, video: Video) -> None:
    url = reverse("conversion-estimate", args=[video.pk])
    response = member_client.get(url, SLOW | {"trim_in": "soon"})
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["trim_in"]


# The page of a conversion


def test_a_waiting_conversion_says_that_no_worker_listens(
    member_client: Client, video: Video
) -> None:
    conversion = slow_motion(video)
    assert "No worker is listening" in (
        member_client.get(conversion.get_absolute_url()).content.decode()
    )
    status = member_client.get(address("conversion-status", conversion)).json()
    assert status["problem"].startswith("No worker is listening")
    assert (status["finished"], status["can_cancel"], status["fraction"]) == (False, True, None)


def test_a_waiting_conversion_says_how_many_are_before_it(
    member_client: Client, video: Video
) -> None:
    for _ in range(2):
        slow_motion(video)
    status = member_client.get(address("conversion-status", slow_motion(video))).json()
    assert status["headline"] == "Waiting: 2 conversions before this one"


def test_a_running_conversion_tells_frames_speed_and_time_left(
    member_client: Client, video: Video
) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(
        state=State.RUNNING, frames_done=10, frames_total=40, frames_per_second=2.5, seconds_left=12
    )
    status = member_client.get(address("conversion-status", conversion)).json()
    assert status["fraction"] == 0.25
    assert status["facts"] == [
        "10 of 40 frames",
        "2.5 new frames per second",
        "About 12 seconds left",
    ]


def test_cancelling_a_waiting_conversion_ends_it(member_client: Client, video: Video) -> None:
    conversion = slow_motion(video)
    response = member_client.post(address("conversion-cancel", conversion), follow=True)
    assert "You stopped this conversion" in response.content.decode()
    conversion.refresh_from_db()
    assert conversion.state == State.CANCELLED


def test_cancelling_what_has_just_ended_shows_the_result(
    member_client: Client, conversion: Conversion
) -> None:
    response = member_client.post(address("conversion-cancel", conversion), follow=True)
    assert "already ended" in response.content.decode()


def test_a_failed_conversion_says_why_and_can_be_tried_again(
    member_client: Client, video: Video
) -> None:
    conversion = failed(video)
    assert "The file is damaged." in (
        member_client.get(conversion.get_absolute_url()).content.decode()
    )
    member_client.post(address("conversion-retry", conversion))
    again = Conversion.objects.exclude(pk=conversion.pk).get()
    assert (again.state, again.settings) == (State.QUEUED, conversion.settings)


def test_a_finished_conversion_shows_its_quality_beside_blending(
    member_client: Client, conversion: Conversion
) -> None:
    page = member_client.get(conversion.get_absolute_url()).content.decode()
    for text in ("33.50 dB", "28.00 dB", "0.9500", "0.8700", "twice as wide", "abababab"):
        assert text in page
    assert f'data-frames="{FRAMES}"' in page
    assert 'data-rate="30"' in page


def test_a_clip_too_short_to_measure_says_so(
    member_client: Client, video: Video, tmp_path: Path
) -> None:
    conversion = finished(video, tmp_path, psnr=None, ssim=None, blend_psnr=None, blend_ssim=None)
    assert (
        "Not measured. The clip is too short."
        in member_client.get(conversion.get_absolute_url()).content.decode()
    )


def test_deleting_asks_first_and_then_removes_the_files(
    member_client: Client, conversion: Conversion, django_capture_on_commit_callbacks: Any
) -> None:
    url, result = address("conversion-delete", conversion), Path(conversion.result.path)
    assert "Delete this conversion?" in member_client.get(url).content.decode()
    assert result.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert member_client.post(url)["Location"] == conversion.video.get_absolute_url()
    assert not Conversion.objects.exists()
    assert not result.exists()


def test_pages_have_nothing_that_the_csp_forbids(
    member_client: Client, conversion: Conversion
) -> None:
    for url in (conversion.video.get_absolute_url(), conversion.get_absolute_url()):
        page = member_client.get(url).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


# Media


def test_the_result_is_served_in_ranges(member_client: Client, conversion: Conversion) -> None:
    response = member_client.get(
        address("conversion-file", conversion), headers={"Range": "bytes=0-99"}
    )
    assert response.status_code == 206
    assert response["Content-Type"] == "video/mp4"
    assert len(b"".join(response.streaming_content)) == 100


def test_a_download_is_named_after_its_video(member_client: Client, conversion: Conversion) -> None:
    response = member_client.get(address("conversion-file", conversion), {"download": ""})
    assert response["Content-Disposition"] == 'attachment; filename="A clip slow motion.mp4"'


def test_the_frame_map_has_a_row_for_every_frame(
    member_client: Client, conversion: Conversion
) -> None:
    response = member_client.get(address("conversion-map", conversion))
    rows = json.loads(b"".join(response.streaming_content))["rows"]
    assert response["Content-Type"] == "application/json"
    assert [row["frame"] for row in rows] == list(range(FRAMES))


def test_media_of_an_unfinished_conversion_are_404(member_client: Client, video: Video) -> None:
    conversion = slow_motion(video)
    for name in MEDIA:
        assert member_client.get(address(name, conversion)).status_code == 404
