"""What encoding costs: recorded frames as the finished file shows them, against the source.

Recorded frames reach the encoder untouched, so all that they differ by is the encoder's doing.
"""

import contextlib
from pathlib import Path

from inference.engine.quality import psnr
from inference.engine.timeline import Row
from inference.engine.video.decode import coded_luma
from inference.engine.video.frames import FrameFormat, Plane, Planes

SAMPLES = 4
WITHIN = 120
"""Samples are among so many first output frames: the file need not be decoded any further."""


class Fidelity:
    """Keeps the luma of a few recorded frames, and looks for them in the finished file.

    Spread evenly, the first recorded frame of each of `SAMPLES` slots, as an encoder spends more
    on the first frame than on the others.

    Args:
        first: number of the file's first frame; a segment of a clip begins midway.
    """

    def __init__(self, format: FrameFormat, *, first: int = 0) -> None:
        self._format, self._first = format, first
        self._kept: dict[int, tuple[int, Plane]] = {}

    def look(self, row: Row, planes: Planes) -> None:
        """Take the next recorded output frame."""
        if row.index < WITHIN:
            self._kept.setdefault(row.index * SAMPLES // WITHIN, (row.index, planes[0]))

    def measure(self, result: Path) -> dict[int, float]:
        """By slot the PSNR of a recorded frame's luma in dB, as far as there are any."""
        slots = {index - self._first: slot for slot, (index, _) in self._kept.items()}
        if not slots:
            return {}
        scale = 1 << (self._format.bit_depth - 8)
        found = {}
        with contextlib.closing(coded_luma(result, self._format.dtype)) as pictures:
            for at, shown in zip(range(max(slots) + 1), pictures, strict=False):
                if at in slots:
                    _, kept = self._kept[slots[at]]
                    height, width = kept.shape
                    cut = shown[:height, :width]  # without what pads odd sizes
                    found[slots[at]] = psnr(cut / scale, kept / scale)
        return found
