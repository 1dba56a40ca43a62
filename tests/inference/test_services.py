"""What members and reviewers do with conversions."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from redis import Redis

from accounts.models import User
from inference import queue, services
from inference.engine.settings import ConversionSettings
from inference.errors import ConversionBusy, ConversionRefused
from inference.models import Conversion, Mode, Review
from inference.states import FINAL, State
from tests.inference.conftest import slow_motion, state_of
from videos.models import Video
from videos.services import video_delete

SETTINGS = ConversionSettings(rate=Fraction(30), slowness=Fraction(2))


@pytest.mark.django_db(transaction=True)
def test_creation_stores_a_queued_row_and_puts_its_id_and_nothing_else_on_the_queue(
    video: Video, valkey: "Redis"
) -> None:
    conversion = slow_motion(video)
    assert (conversion.state, conversion.attempt) == (State.QUEUED, 0)
    assert conversion.frames_total == 30
    assert ConversionSettings.from_dict(conversion.settings) == SETTINGS
    (job,) = queue.get_queue().get_jobs()
    assert job.id == str(conversion.pk)
    assert (job.args, job.kwargs) == ([str(conversion.pk)], {})
    assert b"pickle" not in job.data and job.data.startswith(b"[")


@pytest.mark.django_db(transaction=True)
def test_the_id_reaches_the_queue_only_when_the_row_is_committed(
    video: Video, valkey: "Redis"
) -> None:
    with transaction.atomic():
        slow_motion(video)
        assert queue.get_queue().get_job_ids() == []
    assert len(queue.get_queue().get_job_ids()) == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_queue_the_row_stays_queued_and_no_worker_is_counted(video: Video) -> None:
    assert state_of(slow_motion(video)) == State.QUEUED
    assert queue.workers_listening() == 0


@pytest.mark.django_db
def test_settings_that_do_not_fit_are_refused_with_the_engines_reason(video: Video) -> None:
    with pytest.raises(ConversionRefused) as refusal:
        services.conversion_create(
            video=video, mode=Mode.SLOW, settings=replace(SETTINGS, slowness=Fraction(1, 2))
        )
    assert refusal.value.code
    assert not Conversion.objects.exists()


@pytest.mark.django_db
def test_a_result_of_too_many_frames_is_refused_and_the_limit_named(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "FRAME_LIMIT", 29)
    with pytest.raises(ConversionRefused, match="30 frames; the limit is 29"):
        slow_motion(video)


@pytest.mark.django_db
def test_a_waiting_conversion_is_cancelled_at_once(video: Video) -> None:
    conversion = slow_motion(video)
    services.conversion_cancel(conversion=conversion)
    assert state_of(conversion) == State.CANCELLED
    assert conversion.finished_at is not None


@pytest.mark.django_db
def test_a_running_conversion_is_asked_to_stop_and_asking_again_changes_nothing(
    video: Video,
) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(state=State.RUNNING, attempt=1)
    services.conversion_cancel(conversion=conversion)
    services.conversion_cancel(conversion=conversion)
    assert state_of(conversion) == State.CANCELLING


@pytest.mark.django_db
@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_has_ended_cannot_be_cancelled(video: Video, state: State) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(state=state)
    with pytest.raises(ConversionBusy, match="already ended"):
        services.conversion_cancel(conversion=conversion)
    assert state_of(conversion) == state


def delete_conversion(conversion: Conversion) -> None:
    services.conversion_delete(conversion=conversion)


def delete_video(conversion: Conversion) -> None:
    video_delete(video=conversion.video)


def delete_member(conversion: Conversion) -> None:
    conversion.video.owner.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", [delete_conversion, delete_video, delete_member])
def test_deletion_takes_the_conversions_files_with_it(video: Video, delete: Any) -> None:
    conversion = slow_motion(video)
    folder = f"conversions/{conversion.pk}"
    for name in ("1/result.mp4", "2/result.mp4"):
        default_storage.save(f"{folder}/{name}", ContentFile(b"video"))
    delete(conversion)
    assert not Conversion.objects.exists()
    assert not default_storage.exists(folder)


@pytest.mark.django_db
def test_a_review_is_recorded_with_its_reviewer(video: Video, staff: User) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(state=State.SUCCEEDED)
    conversion.refresh_from_db()
    services.conversion_review(
        conversion=conversion, reviewer=staff, decision=Review.FLAGGED, note="Melts at 0:02."
    )
    conversion.refresh_from_db()
    assert (conversion.review, conversion.review_note) == (Review.FLAGGED, "Melts at 0:02.")
    assert conversion.reviewed_by == staff
    assert conversion.reviewed_at is not None


@pytest.mark.django_db
def test_an_unfinished_conversion_cannot_be_reviewed(video: Video, staff: User) -> None:
    with pytest.raises(ConversionBusy, match="has ended"):
        services.conversion_review(
            conversion=slow_motion(video), reviewer=staff, decision=Review.APPROVED
        )


@pytest.mark.django_db
def test_a_member_sees_only_conversions_of_their_own_videos(
    video: Video, member: User, other_member: User
) -> None:
    conversion = slow_motion(video)
    assert list(Conversion.objects.visible_to(member)) == [conversion]
    assert not Conversion.objects.visible_to(other_member).exists()
