"""What encoding costs: recorded frames as the finished file shows them, against the source.

Recorded frames reach the encoder untouched, so all that they differ by is the encoder's doing.
"""

import contextlib
from pathlib import Path
from statistics import fmean

from inference.engine.quality import psnr
from inference.engine.timeline import Row
from inference.engine.video.decode import decode
from inference.engine.video.frames import FrameFormat, Plane, Planes
from inference.engine.video.probe import UNLIMITED, probe

SAMPLES = 4
WITHIN = 120
"""Samples are among so many first output frames: the file need not be decoded any further."""


class Fidelity:
    """Keeps the luma of a few recorded frames, and looks for them in the finished file."""

    def __init__(self, format: FrameFormat) -> None:
        self._format = format
        self._kept: dict[int, Plane] = {}

    def look(self, row: Row, planes: Planes) -> None:
        """Take the next recorded output frame."""
        # Spread evenly, as an encoder spends more on the first frame than on the others.
        due = len(self._kept) * WITHIN // SAMPLES
        if len(self._kept) < SAMPLES and due <= row.index < WITHIN:
            self._kept[row.index] = planes[0]

    def measure(self, result: Path) -> float | None:
        """Mean PSNR of the samples' luma in dB; None where no recorded frame was sampled."""
        if not self._kept:
            return None
        scale = 1 << (self._format.bit_depth - 8)
        decoder = decode(result, probe(result, UNLIMITED), pixel_format=self._format.pixel_format)
        found = []
        with contextlib.closing(decoder):
            for index, frame in zip(range(max(self._kept) + 1), decoder, strict=False):
                if index in self._kept:
                    height, width = self._kept[index].shape
                    shown = frame.planes[0][:height, :width]  # without what pads odd sizes
                    found.append(psnr(shown / scale, self._kept[index] / scale))
        return fmean(found) if found else None
