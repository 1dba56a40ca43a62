"""Which output frame comes from where: the frame map, in exact fractions.

Output frame k of a clip with frame rate R and slowness s is shown at k/R and depicts the source
time start + k/(R s). The recorded frames around that time are its pair and t in [0, 1) its place
between them. Everything else (24 -> 60, 23.976, variable rate, trims) follows from that rule.
"""

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

Kind = Literal["recorded", "synthesised", "held"]


@dataclass(frozen=True, slots=True)
class Row:
    """One output frame.

    Attributes:
        index: k, counted from 0.
        source_time: what the frame depicts, in seconds on the source's own clock.
        left: index of the recorded frame at or before `source_time`, counted from the first one
            that was converted.
        t: place between `left` and `left + 1`, in [0, 1); 0 after the last recorded frame.
        kind: `recorded` is the camera's frame at its own time, `synthesised` was made by the
            network, `held` repeats the nearest recorded frame (see `shown`).
        confidence: how sure the network is of a synthesised frame, 0..1; None for the others.
    """

    index: int
    source_time: Fraction
    left: int
    t: Fraction
    kind: Kind
    confidence: float | None = None

    @property
    def shown(self) -> int:
        """The recorded frame that a recorded or held row shows: the nearer one in time."""
        return self.left + (self.t >= Fraction(1, 2))

    def with_confidence(self, confidence: float) -> "Row":
        """The same row once it is known how sure the network is of it."""
        return replace(self, confidence=confidence)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rule itself.

    Attributes:
        rate: R, output frames per second shown.
        slowness: s >= 1, how many seconds one source second lasts.
        start: source time of output frame 0, in seconds.
    """

    rate: Fraction
    slowness: Fraction
    start: Fraction

    def source_time(self, index: int) -> Fraction:
        """Source time that output frame `index` depicts, in seconds."""
        return self.start + index / (self.rate * self.slowness)

    def position(self, time: Fraction) -> Fraction:
        """Output frame number, not rounded, that depicts the source time `time`."""
        return (time - self.start) * self.rate * self.slowness

    def total(self, end: Fraction) -> int:
        """Count of output frames for a source that ends at `end`: never less than one."""
        return max(1, round(self.position(end)))

    def indexes(self, left: Fraction, right: Fraction) -> range:
        """Output frames depicting source times in [left, right)."""
        return range(max(0, math.ceil(self.position(left))), math.ceil(self.position(right)))

    def between(self, left: Fraction, right: Fraction) -> list[tuple[int, Fraction]]:
        """(k, t) of the output frames between two recorded frames at `left` and `right`."""
        return [
            (k, (self.source_time(k) - left) / (right - left)) for k in self.indexes(left, right)
        ]


class RowStream:
    """Makes rows as timestamps arrive, so that a clip of any length needs no list of them.

    The last row may lie beyond the clip's rounded end: take `timeline.total(end)` rows.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._left = -1
        self._left_time = timeline.start

    def advance(self, time: Fraction, *, hold: bool = False) -> list[Row]:
        """Rows from the previous recorded frame up to the one at `time`.

        Args:
            time: when the next recorded frame is shown, in seconds; never before the previous.
            hold: nothing may be synthesised between the two (a cut, or a repeated frame).
        """
        rows = []
        if self._left >= 0:
            for k, t in self.timeline.between(self._left_time, time):
                kind: Kind = "recorded" if t == 0 else "held" if hold else "synthesised"
                rows.append(Row(k, self.timeline.source_time(k), self._left, t, kind))
        self._left += 1
        self._left_time = time
        return rows

    def finish(self, end: Fraction) -> list[Row]:
        """Rows from the last recorded frame to `end`: there is nothing to interpolate towards."""
        first = max(0, math.ceil(self.timeline.position(self._left_time)))
        rows = []
        for k in range(first, self.timeline.total(end)):
            time = self.timeline.source_time(k)
            kind: Kind = "recorded" if time == self._left_time else "held"
            rows.append(Row(k, time, self._left, Fraction(0), kind))
        return rows


def frame_map(
    timestamps: Sequence[Fraction],
    end: Fraction,
    rate: Fraction,
    slowness: Fraction,
    cuts: Collection[int] = frozenset(),
    repeats: Collection[int] = frozenset(),
) -> list[Row]:
    """The whole frame map of a clip.

    Args:
        timestamps: when each recorded frame is shown, in seconds, not decreasing; at least one.
        end: when the last recorded frame stops being shown.
        rate: output frames per second.
        slowness: seconds that one source second lasts.
        cuts: indexes of frames that begin a new shot.
        repeats: indexes of frames that repeat the one before.
    """
    stream = RowStream(Timeline(rate, slowness, timestamps[0]))
    rows = []
    for index, time in enumerate(timestamps):
        rows += stream.advance(time, hold=index in cuts or index in repeats)
    rows += stream.finish(end)
    return rows[: stream.timeline.total(end)]


def snap(time: Fraction, *, start: Fraction, rate: Fraction, time_base: Fraction) -> Fraction:
    """The point of the grid start + n/rate within one tick of `time`, else `time` itself.

    Containers with coarse ticks (Matroska: 1 ms) round every timestamp; `start` is rounded as
    well, hence one whole tick and not half of one.
    """
    point = start + round((time - start) * rate) / rate
    return point if abs(point - time) <= time_base else time


def regularise(
    timestamps: Sequence[Fraction], time_base: Fraction, nominal_rate: Fraction
) -> list[Fraction]:
    """Timestamps of a constant-rate clip freed of their container's rounding.

    A clip of which even one frame lies off the grid has a variable rate: its own times stay.
    """
    if not timestamps:
        return []
    start = timestamps[0]
    grid = [start + round((time - start) * nominal_rate) / nominal_rate for time in timestamps]
    near = all(abs(a - b) <= time_base for a, b in zip(grid, timestamps, strict=True))
    distinct = all(a < b for a, b in itertools.pairwise(grid))
    return grid if near and distinct else list(timestamps)
