"""How well a conversion can be trusted, measured on the member's own clip.

The clip has no true frames in between, so recorded frames are held out: frame i is synthesised
from its neighbours i-1 and i+1 and compared with what the camera recorded, and so is plain
blending. The gap is twice as wide as in the conversion, which makes the figures pessimistic.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from inference.engine.interpolator import Interpolator
from inference.engine.quality import Picture, blend, psnr, ssim
from inference.engine.video.colour import from_rgb, to_rgb
from inference.engine.video.frames import Frame, FrameFormat

SAMPLES = 8
"""Held-out frames of a clip; a shorter clip has fewer."""
FRAMES_PER_SAMPLE = 6
"""A short clip gets one sample for so many frames, so that measuring stays a small part."""


@dataclass(frozen=True)
class Sample:
    """One held-out frame: its index among the converted ones, and PSNR (dB) and SSIM."""

    frame: int
    psnr: float
    ssim: float
    blend_psnr: float
    blend_ssim: float


@dataclass(frozen=True)
class Quality:
    """Means over the samples, the worst sample's PSNR, and the samples themselves.

    All None or empty where nothing could be measured; then `reason` says why.
    """

    psnr: float | None = None
    ssim: float | None = None
    blend_psnr: float | None = None
    blend_ssim: float | None = None
    worst_psnr: float | None = None
    samples: list[Sample] = field(default_factory=list)
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)


def spread(start: Fraction, end: Fraction, rate: Fraction) -> list[Fraction]:
    """When frames are due to be held out of a clip of `rate` frames per second, in seconds."""
    frames = round((end - start) * rate)
    count = min(SAMPLES, -(-max(0, frames - 2) // FRAMES_PER_SAMPLE))
    return [
        start + (1 + round((k + 0.5) * (frames - 2) / count - 0.5)) / rate for k in range(count)
    ]


def summary(samples: list[Sample], *, frames: int) -> Quality:
    """The means over the samples of a clip of so many recorded frames."""
    if not samples:
        reason = (
            "The clip has fewer than three frames, so none can be held out."
            if frames < 3
            else "The clip has no three frames in a row that show one motion."
        )
        return Quality(reason=reason)
    return Quality(
        psnr=fmean(s.psnr for s in samples),
        ssim=fmean(s.ssim for s in samples),
        blend_psnr=fmean(s.blend_psnr for s in samples),
        blend_ssim=fmean(s.blend_ssim for s in samples),
        worst_psnr=min(s.psnr for s in samples),
        samples=samples,
    )


class HoldOut:
    """Watches the recorded frames of a clip pass by, and holds some of them out.

    A sample that a cut made impossible is taken at the next chance before another is due; so
    what becomes of it does not depend on the samples before it.

    Attributes:
        samples: those taken so far; frames are counted from the first one seen.
    """

    def __init__(
        self,
        interpolator: Interpolator,
        format: FrameFormat,
        due: Sequence[Fraction],
        *,
        until: Fraction | None = None,
    ) -> None:
        """
        Args:
            format: the planes that synthesised frames become.
            due: from when on a frame is to be held out, seconds, rising; see `spread`.
            until: from when on the last of them is too late.
        """
        self.samples: list[Sample] = []
        self._interpolator, self._format = interpolator, format
        self._due, self._until = list(due), until
        self._window: list[tuple[Fraction, Tensor]] = []
        self._seen = 0

    @property
    def waiting(self) -> bool:
        """Whether a sample is still to be taken."""
        return bool(self._due)

    def look(self, time: Fraction, frame: Tensor, *, linked: bool) -> None:
        """Take the next recorded frame.

        Args:
            time: when it is shown, seconds.
            frame: (3, H, W) float32 RGB.
            linked: it shows motion since the one before: neither a cut nor a repeat.
        """
        if not linked:
            self._window.clear()
        self._window.append((time, frame))
        del self._window[:-3]
        self._seen += 1
        self._forget_missed()
        if self._due and len(self._window) == 3 and self._window[1][0] >= self._due[0]:
            self._due.pop(0)
            self.samples.append(self._measure(self._seen - 2))

    def _forget_missed(self) -> None:
        """Drop what can no longer be taken in its own time."""
        earliest = self._window[-2][0] if len(self._window) > 1 else self._window[-1][0]
        while self._due:
            following = self._due[1] if len(self._due) > 1 else self._until
            if following is None or earliest < following:
                return
            self._due.pop(0)

    def _measure(self, middle: int) -> Sample:
        (time0, frame0), (time, frame), (time1, frame1) = self._window
        t = float((time - time0) / (time1 - time0))
        rgb = self._interpolator.interpolate(frame0, frame1, [t]).frames[0]
        # As it is shown: subsampled chroma has lost detail, in the recorded frame as well.
        shown = Frame(time, from_rgb(rgb, self._format))
        made = picture(to_rgb(shown, self._format))
        truth, mixed = picture(frame), blend(picture(frame0), picture(frame1), t)
        return Sample(
            frame=middle,
            psnr=psnr(made, truth),
            ssim=ssim(made, truth),
            blend_psnr=psnr(mixed, truth),
            blend_ssim=ssim(mixed, truth),
        )


def picture(frame: Tensor) -> Picture:
    """(3, H, W) float32 in 0..1 as (H, W, 3) codes of 8 bits, rounded and clamped."""
    codes = (frame * 255).round().clamp(0, 255).to(torch.uint8)
    return codes.permute(1, 2, 0).contiguous().numpy()
