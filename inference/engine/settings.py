"""What a conversion is asked to do, checked against the video before any work begins.

Nothing here needs the network, so pages and queues can use it without loading PyTorch.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Self

from inference.engine.errors import EngineError, SettingsRefused
from inference.engine.timeline import Timeline
from inference.engine.video.codecs import CODECS
from inference.engine.video.encode import check_encodable
from inference.engine.video.probe import VideoInfo
from inference.engine.video.working import working_format

AudioChoice = Literal["auto", "keep", "stretch", "drop"]
AUDIO_CHOICES = ("auto", "keep", "stretch", "drop")
MAX_RATE = 960
MAX_SLOWNESS = 64
_RATE_TERMS = 10**9
"""Encoders keep numerator and denominator of a rate as machine integers."""


@dataclass(frozen=True)
class ConversionSettings:
    """One conversion.

    Attributes:
        rate: R, frames per second of the result.
        slowness: s >= 1, how many seconds one source second lasts.
        trim_in, trim_out: the part to convert, in seconds from the video's beginning as a player
            shows them; None for its beginning and its end.
        audio: `keep` plays the sound at its own speed, `stretch` slows it down with its pitch
            kept, `drop` leaves it out; `auto` keeps it at normal speed, else stretches it.
        codec, container: of the result, see `video.codecs`.
    """

    rate: Fraction
    slowness: Fraction
    trim_in: Fraction | None = None
    trim_out: Fraction | None = None
    audio: str = "auto"
    codec: str = "h264"
    container: str = "mp4"

    def check(self, info: VideoInfo) -> None:
        """Refuse what does not fit the video or the formats.

        Raises:
            SettingsRefused: `bad_rate`, `bad_slowness`, `bad_trim`, `bad_audio`, `bad_codec` or
                `encoder_refused`, with a sentence that names the limit or the fix.
        """
        if not 1 <= self.rate <= MAX_RATE:
            raise SettingsRefused(
                "bad_rate", f"The frame rate must lie between 1 and {MAX_RATE} per second."
            )
        if max(self.rate.as_integer_ratio()) > _RATE_TERMS:
            raise SettingsRefused(
                "bad_rate",
                "The frame rate may have six decimals, or be a fraction such as 30000/1001.",
            )
        if not 1 <= self.slowness <= MAX_SLOWNESS:
            raise SettingsRefused(
                "bad_slowness", f"The slowness must lie between 1 and {MAX_SLOWNESS} times."
            )
        self._check_trim(info)
        if self.audio not in AUDIO_CHOICES:
            raise SettingsRefused(
                "bad_audio", f"The sound must be one of {', '.join(AUDIO_CHOICES)}."
            )
        if self.audio == "keep" and self.slowness != 1:
            raise SettingsRefused(
                "bad_audio",
                "Slowed-down pictures cannot keep their sound at its own speed. Choose stretch "
                "or drop.",
            )
        if self.codec not in CODECS:
            raise SettingsRefused("bad_codec", f"The codec must be one of {', '.join(CODECS)}.")
        most = CODECS[self.codec].max_rate
        if most is not None and self.rate > most:
            raise SettingsRefused(
                "bad_rate", f"{self.codec} video has at most {most} frames per second."
            )
        try:
            check_encodable(
                working_format(info, self.codec), codec=self.codec, container=self.container
            )
        except EngineError as error:
            raise SettingsRefused(error.code, error.message) from error

    def _check_trim(self, info: VideoInfo) -> None:
        first = self.trim_in or Fraction(0)
        last = info.duration if self.trim_out is None else self.trim_out
        if first < 0 or first >= info.duration:
            raise SettingsRefused(
                "bad_trim",
                f"The start must lie within the video, which lasts {float(info.duration):.2f} s.",
            )
        if last <= first:
            raise SettingsRefused("bad_trim", "The end must come after the start.")

    @property
    def audio_mode(self) -> Literal["keep", "stretch"] | None:
        """What happens to the sound; None where it is left out."""
        if self.audio == "drop":
            return None
        return "keep" if self.slowness == 1 else "stretch"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; fractions as "30000/1001"."""
        return {
            "rate": str(self.rate),
            "slowness": str(self.slowness),
            "trim_in": None if self.trim_in is None else str(self.trim_in),
            "trim_out": None if self.trim_out is None else str(self.trim_out),
            "audio": self.audio,
            "codec": self.codec,
            "container": self.container,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        fractions = {
            name: None if data[name] is None else Fraction(data[name])
            for name in ("rate", "slowness", "trim_in", "trim_out")
        }
        return cls(**{**data, **fractions})


@dataclass(frozen=True)
class Span:
    """The part of the source that is converted, in seconds of the file's own clock.

    `start` is when the frame shown at the trim's start began, so that recorded frames stay on
    the output's grid.
    """

    start: Fraction
    end: Fraction


def span(info: VideoInfo, settings: ConversionSettings) -> Span:
    """The span of a trim; exact for constant rates, for variable ones the start may move."""
    start, end = info.start, info.start + info.duration
    if settings.trim_in:
        frame = math.floor(settings.trim_in * info.frame_rate)
        start += frame / info.frame_rate if info.on_grid else settings.trim_in
    if settings.trim_out is not None:
        end = min(end, info.start + settings.trim_out)
    return Span(start, max(start, end))


@dataclass(frozen=True)
class Estimate:
    """What a conversion will make.

    Attributes:
        frames: output frames in all.
        new_frames: those of them that are synthesised; exact for constant rates without cuts.
        duration: seconds of the result.
    """

    frames: int
    new_frames: int
    duration: Fraction


def estimate(info: VideoInfo, settings: ConversionSettings) -> Estimate:
    """Work out what a conversion will make, from the probe alone."""
    part = span(info, settings)
    timeline = Timeline(settings.rate, settings.slowness, part.start)
    frames = timeline.total(part.end)
    # A recorded frame meets the output's grid every `period` output frames.
    period = (settings.rate * settings.slowness / info.frame_rate).numerator
    recorded = -(-frames // period)
    # After the last recorded frame there is nothing to interpolate towards.
    last = info.start + info.duration - 1 / info.frame_rate
    held = max(0, frames - 1 - math.floor(timeline.position(last))) if part.end > last else 0
    return Estimate(frames, max(0, frames - recorded - held), frames / settings.rate)
