"""The streaming pipeline: decode | interpolate | encode, for a whole clip or a segment of it.

Each stage has its own thread and the queues between them are bounded, so memory depends on the
size of a frame and never on the length of the clip. Recorded frames go from the decoder to the
encoder as the planes they are; only the frames in between ever were RGB.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from inference.engine.errors import Cancelled, MediaRefused
from inference.engine.fidelity import Fidelity
from inference.engine.holdout import HoldOut, spread
from inference.engine.interpolator import Interpolator
from inference.engine.plan import Plan, Segment
from inference.engine.report import Tally
from inference.engine.scenes import Link, SceneWatcher, thumbnail
from inference.engine.stages import Behind, ahead
from inference.engine.timeline import Row, RowStream
from inference.engine.video.colour import from_rgb, to_rgb
from inference.engine.video.decode import decode
from inference.engine.video.encode import Encoder
from inference.engine.video.frames import Frame, FrameFormat, Planes

DECODED_AHEAD = 3
ENCODED_BEHIND = 6
"""Frames that may wait between the stages."""
AT_ONCE = 8
"""Times synthesised in one go; between goes, a request to stop is honoured."""


@dataclass(frozen=True)
class Progress:
    """How far a conversion is; `seconds_left` supposes that the rest goes as what is done."""

    frames_done: int
    frames_total: int
    new_frames_per_second: float
    seconds_left: float
    stage: str = "interpolating"


OnProgress = Callable[[Progress], None] | None
ShouldCancel = Callable[[], bool] | None


def check(should_cancel: ShouldCancel) -> None:
    """Raise Cancelled if the caller wants to stop."""
    if should_cancel is not None and should_cancel():
        raise Cancelled


@dataclass(frozen=True)
class _Recorded:
    """A decoded frame with what the other stages need of it."""

    frame: Frame
    rgb: Tensor
    link: Link


class Pipeline:
    """One run over a segment. Call `run`, finish the file, then call `finish`."""

    def __init__(
        self,
        source: Path,
        plan: Plan,
        segment: Segment,
        interpolator: Interpolator,
        *,
        on_progress: OnProgress = None,
        should_cancel: ShouldCancel = None,
    ) -> None:
        self._source, self._plan, self._segment = source, plan, segment
        self._interpolator = interpolator
        self._on_progress, self._should_cancel = on_progress, should_cancel
        self._format = plan.format
        self._fidelity = Fidelity(self._format, first=segment.first)
        self._lead = 0
        """Recorded frames that were only looked back to."""
        self._tally = Tally()
        self._model_before = interpolator.seconds
        self._started = time.perf_counter()

    def run(self, encoder: Encoder, take: Callable[[Row], None]) -> None:
        """Hand every output frame of the segment to `encoder`, and its row to `take`.

        Rows count recorded frames from the segment's first one.
        """
        plan, trimmed = self._plan, self._plan.settings.trim_out is not None
        decoder = decode(
            self._source,
            plan.info,
            pixel_format=self._format.pixel_format,
            start=self._segment.context,
            end=plan.end if trimmed else None,
        )
        with (
            contextlib.closing(decoder),
            contextlib.closing(ahead(self._decoded(decoder), DECODED_AHEAD)) as recorded,
            Behind[Planes | Tensor](
                lambda item: encoder.write(_planes(item, self._format)), ENCODED_BEHIND
            ) as encoding,
        ):
            for row, content in self._whole_frames(recorded):
                take(row)
                encoding.put(content)
                if row.kind == "recorded" and not isinstance(content, Tensor):
                    self._fidelity.look(row, content)
                self._count(row)
        self._tally.damaged = sum(map(self._segment.owns, decoder.damage))

    def finish(self, written: Path) -> Tally:
        """What was counted, and what the encoding cost in the finished file `written`."""
        self._tally.seconds = time.perf_counter() - self._started
        self._tally.model_seconds = self._interpolator.seconds - self._model_before
        self._tally.fidelity = self._fidelity.measure(written)
        return self._tally

    def _decoded(self, decoder: Iterator[Frame]) -> Iterator[_Recorded]:
        scenes = SceneWatcher()
        for frame in decoder:
            link = scenes.look(thumbnail(frame.planes[0], self._format.bit_depth))
            yield _Recorded(frame, to_rgb(frame, self._format), link)

    def _whole_frames(self, recorded: Iterator[_Recorded]) -> Iterator[tuple[Row, Planes | Tensor]]:
        """Every output frame; the last recorded one is held to the end that the file announces."""
        stream, holdout, end = RowStream(self._plan.timeline), self._holdout(), self._segment.end
        left: _Recorded | None = None
        for right in recorded:
            check(self._should_cancel)
            time, moves = right.frame.pts, right.link is Link.MOTION
            self._count_source(left, right)
            holdout.look(time, right.rgb, linked=moves)
            rows = self._own(stream.advance(time, hold=not moves))
            yield from self._between(left or right, right, rows)
            left = right
            # A sample that is due in this segment may be found beyond its end.
            if end is not None and time >= end and not holdout.waiting:
                break
        else:
            if left is None:
                raise MediaRefused("no_frames", "No picture of this video could be decoded.")
            for row in self._own(stream.finish(self._plan.end)):
                yield row, left.frame.planes
        self._tally.samples = [replace(s, frame=s.frame - self._lead) for s in holdout.samples]

    def _holdout(self) -> HoldOut:
        plan, segment = self._plan, self._segment
        due = spread(plan.start, plan.end, plan.info.frame_rate)
        return HoldOut(
            self._interpolator,
            self._format,
            [time for time in due if segment.owns(time)],
            until=next((t for t in due if segment.end is not None and t >= segment.end), None),
        )

    def _own(self, rows: list[Row]) -> list[Row]:
        """Those of the segment, with recorded frames counted from its first one."""
        first, last = self._segment.first, self._segment.last
        return [replace(r, left=r.left - self._lead) for r in rows if first <= r.index < last]

    def _between(
        self, left: _Recorded, right: _Recorded, rows: list[Row]
    ) -> Iterator[tuple[Row, Planes | Tensor]]:
        """The output frames from one recorded frame up to the next."""
        waiting: list[Row] = []
        for row in rows:
            if row.kind == "synthesised":
                waiting.append(row)
            else:
                shown = left if row.shown == row.left else right
                yield row, shown.frame.planes
        for start in range(0, len(waiting), AT_ONCE):
            check(self._should_cancel)
            some = waiting[start : start + AT_ONCE]
            made = self._interpolator.interpolate(
                left.rgb,
                right.rgb,
                [float(row.t) for row in some],
                before_each=lambda: check(self._should_cancel),
            )
            for row, frame, confidence in zip(some, made.frames, made.confidence, strict=True):
                yield row.with_confidence(confidence), frame

    def _count_source(self, left: _Recorded | None, right: _Recorded) -> None:
        """Count a recorded frame, and what lies between it and the one before."""
        owns = self._segment.owns
        if owns(right.frame.pts):
            self._tally.sources += 1
        elif right.frame.pts < self._segment.begin:
            self._lead += 1
        if left is not None and owns(left.frame.pts):
            self._tally.cuts += right.link is Link.CUT
            self._tally.repeats += right.link is Link.REPEAT

    def _count(self, row: Row) -> None:
        self._tally.count(row)
        if self._on_progress is None:
            return
        done, total = self._tally.frames, self._segment.frames
        elapsed = time.perf_counter() - self._started
        self._on_progress(
            Progress(
                frames_done=done,
                frames_total=total,
                new_frames_per_second=self._tally.synthesised / elapsed,
                seconds_left=elapsed / done * (total - done),
            )
        )


def _planes(content: Planes | Tensor, format: FrameFormat) -> Planes:
    return from_rgb(content, format) if isinstance(content, Tensor) else content
