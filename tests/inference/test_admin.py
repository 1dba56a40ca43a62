"""Staff review conversions; what they open is logged, and nobody else gets in."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.models import User
from inference.models import Conversion, Review
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion
from tests.inference.results import failed, finished
from videos.models import Tag, Video

INDEX = "/admin/inference/conversion/review/"


@pytest.fixture
def conversion(video: Video, tmp_path: Path) -> Conversion:
    return finished(video, tmp_path)


def detail(conversion: Conversion) -> str:
    return reverse("admin:inference_conversion_review_detail", args=[conversion.pk])


def titles(client: Client, **filters: str) -> list[str]:
    page = client.get(INDEX, filters).context["page"]
    return [conversion.video.title for conversion in page]


def named(owner: User, folder: Path, title: str, **columns: Any) -> Conversion:
    folder.mkdir()
    video = add_video(owner, clips.moving(folder / "clip.mp4"))
    video.title = title
    video.save()
    return finished(video, folder, **columns)


@pytest.mark.parametrize("who", ["client", "member_client", "other_client"])
@pytest.mark.parametrize("path", ["", "file", "map", "comparison"])
def test_the_review_is_for_staff_only(
    request: pytest.FixtureRequest, conversion: Conversion, who: str, path: str
) -> None:
    client: Client = request.getfixturevalue(who)
    for url in (INDEX, detail(conversion) + path):
        for response in (client.get(url), client.post(url)):
            assert response.status_code in (302, 403)
    assert not LogEntry.objects.exists()


def test_staff_without_rights_on_models_find_the_review_and_may_use_it(
    member_client: Client, member: User, conversion: Conversion
) -> None:
    member.is_staff = True
    member.save()
    assert INDEX in member_client.get("/admin/").content.decode()
    assert member_client.get(detail(conversion)).status_code == 200


def test_every_model_is_in_the_admin(staff_client: Client, conversion: Conversion) -> None:
    assert {Conversion, Video, Tag} <= set(site._registry)
    for page in ("", f"{conversion.pk}/change/"):
        assert staff_client.get(f"/admin/inference/conversion/{page}").status_code == 200


def test_the_worst_gain_over_blending_comes_first_and_unmeasured_last(
    staff_client: Client, member: User, tmp_path: Path
) -> None:
    named(member, tmp_path / "a", "good", psnr=36.0, blend_psnr=30.0)
    named(member, tmp_path / "b", "unmeasured", psnr=None, blend_psnr=None)
    named(member, tmp_path / "c", "bad", psnr=31.0, blend_psnr=30.5)
    assert titles(staff_client) == ["bad", "good", "unmeasured"]
    assert titles(staff_client, sorting="oldest") == ["good", "unmeasured", "bad"]


def test_the_list_is_filtered_by_state_and_review(
    staff_client: Client, video: Video, conversion: Conversion
) -> None:
    failed(video)
    assert len(titles(staff_client)) == 2
    assert len(titles(staff_client, state="failed")) == 1
    assert titles(staff_client, review="flagged") == []
    assert "corrupt" in staff_client.get(INDEX).content.decode()


def test_a_decision_is_stored_and_logged(
    staff_client: Client, staff: User, conversion: Conversion
) -> None:
    response = staff_client.post(
        detail(conversion), {"decision": "flagged", "note": "Ghost at the left edge."}
    )
    assert response["Location"] == INDEX
    conversion.refresh_from_db()
    assert (conversion.review, conversion.review_note) == (
        Review.FLAGGED,
        "Ghost at the left edge.",
    )
    assert conversion.reviewed_by == staff
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (staff, str(conversion.pk))
    assert entry.change_message == "Reviewed: Flagged. Ghost at the left edge."
    assert "Ghost at the left edge." in staff_client.get(detail(conversion)).content.decode()


def test_an_unfinished_conversion_cannot_be_decided_about(
    staff_client: Client, video: Video
) -> None:
    conversion = slow_motion(video)
    response = staff_client.post(detail(conversion), {"decision": "approved"})
    assert "has ended" in response.content.decode()
    conversion.refresh_from_db()
    assert conversion.review == Review.UNREVIEWED


@pytest.mark.parametrize("kind", ["file", "map", "comparison"])
def test_opening_a_member_s_file_is_logged_once_a_look(
    staff_client: Client, staff: User, conversion: Conversion, kind: str
) -> None:
    url = reverse(f"admin:inference_conversion_review_{kind}", args=[conversion.pk])
    for part in ("bytes=0-9", "bytes=10-19"):
        assert staff_client.get(url, headers={"Range": part}).status_code == 206
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (staff, f"Opened: {kind}")
    assert entry.object_id == str(conversion.pk)


def test_the_admin_cannot_edit_what_the_worker_wrote(
    staff_client: Client, conversion: Conversion
) -> None:
    url = f"/admin/inference/conversion/{conversion.pk}/change/"
    assert staff_client.post(url, {"state": "failed"}).status_code == 403
    assert staff_client.get("/admin/inference/conversion/add/").status_code == 403
