"""The frame rate behind a file's timestamps.

Containers round timestamps to a tick: Matroska to a millisecond, so that 30 frames a second
read 0, 33, 67, 100 ms. Taken at their word no output time would ever meet a recorded frame.
Here the rounding is seen through: if every timestamp lies within one tick of a regular grid,
the grid is what the camera meant.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

_STANDARD_RATES = [
    *(Fraction(whole * 1000, 1001) for whole in (24, 30, 60, 120)),
    *(Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 100, 120, 240)),
]
_FINE_TICKS = 4
"""A grid step of fewer ticks than this must be met exactly: rounding could mimic any grid."""
_USUAL_GAP = 3
"""Half of the steps of a grid may be at most this long, else the grid is finer than the clip."""


@dataclass(frozen=True)
class Clock:
    """What the timestamps say.

    Attributes:
        rate: nominal frames per second.
        on_grid: every timestamp is start + k / rate for a whole k, but for rounding.
        variable: frames do not follow each other at equal distances.
    """

    rate: Fraction
    on_grid: bool
    variable: bool


def measure(ticks: Sequence[int], *, tick: Fraction, hints: Iterable[Fraction | None]) -> Clock:
    """Find the clock behind sorted, distinct timestamps.

    Args:
        ticks: timestamps in units of `tick` seconds.
        hints: rates that the container names, the most trusted first.
    """
    known = [hint for hint in hints if hint is not None and 0 < hint <= 1000]
    if len(ticks) < 2:
        return Clock(known[0] if known else Fraction(30), on_grid=True, variable=False)
    times = np.asarray(ticks, np.int64) - ticks[0]
    typical = 1 / (Fraction(int(np.median(np.diff(times)))) * tick)
    on_grid = [rate for rate in _candidates(known, typical) if _steps(times, rate * tick)]
    for rate in on_grid:
        if _steps(times, rate * tick) == {1}:
            return Clock(rate, on_grid=True, variable=False)
    if on_grid:
        return Clock(on_grid[0], on_grid=True, variable=True)
    return Clock(next(_candidates([], typical)), on_grid=False, variable=True)


def _candidates(known: Iterable[Fraction], typical: Fraction) -> Iterator[Fraction]:
    """Rates to try: the container's, the standard ones near the typical step, the step itself."""
    for rate in known:
        # Matroska says 19001/317 where 60000/1001 is meant.
        yield from _standards_near(rate, rate / 10_000)
        yield rate
    yield from _standards_near(typical, typical / 50)
    yield typical


def _standards_near(rate: Fraction, tolerance: Fraction) -> list[Fraction]:
    near = [standard for standard in _STANDARD_RATES if abs(standard - rate) <= tolerance]
    return sorted(near, key=lambda standard: abs(standard - rate))


def _steps(times: np.ndarray[tuple[int, ...], np.dtype[np.int64]], rate: Fraction) -> set[int]:
    """Distances between neighbours in grid steps, `rate` per tick; empty if they fit no grid."""
    places = times * float(rate)
    grid = np.rint(places)
    tolerance = 1.0 if 1 / rate >= _FINE_TICKS else 0.0
    if np.abs(places - grid).max() > (tolerance + 1e-6) * float(rate):
        return set()
    steps = np.diff(grid.astype(np.int64))
    if steps.min() < 1 or np.median(steps) > _USUAL_GAP or np.gcd.reduce(steps) != 1:
        return set()
    return set(steps.tolist())
