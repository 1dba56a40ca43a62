"""What a video or a result is, in pairs of words that a member reads."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.template.defaultfilters import filesizeformat

from inference.engine.quantities import decimal_text
from inference.engine.settings import ConversionSettings
from inference.engine.video.probe import AudioInfo, VideoInfo
from inference.models import Conversion
from inference.wording import clock, count, number
from videos.models import Video

CODEC_NAMES = {
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
    "vp9": "VP9",
    "vp8": "VP8",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4",
    "prores": "ProRes",
}
HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}

Facts = list[tuple[str, str]]


def video_facts(video: Video) -> Facts:
    """Name and value of everything worth knowing about the original."""
    info = VideoInfo.from_dict(video.info)
    return [
        ("Picture", _picture(info)),
        ("Frames per second", rate_words(info.frame_rate)),
        ("Length", clock(float(info.duration))),
        ("Frames", number(info.frames)),
        ("Compression", _compression(info)),
        ("Sound", _sound(info.audio)),
        ("Size", filesizeformat(video.size)),
        ("File name", video.original_name),
    ]


def video_warnings(video: Video) -> list[str]:
    """Sentences on what about the original is unusual and matters for slow motion."""
    info = VideoInfo.from_dict(video.info)
    warnings = []
    if info.variable_rate:
        warnings.append(
            "The camera did not keep a steady rate. Every frame is placed by its own time, so "
            "the result still runs evenly."
        )
    if info.interlaced:
        warnings.append(
            "The picture is interlaced: made of half pictures, line by line. Fast edges will "
            "look combed; a progressive recording gives better slow motion."
        )
    if info.frames < 2:
        warnings.append("There is only one frame, so there is nothing in between to make.")
    if info.colour.transfer in HDR_TRANSFERS:
        warnings.append(
            "This is HDR video. Its colours are kept; H.264 holds fewer shades of them than HEVC, "
            "AV1 or VP9."
        )
    return warnings


def rate_words(rate: Fraction) -> str:
    """A rate as people know it, with the exact ratio where it is not whole."""
    if rate.denominator == 1:
        return str(rate)
    return f"{decimal_text(rate)} ({rate.numerator}/{rate.denominator})"


def _picture(info: VideoInfo) -> str:
    text = f"{info.width} × {info.height} pixels"
    if info.sample_aspect_ratio != 1:
        shown = round(info.width * info.sample_aspect_ratio)
        text += f", shown {shown} wide"
    if info.rotation:
        text += f", turned by {info.rotation}°"
    return text


def _compression(info: VideoInfo) -> str:
    name = CODEC_NAMES.get(info.codec, info.codec)
    return name if info.bit_depth == 8 else f"{name}, {info.bit_depth} bit"


def _sound(audio: AudioInfo | None) -> str:
    if audio is None:
        return "none"
    channels = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    return f"{audio.codec.upper()}, {channels}, {decimal_text(Fraction(audio.rate, 1000))} kHz"


@dataclass(frozen=True)
class Result:
    """What the result page and its player need of a finished conversion.

    Attributes:
        rate: frames per second as an exact ratio ("30", "60000/1001").
        frames: how many the file has.
        codec_name: the codec as people know it.
        audio: whether there is sound.
        notes: sentences on what was lost on the way.
        facts: name and value of everything worth knowing.
    """

    rate: str
    frames: int
    codec_name: str
    audio: bool
    notes: list[str]
    facts: Facts

    @property
    def last_frame(self) -> int:
        """Index of the last frame."""
        return self.frames - 1


_SOUND = {
    "none": "none",
    "copied": "kept",
    "encoded": "kept",
    "stretched": "stretched, pitch kept",
    "dropped": "left out",
}


def conversion_result(conversion: Conversion) -> Result:
    """The facts of a conversion that succeeded."""
    settings = ConversionSettings.from_dict(conversion.settings)
    report = conversion.report
    return Result(
        rate=str(settings.rate),
        frames=report["frames"],
        codec_name=CODEC_NAMES[settings.codec],
        audio=report["audio"]["action"] not in ("none", "dropped"),
        notes=_notes(report),
        facts=[
            ("Recorded frames", number(report["recorded"])),
            ("Synthesised frames", number(report["synthesised"])),
            ("Held frames", number(report["held"])),
            ("Scene cuts", number(report["cuts"])),
            ("Repeats in the source", number(report["repeats"])),
            ("Length", clock(report["frames"] / settings.rate)),
            ("Frames per second", rate_words(settings.rate)),
            ("Sound", _SOUND[report["audio"]["action"]]),
            ("File", f"{CODEC_NAMES[settings.codec]}, {filesizeformat(conversion.result.size)}"),
            ("Network", conversion.model_name),
            ("Weights digest", conversion.model_digest[:16]),
        ],
    )


def _notes(report: dict[str, Any]) -> list[str]:
    notes = [report["audio"]["reason"]] if report["audio"]["reason"] else []
    if report["damaged"]:
        notes.append(
            f"{count(report['damaged'], 'damaged piece')} of the original could not be read and "
            "is missing here."
        )
    return notes
