"""From what a member asks for to exact conversion settings: one place for every mode's rule."""

from fractions import Fraction

from inference.engine.settings import ConversionSettings
from inference.engine.video.codecs import ENCODABLE
from inference.errors import ConversionRefused
from inference.models import Mode


def settings_for(
    *,
    mode: Mode,
    source_rate: Fraction,
    rate: Fraction | None = None,
    slowness: Fraction | None = None,
    trim_in: Fraction | None = None,
    trim_out: Fraction | None = None,
    audio: str = "auto",
    codec: str = "h264",
    container: str = "",
) -> ConversionSettings:
    """The settings a mode means.

    Args:
        mode: smooth keeps the speed and needs `rate`; slow needs `slowness` and plays at `rate`
            or else at the source's; both needs `rate` and `slowness`.
        source_rate: the source's nominal frames per second.
        rate: frames per second of the result.
        slowness: how many seconds one source second lasts.
        trim_in: where to start, in seconds from the source's beginning; None for there.
        trim_out: where to stop, in the same seconds; None for the end.
        audio: auto, keep, stretch or drop.
        codec: a key of `ENCODABLE`.
        container: one of the codec's containers; empty for its first.

    Raises:
        ConversionRefused: what the mode needs is missing or contradicts it.
    """
    if mode == Mode.SMOOTH:
        if slowness not in (None, 1):
            raise ConversionRefused(
                "smooth_keeps_speed", "Smooth keeps the speed. To slow down, use slow or both."
            )
        slowness = Fraction(1)
    elif mode == Mode.SLOW:
        rate = rate or source_rate
    if rate is None:
        raise ConversionRefused("rate_missing", "Say how many frames per second it shall have.")
    if slowness is None:
        raise ConversionRefused("slowness_missing", "Say how many times slower it shall be.")
    return ConversionSettings(
        rate=rate,
        slowness=slowness,
        trim_in=trim_in,
        trim_out=trim_out,
        audio=audio,
        codec=codec,
        container=container or ENCODABLE[codec][0],
    )
