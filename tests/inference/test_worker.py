"""A real worker process with a real child, a real queue and real, tiny conversions."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest
from django.core.files.storage import default_storage

from accounts.models import User
from inference import files, queue, services
from inference.models import Conversion
from inference.reconciler import reconcile
from inference.states import State
from inference.trouble import MAX_LOSSES
from tests.conftest import _point_queues_at
from tests.engine import clips
from tests.inference.conftest import (
    WorkerProcess,
    add_video,
    slow_motion,
    start_worker,
    state_of,
    wait_for,
)
from tests.site.running import gone
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)


def finished(conversion: Conversion) -> Conversion:
    wait_for(lambda: state_of(conversion) in {"succeeded", "failed", "cancelled"})
    return conversion


def under_way(conversion: Conversion) -> Conversion:
    wait_for(lambda: state_of(conversion) == State.RUNNING and conversion.frames_done)
    return conversion


def leaves_no_files(conversion_id: uuid.UUID) -> bool:
    wait_for(lambda: conversion_id not in {pk for pk, _ in files.attempts_with_files()})
    return True


def test_a_queued_conversion_ends_with_its_result_published(
    worker: WorkerProcess, video: Video
) -> None:
    conversion = finished(slow_motion(video))
    assert conversion.state == State.SUCCEEDED, conversion.error_message
    for clip in (conversion.result, conversion.comparison):
        assert clip.read(12)[4:8] == b"ftyp"
    assert conversion.preview.read(4) == b"GIF8"
    assert conversion.frame_map_vtt.read(6) == b"WEBVTT"
    assert len(json.loads(conversion.frame_map.read())["rows"]) == 30
    assert conversion.psnr is not None
    assert conversion.blend_psnr is not None
    assert conversion.report["synthesised"] == 14
    assert conversion.frames_done == conversion.frames_total == 30
    assert conversion.model_digest
    assert conversion.result.name.startswith(f"conversions/{conversion.pk}/1/")
    assert not list(files.work_root().iterdir())


def test_a_running_conversion_stops_within_a_second_and_leaves_no_files(
    worker: WorkerProcess, long_video: Video
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    asked = time.monotonic()
    services.conversion_cancel(conversion=conversion)
    assert finished(conversion).state == State.CANCELLED
    print(f"stopped after {time.monotonic() - asked:.2f} s")
    assert leaves_no_files(conversion.pk)


def test_a_killed_child_is_noticed_at_once_and_its_conversion_done_again(
    worker: WorkerProcess, long_video: Video
) -> None:
    conversion = under_way(slow_motion(long_video))
    worker.child().kill()
    killed = time.monotonic()
    wait_for(lambda: state_of(conversion) == State.QUEUED or conversion.attempt == 2, seconds=15)
    print(f"noticed after {time.monotonic() - killed:.2f} s")
    assert finished(conversion).state == State.SUCCEEDED
    assert (conversion.attempt, conversion.losses) == (2, 1)
    assert {attempt for pk, attempt in files.attempts_with_files() if pk == conversion.pk} == {2}


def test_a_conversion_that_kills_every_child_fails_with_a_sentence_and_the_next_one_works(
    worker: WorkerProcess, long_video: Video, video: Video
) -> None:
    conversion = slow_motion(long_video, 8)
    for attempt in range(1, MAX_LOSSES + 2):
        wait_for(lambda: under_way(conversion).attempt == attempt)  # noqa: B023
        worker.child().kill()
    assert finished(conversion).state == State.FAILED
    assert conversion.error_code == "worker_lost"
    assert "ended unexpectedly" in conversion.error_message
    assert leaves_no_files(conversion.pk)
    assert finished(slow_motion(video)).state == State.SUCCEEDED


def test_a_child_out_of_memory_is_replaced_by_one_that_spares_it_once(
    worker: WorkerProcess, long_video: Video, video: Video
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    for attempt in (1, 2):
        wait_for(lambda: under_way(conversion).attempt == attempt)  # noqa: B023
        child = worker.child()
        child.rlimit(psutil.RLIMIT_AS, (1 << 20, 1 << 20))
        psutil.wait_procs([child], timeout=30)
    assert finished(conversion).state == State.FAILED
    assert conversion.spares_memory
    assert conversion.error_code == "out_of_memory"
    assert finished(slow_motion(video)).state == State.SUCCEEDED


def test_a_disk_without_room_is_named_and_the_next_one_works(
    worker: WorkerProcess, member: User, video: Video, tmp_path: Path
) -> None:
    dice = np.random.default_rng(1)
    noise = list(dice.integers(0, 256, (90, 96, 160, 3), dtype=np.uint8))  # hard to compress
    conversion = under_way(slow_motion(add_video(member, clips.render(tmp_path / "n.mp4", noise))))
    child = worker.child()
    before = child.rlimit(psutil.RLIMIT_FSIZE)
    child.rlimit(psutil.RLIMIT_FSIZE, (50_000, before[1]))
    wait_for(lambda: "The disk is full" in worker.log.read_text())
    # SQLite may have no room for the verdict either, and waits until there is some.
    child.rlimit(psutil.RLIMIT_FSIZE, before)
    assert finished(conversion).state == State.FAILED
    assert conversion.error_code == "disk_full"
    assert "no room left" in conversion.error_message
    assert leaves_no_files(conversion.pk)
    assert finished(slow_motion(video)).state == State.SUCCEEDED


def test_a_storage_that_takes_nothing_for_a_while_costs_no_conversion(
    worker: WorkerProcess, video: Video
) -> None:
    place = worker.data_dir / "media" / "conversions"
    kept = place.with_name("conversions-kept")
    if place.exists():
        place.rename(kept)
    place.write_text("a file where the storage needs a folder")
    conversion = slow_motion(video)
    wait_for(lambda: state_of(conversion) != State.FAILED and conversion.losses)
    place.unlink()
    if kept.exists():
        kept.rename(place)
    assert finished(conversion).state == State.SUCCEEDED
    assert conversion.attempt == conversion.losses + 1


def test_a_source_that_cannot_be_read_fails_with_the_engines_reason(
    worker: WorkerProcess, video: Video
) -> None:
    with default_storage.open(video.file.name, "wb") as source:
        source.write(b"not a video any more")
    conversion = finished(slow_motion(video))
    assert conversion.state == State.FAILED
    assert conversion.error_code == "not_a_video"
    assert conversion.error_message


def test_deletion_while_it_runs_stops_it_and_leaves_no_files(
    worker: WorkerProcess, long_video: Video, video: Video
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    conversion_id = conversion.pk
    services.conversion_delete(conversion=conversion)
    assert leaves_no_files(conversion_id)
    assert finished(slow_motion(video)).state == State.SUCCEEDED


def test_deleting_the_video_stops_it_even_when_the_queue_cannot_pass_it_on(
    worker: WorkerProcess,
    long_video: Video,
    video: Video,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    with monkeypatch.context() as unplugged:
        unplugged.setattr(queue, "stop", lambda conversion_id: None)
        long_video.delete()
    assert leaves_no_files(conversion.pk)
    assert finished(slow_motion(video)).state == State.SUCCEEDED


def test_a_listening_worker_is_counted(worker: WorkerProcess) -> None:
    assert queue.workers_listening() == 1


def test_an_id_that_is_delivered_twice_is_converted_once(
    worker: WorkerProcess, video: Video
) -> None:
    conversion = slow_motion(video)
    queue.enqueue(conversion.pk)
    finished(conversion)
    wait_for(lambda: not queue.known_ids())
    assert state_of(conversion) == State.SUCCEEDED
    assert conversion.attempt == 1


@pytest.fixture
def own_worker(
    worker: WorkerProcess, valkey_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerProcess]:
    """A worker of the test's own, to be ended, on a queue the module's does not listen to."""
    other_queue = f"{valkey_server}?db=1"
    _point_queues_at(other_queue, monkeypatch)
    own = start_worker(worker.data_dir, other_queue)
    yield own
    own.process.kill()
    own.process.wait()


@pytest.fixture
def own_impatient_worker(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> WorkerProcess:
    """It must load the model meanwhile, too, which takes a busy machine long."""
    monkeypatch.setenv("SLOMO_STALL_SECONDS", "30")
    own: WorkerProcess = request.getfixturevalue("own_worker")
    return own


def test_a_worker_told_to_end_gives_its_conversion_back_and_leaves_no_process(
    own_worker: WorkerProcess, long_video: Video
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    child = own_worker.child()
    own_worker.process.terminate()
    assert own_worker.process.wait(timeout=60) == 0
    assert not child.is_running()
    assert state_of(conversion) == State.QUEUED
    assert conversion.losses == 0
    assert leaves_no_files(conversion.pk)
    services.conversion_cancel(conversion=conversion)


def test_a_child_that_hangs_is_replaced(
    own_impatient_worker: WorkerProcess, long_video: Video
) -> None:
    conversion = under_way(slow_motion(long_video))
    own_impatient_worker.child().suspend()
    assert finished(conversion).state == State.SUCCEEDED
    assert (conversion.attempt, conversion.losses) == (2, 1)


def test_a_killed_worker_takes_its_child_along_and_the_reconciler_requeues(
    own_worker: WorkerProcess, long_video: Video
) -> None:
    conversion = under_way(slow_motion(long_video, 8))
    child = own_worker.child()
    own_worker.process.kill()
    own_worker.process.wait()
    assert gone([child])
    assert state_of(conversion) == State.RUNNING
    reconcile(lost_after=timedelta(0))
    assert state_of(conversion) == State.QUEUED
    assert conversion.losses == 1
    assert leaves_no_files(conversion.pk)
    services.conversion_cancel(conversion=conversion)
