"""Long conversions are shared between workers, and a lost one costs a segment."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import av
import pytest
from django.core.files.storage import default_storage

from inference import files, queue, segments, services
from inference.attempts import Attempt
from inference.engine.convert import convert
from inference.engine.interpolator import Interpolator
from inference.engine.plan import plan
from inference.engine.settings import ConversionSettings
from inference.models import Conversion, Segment, Segmentation
from inference.reconciler import reconcile, remove_orphans
from inference.segments import SegmentAttempt
from inference.states import State
from inference.trouble import MAX_LOSSES, WORKER_LOST
from tests.conftest import _point_queues_at
from tests.inference.conftest import (
    WorkerProcess,
    slow_motion,
    start_worker,
    state_of,
    wait_for,
)
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)

FRAMES = 100


@pytest.fixture
def workers(
    worker: WorkerProcess, valkey_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[WorkerProcess]]:
    """Two workers that share conversions of more than a few seconds."""
    own_queue = f"{valkey_server}?db=2"
    _point_queues_at(own_queue, monkeypatch)
    queue.get_queue().connection.flushdb()
    monkeypatch.setenv("SLOMO_SEGMENT_FRAMES", str(FRAMES))
    pair = [
        start_worker(worker.data_dir, own_queue, log=f"worker-{number}.log") for number in (1, 2)
    ]
    wait_for(lambda: queue.workers_listening() == 2)
    yield pair
    for one in pair:
        one.process.kill()
        one.process.wait()


def ended(conversion: Conversion) -> Conversion:
    wait_for(lambda: state_of(conversion) in {"succeeded", "failed", "cancelled"}, seconds=240)
    return conversion


def nothing_is_left_but_the_result(conversion: Conversion) -> bool:
    folder = files.stored_folder(conversion.pk)
    wait_for(lambda: default_storage.listdir(folder)[0] == [str(conversion.attempt)])
    wait_for(lambda: not (files.work_root() / str(conversion.pk)).exists())
    wait_for(lambda: no_rows_of(conversion))
    return True


def no_rows_of(conversion: Conversion) -> bool:
    rows = (model.objects.filter(conversion=conversion) for model in (Segment, Segmentation))
    return not any(row.exists() for row in rows)


def leader_and_helper(workers: list[WorkerProcess], conversion: Conversion) -> list[WorkerProcess]:
    """Both, once both are at it."""

    def who(words: str) -> list[WorkerProcess]:
        line = f"job={conversion.pk} {words}"
        return [one for one in workers if line in one.log.read_text()]

    [leader] = wait_for(lambda: who("Attempt 1 begins"))
    [helper] = wait_for(lambda: who("Attempt 1 at segment"))
    return [leader, helper]


def test_two_workers_share_a_long_conversion_and_the_result_is_that_of_one(
    workers: list[WorkerProcess], long_video: Video, tmp_path: Path
) -> None:
    conversion = slow_motion(long_video, 2)
    leader_and_helper(workers, conversion)
    assert ended(conversion).state == State.SUCCEEDED, conversion.error_message
    assert nothing_is_left_but_the_result(conversion)

    alone = tmp_path / "alone.mp4"
    settings = ConversionSettings.from_dict(conversion.settings)
    source = Path(long_video.file.path)
    report = convert(source, alone, settings, Interpolator(), frame_map=tmp_path / "map.json")
    rows = json.loads((tmp_path / "map.json").read_text())["rows"]
    assert json.loads(conversion.frame_map.read())["rows"] == rows
    assert conversion.psnr == pytest.approx(report.quality.psnr)
    assert conversion.frames_done == conversion.frames_total == report.frames
    times = []
    for path in (Path(conversion.result.path), alone):
        with av.open(str(path)) as container:
            times.append([frame.pts for frame in container.decode(video=0)])
    assert times[0] == times[1]


def test_a_lost_helper_costs_its_segment(workers: list[WorkerProcess], long_video: Video) -> None:
    conversion = slow_motion(long_video, 4)
    _, helper = leader_and_helper(workers, conversion)
    helper.child().kill()
    assert ended(conversion).state == State.SUCCEEDED, conversion.error_message
    assert conversion.attempt == 1
    assert nothing_is_left_but_the_result(conversion)


def test_what_is_made_outlives_the_leader(workers: list[WorkerProcess], long_video: Video) -> None:
    conversion = slow_motion(long_video, 4)
    leader, _ = leader_and_helper(workers, conversion)
    rows = Segment.objects.filter(conversion=conversion)
    wait_for(lambda: rows.filter(state=Segment.State.DONE).count() >= 3)
    leader.process.kill()
    leader.process.wait()
    made = dict(rows.filter(state=Segment.State.DONE).values_list("index", "attempt"))
    reconcile(lost_after=timedelta(0))
    seen: dict[int, int] = {}

    def over() -> bool:
        seen.update(rows.values_list("index", "attempt"))
        return state_of(conversion) not in {"queued", "running"}

    wait_for(over, seconds=240)
    assert state_of(conversion) == State.SUCCEEDED, conversion.error_message
    assert conversion.attempt == 2
    assert {index: seen[index] for index in made} == made
    assert nothing_is_left_but_the_result(conversion)


def test_a_stop_reaches_all_and_nothing_is_left(
    workers: list[WorkerProcess], long_video: Video
) -> None:
    conversion = slow_motion(long_video, 8)
    leader_and_helper(workers, conversion)
    services.conversion_cancel(conversion=conversion)
    assert ended(conversion).state == State.CANCELLED
    # Its folder stays where a segment was made before the stop, but there is nothing in it.
    stored = default_storage.path(files.stored_folder(conversion.pk))
    wait_for(lambda: not any(names for _, _, names in os.walk(stored)))
    wait_for(lambda: not (files.work_root() / str(conversion.pk)).exists())
    wait_for(lambda: no_rows_of(conversion))


# The rows alone


@pytest.fixture
def led(long_video: Video) -> Attempt:
    """A running conversion of three segments, led by its first attempt."""
    conversion = slow_motion(long_video, 2)
    attempt = Attempt.claim(conversion.pk)
    assert attempt is not None
    settings = ConversionSettings.from_dict(conversion.settings)
    layout = plan(Path(long_video.file.path), settings, frames_per_segment=200)
    assert len(layout.segments) == 3
    segments.lay_out(attempt, layout)
    return attempt


def test_each_segment_is_taken_once(led: Attempt) -> None:
    taken = [SegmentAttempt.claim(led.conversion_id) for _ in range(4)]
    assert [one and one.index for one in taken] == [0, 1, 2, None]


def test_nobody_helps_with_what_is_no_longer_running(led: Attempt) -> None:
    mine = SegmentAttempt.claim(led.conversion_id)
    assert mine is not None
    assert mine.heartbeat(frames_done=3)
    assert led.fail("no_frames", "No pictures.")
    assert not mine.heartbeat()
    assert SegmentAttempt.claim(led.conversion_id) is None


def test_a_part_that_comes_too_late_is_not_taken(led: Attempt) -> None:
    late = SegmentAttempt.claim(led.conversion_id)
    assert late is not None
    assert late.give_back()
    again = SegmentAttempt.claim(led.conversion_id)
    assert again is not None
    assert (again.index, again.number) == (0, 2)
    assert not late.finish("late", 10)
    assert again.finish("in time", 10)
    assert Segment.objects.get(conversion_id=led.conversion_id, index=0).file == "in time"


def test_the_next_leader_keeps_what_is_done_and_frees_what_the_last_was_at(led: Attempt) -> None:
    first = SegmentAttempt.claim(led.conversion_id, led_by=led.number)
    helped = SegmentAttempt.claim(led.conversion_id)
    assert first is not None
    assert helped is not None
    assert first.finish("done", 10)
    own = SegmentAttempt.claim(led.conversion_id, led_by=led.number)
    assert own is not None
    assert led.try_again(WORKER_LOST)
    led.close()
    following = Attempt.claim(led.conversion_id)
    layout = segments.plan_of(led.conversion_id)
    assert following is not None
    assert layout is not None
    segments.lay_out(following, layout)
    rows = Segment.objects.filter(conversion_id=led.conversion_id).order_by("index")
    assert [row.state for row in rows] == ["done", "running", "waiting"]


def test_a_segment_that_kills_every_worker_fails_the_conversion(led: Attempt) -> None:
    for attempt in range(MAX_LOSSES + 1):
        mine = SegmentAttempt.claim(led.conversion_id)
        assert mine is not None
        assert mine.index == 0
        assert mine.try_again(WORKER_LOST) == (attempt < MAX_LOSSES)
    conversion = Conversion.objects.get(pk=led.conversion_id)
    assert (conversion.state, conversion.error_code) == ("failed", "worker_lost")


def test_what_is_left_of_segments_is_removed_once_the_conversion_has_ended(led: Attempt) -> None:
    folder = files.stored_folder(led.conversion_id, files.segment_folder(0, 1))
    part = Path(default_storage.path(f"{folder}/part.nut"))
    part.parent.mkdir(parents=True)
    part.write_bytes(b"part")
    remove_orphans()
    assert part.exists()
    assert led.fail("no_frames", "No pictures.")
    remove_orphans()
    assert not part.exists()
    assert no_rows_of(Conversion.objects.get(pk=led.conversion_id))


def test_rows_of_segments_whose_leader_died_before_its_last_breath_are_removed(
    led: Attempt,
) -> None:
    conversion = Conversion.objects.get(pk=led.conversion_id)
    remove_orphans()
    assert not no_rows_of(conversion)
    assert led.fail("no_frames", "No pictures.")
    remove_orphans()
    assert no_rows_of(conversion)


def test_the_reconciler_calls_for_help_again_when_the_queue_forgot(
    led: Attempt, valkey_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _point_queues_at(f"{valkey_server}?db=3", monkeypatch)  # which no worker listens to
    reconcile()
    reconcile()
    assert queue.called_for_help() == {led.conversion_id}
    assert len(queue.get_queue().get_job_ids()) == 1
