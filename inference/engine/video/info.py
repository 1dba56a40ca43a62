"""What is known of a video file, in a form that goes into a database and back."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

from inference.engine.video.frames import ColourTags


@dataclass(frozen=True)
class AudioInfo:
    """The sound track that would be kept."""

    codec: str
    rate: int
    channels: int
    duration: Fraction


@dataclass(frozen=True)
class VideoInfo:
    """A file that can be worked with.

    Attributes:
        pixel_format: of the decoder, by FFmpeg's name without the `yuvj` forms.
        width, height: of the upright picture, in coded pixels.
        rotation: degrees clockwise that make the stored picture upright: 0, 90, 180 or 270.
        mirrored: the picture is mirrored left to right after that rotation.
        sample_aspect_ratio: width over height of an upright pixel.
        frame_rate: nominal; of a variable rate, that of the underlying grid or the usual step.
        variable_rate: frames do not follow each other at equal distances.
        on_grid: every timestamp is start + k / frame_rate but for the container's rounding.
        start: presentation time of the first frame, in seconds of the file's clock.
        duration: seconds from there to the end of the last frame.
        frames: pictures to be shown; damaged files may yield fewer.
        interlaced: the picture is made of fields, which nothing here takes apart.
        size: bytes.
    """

    container: str
    codec: str
    pixel_format: str
    bit_depth: int
    width: int
    height: int
    rotation: int
    mirrored: bool
    sample_aspect_ratio: Fraction
    frame_rate: Fraction
    variable_rate: bool
    on_grid: bool
    start: Fraction
    duration: Fraction
    frames: int
    interlaced: bool
    colour: ColourTags
    audio: AudioInfo | None
    size: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; fractions as "30000/1001"."""
        return _texts(asdict(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        values = dict(data)
        for name in ("sample_aspect_ratio", "frame_rate", "start", "duration"):
            values[name] = Fraction(values[name])
        values["colour"] = ColourTags.from_dict(values["colour"])
        if values["audio"] is not None:
            audio = values["audio"]
            values["audio"] = AudioInfo(**{**audio, "duration": Fraction(audio["duration"])})
        return cls(**values)


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with its fractions as text, at any depth."""
    return {
        key: _texts(value)
        if isinstance(value, dict)
        else f"{value.numerator}/{value.denominator}"
        if isinstance(value, Fraction)
        else value
        for key, value in values.items()
    }
