"""Rows, queue and files are brought back into agreement."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone
from redis import Redis

from inference import files, queue
from inference.models import Conversion
from inference.reconciler import reconcile, remove_orphans
from inference.states import State
from inference.trouble import LOST_AFTER_SECONDS, MAX_LOSSES
from tests.inference.conftest import slow_motion, state_of
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(seconds=LOST_AFTER_SECONDS + 5)


def running(video: Video, *, silent_for: timedelta, **columns: Any) -> Conversion:
    """A conversion whose worker was last heard of `silent_for` ago, and the file it had begun."""
    conversion = Conversion.objects.create(
        video=video,
        mode="slow",
        settings={},
        state=columns.pop("state", State.RUNNING),
        attempt=1,
        heartbeat_at=timezone.now() - silent_for,
        **columns,
    )
    default_storage.save(f"conversions/{conversion.pk}/1/result.mp4", ContentFile(b"half"))
    return conversion


def has_files(conversion: Conversion) -> bool:
    return conversion.pk in {found for found, _ in files.attempts_with_files()}


def test_a_silent_attempt_goes_back_to_the_queue_and_its_files_go(
    video: Video, valkey: "Redis"
) -> None:
    conversion = running(video, silent_for=LONG_AGO)
    reconcile()
    assert state_of(conversion) == State.QUEUED
    assert conversion.losses == 1
    assert not has_files(conversion)
    assert queue.get_queue().get_job_ids() == [str(conversion.pk)]


def test_an_attempt_that_still_beats_is_left_alone(video: Video, valkey: "Redis") -> None:
    conversion = running(video, silent_for=timedelta(seconds=5))
    reconcile()
    remove_orphans()
    assert state_of(conversion) == State.RUNNING
    assert has_files(conversion)


def test_where_no_worker_can_be_alive_every_running_attempt_is_lost(
    video: Video, valkey: "Redis"
) -> None:
    conversion = running(video, silent_for=timedelta(0))
    reconcile(lost_after=timedelta(0))
    assert state_of(conversion) == State.QUEUED


def test_a_conversion_that_keeps_losing_its_worker_fails_with_a_sentence(
    video: Video, valkey: "Redis"
) -> None:
    conversion = running(video, silent_for=LONG_AGO, losses=MAX_LOSSES)
    reconcile()
    assert state_of(conversion) == State.FAILED
    assert conversion.error_code == "worker_lost"
    assert "interrupted" in conversion.error_message
    assert not has_files(conversion)


def test_a_stop_whose_worker_is_gone_is_done(video: Video, valkey: "Redis") -> None:
    conversion = running(video, silent_for=LONG_AGO, state=State.CANCELLING)
    reconcile()
    assert state_of(conversion) == State.CANCELLED
    assert not has_files(conversion)


def test_a_queued_row_the_queue_never_heard_of_is_put_on_it_once(
    video: Video, valkey: "Redis"
) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    valkey.flushall()
    reconcile()
    reconcile()
    assert queue.get_queue().get_job_ids() == [str(conversion.pk)]


def test_without_the_queue_lost_attempts_are_still_noticed(video: Video) -> None:
    conversion = running(video, silent_for=LONG_AGO)
    reconcile()
    assert state_of(conversion) == State.QUEUED


def test_files_of_gone_rows_and_ended_attempts_are_removed_and_results_stay(video: Video) -> None:
    done = running(video, silent_for=timedelta(0), state=State.SUCCEEDED)
    failed = running(video, silent_for=timedelta(0), state=State.FAILED)
    default_storage.save(f"conversions/{done.pk}/0/result.mp4", ContentFile(b"older"))
    gone = uuid.uuid4()
    default_storage.save(f"conversions/{gone}/1/result.mp4", ContentFile(b"orphan"))
    (files.work_root() / str(gone) / "1").mkdir(parents=True)
    remove_orphans()
    assert set(files.attempts_with_files()) == {(done.pk, 1)}
    assert not has_files(failed)


def test_the_command_does_a_round(video: Video, valkey: "Redis") -> None:
    conversion = running(video, silent_for=LONG_AGO)
    call_command("reconcile")
    assert state_of(conversion) == State.QUEUED
