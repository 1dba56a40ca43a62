"""What lies between two neighbouring recorded frames: motion, a cut, or nothing at all.

Across a cut nothing can be interpolated, and a frame that repeats the one before says nothing new
about motion; in both cases the engine holds instead of melting. Decisions are made on a small
luma picture, so they cost next to nothing at any size.
"""

from collections import deque
from enum import StrEnum
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Thumbnail = NDArray[np.float32]

CELL = 8
"""Pixels of the frame for each pixel of the thumbnail, in both directions."""
CUT_DIFFERENCE = 12.0
"""Mean difference of thumbnails, codes of 8 bits, below which no pair is a cut."""
CUT_SURPRISE = 2.0
"""A cut differs by at least this many times what the pairs before it did: fast motion goes on."""
CUT_CORRELATION = 0.5
"""Thumbnails of one scene correlate better than this, even in fast motion."""
REPEAT_DIFFERENCE = 0.5
"""Largest difference of any thumbnail pixel, codes of 8 bits, that compression makes of a repeat.

The largest, not the mean: a small ball in an empty hall moves the mean by nothing.
"""
MEMORY = 12
"""Pairs that count as "before"."""


class Link(StrEnum):
    """How a recorded frame follows the one before."""

    MOTION = "motion"
    CUT = "cut"
    REPEAT = "repeat"


def thumbnail(luma: NDArray[Any], bit_depth: int) -> Thumbnail:
    """The luma plane (H, W) as means of 8x8 cells, in codes of 8 bits."""
    height, width = luma.shape
    rows, columns = max(1, height // CELL), max(1, width // CELL)
    cell_h, cell_w = min(CELL, height), min(CELL, width)
    cells = luma[: rows * cell_h, : columns * cell_w].reshape(rows, cell_h, columns, cell_w)
    means = cells.mean(axis=(1, 3), dtype=np.float32)
    means /= np.float32(1 << (bit_depth - 8))
    return np.asarray(means, np.float32)


class SceneWatcher:
    """Looks at the frames of a clip one after the other.

    Attributes:
        cuts, repeats: how many were seen.
    """

    def __init__(self) -> None:
        self.cuts = 0
        self.repeats = 0
        self._last: Thumbnail | None = None
        self._differences: deque[float] = deque(maxlen=MEMORY)

    def look(self, frame: Thumbnail) -> Link:
        """How this frame follows the one before; the first one is `motion`."""
        last, self._last = self._last, frame
        if last is None:
            return Link.MOTION
        change = np.abs(frame - last)
        difference = float(change.mean())
        if float(change.max()) <= REPEAT_DIFFERENCE:
            self.repeats += 1
            return Link.REPEAT
        usual = median(self._differences) if self._differences else 0.0
        self._differences.append(difference)
        if (
            difference > CUT_DIFFERENCE
            and difference > CUT_SURPRISE * usual
            and _correlation(frame, last) < CUT_CORRELATION
        ):
            self.cuts += 1
            return Link.CUT
        return Link.MOTION


def _correlation(a: Thumbnail, b: Thumbnail) -> float:
    """Pearson's, -1..1; of a picture without contrast, 0."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else 0.0
