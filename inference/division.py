"""Makes a long conversion in segments; runs in the worker's child.

The leader makes segments itself while others help, waits for the last ones, and joins them.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from inference import files, segments
from inference.attempts import Attempt
from inference.engine.errors import Cancelled, EngineError, PartDamaged
from inference.engine.interpolator import Interpolator
from inference.engine.pipeline import Progress
from inference.engine.plan import Plan
from inference.engine.report import ConversionReport
from inference.engine.segments import PART, convert_segment, join, sidecar
from inference.models import Conversion
from inference.progress import Beat, Reporter
from inference.segments import SegmentAttempt
from inference.trouble import storage

PAUSE_SECONDS = 0.3  # between two looks at what the helpers have done

logger = logging.getLogger(__name__)


def lead(
    attempt: Attempt,
    plan: Plan,
    source: Path,
    target: Path,
    frame_map: Path,
    model: Interpolator,
    reporter: Reporter,
    announce: Callable[[int], None],
) -> ConversionReport:
    """Converts `source` in segments; returns when `target` and `frame_map` are complete.

    Args:
        announce: told how many segments there are, once they may be helped with.

    Raises:
        Cancelled: the attempt should stop.
        EngineError: see `convert_segment` and `join`.
    """
    segments.lay_out(attempt, plan)
    announce(len(plan.segments))
    shown = _Shown(attempt, plan, reporter)
    began_again = False
    while True:
        mine = SegmentAttempt.claim(attempt.conversion_id, led_by=attempt.number)
        if mine is not None:
            _make(mine, plan, source, model, reporter.should_stop, shown.update)
        elif (stored := segments.parts(attempt.conversion_id)) is not None:
            try:
                with storage():
                    local = _local(stored, target.parent)
                return join(
                    local,
                    source,
                    target,
                    plan,
                    on_progress=reporter,
                    should_cancel=reporter.should_stop,
                    frame_map=frame_map,
                )
            except PartDamaged as error:
                logger.warning("%s", error.message, extra={"job": attempt.conversion_id})
                segments.make_again(attempt.conversion_id, error.index)
            except EngineError as error:
                if error.code != "weights_differ" or began_again:
                    raise
                # A release came between: what earlier weights made is of no use.
                began_again = True
                segments.clear(attempt.conversion_id)
                segments.lay_out(attempt, plan)
        else:
            segments.requeue_silent(attempt)
            reporter.check()
            shown.update()
            time.sleep(PAUSE_SECONDS)


def help_with(mine: SegmentAttempt, model: Interpolator, should_stop: Callable[[], bool]) -> None:
    """Makes one segment of a conversion that another worker leads.

    Raises:
        Cancelled: it should stop, or the conversion is no longer running.
        Conversion.DoesNotExist: it is gone.
        EngineError: see `convert_segment`.
    """
    conversion = Conversion.objects.select_related("video").get(pk=mine.conversion_id)
    plan = segments.plan_of(mine.conversion_id)
    if plan is None:
        raise Cancelled
    model.spares_memory = conversion.spares_memory
    with files.work_folder(mine.conversion_id, f"{mine.folder}-source") as folder:
        with storage():
            source = files.local_copy(str(conversion.video.file.name), folder)
        _make(mine, plan, source, model, should_stop, None)


def _make(
    mine: SegmentAttempt,
    plan: Plan,
    source: Path,
    model: Interpolator,
    should_stop: Callable[[], bool],
    each: Callable[[], None] | None,
) -> None:
    """Makes the segment and hands it in."""
    beat = _SegmentBeat(mine, should_stop, each)
    with files.work_folder(mine.conversion_id, mine.folder) as folder:
        part = folder / f"part.{PART}"
        try:
            convert_segment(
                source,
                part,
                plan,
                mine.index,
                model,
                on_progress=beat,
                should_cancel=beat.should_stop,
            )
            with storage():
                name = files.store(part, mine.conversion_id, mine.folder)
                files.store(sidecar(part), mine.conversion_id, mine.folder)
        except EngineError:
            mine.give_back()
            raise
    if not mine.finish(name, plan.segments[mine.index].frames):
        files.discard_quietly(mine.conversion_id, mine.folder)


class _SegmentBeat(Beat):
    """The progress of one segment; `each` is called as often as it is written."""

    def __init__(
        self,
        mine: SegmentAttempt,
        should_stop: Callable[[], bool],
        each: Callable[[], None] | None,
    ) -> None:
        super().__init__(mine, should_stop)
        self._each = each

    def __call__(self, progress: Progress) -> None:
        if not self.due():
            return
        self.write(
            frames_done=progress.frames_done, frames_per_second=progress.new_frames_per_second
        )
        if self._each is not None:
            self._each()


class _Shown:
    """The progress of all segments together, as the conversion's."""

    def __init__(self, attempt: Attempt, plan: Plan, reporter: Reporter) -> None:
        self._attempt = attempt
        self._total = plan.frames
        self._reporter = reporter
        self._started = time.monotonic()
        self._before, _ = segments.progress(attempt.conversion_id)

    def update(self) -> None:
        done, speed = segments.progress(self._attempt.conversion_id)
        made, took = done - self._before, time.monotonic() - self._started
        left = (self._total - done) * took / made if made > 0 else None
        self._reporter(Progress(done, self._total, speed, left or 0.0))


def _local(stored: Sequence[str], folder: Path) -> list[Path]:
    """The parts on this machine, each with its sidecar beside it."""
    local = []
    for index, name in enumerate(stored):
        place = folder / f"part-{index}"
        local.append(files.local_copy(name, place))
        files.local_copy(f"{name}.json", place)
    return local
