"""What a file is, found out before anything else touches it, and refused in plain words."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer

from inference.engine.errors import MediaRefused
from inference.engine.video import av1, clock, source
from inference.engine.video.frames import ColourTags
from inference.engine.video.info import AudioInfo, VideoInfo

__all__ = ["UNLIMITED", "AudioInfo", "ColourTags", "Limits", "VideoInfo", "probe"]

_LONGEST_LAST_FRAME = 10
"""Seconds a last frame may be held: files exist that claim years."""
_INTERLACED = {2, 3, 4, 5}  # FFmpeg's AVFieldOrder but for unknown and progressive


@dataclass(frozen=True)
class Limits:
    """What is too much."""

    max_bytes: int = 4 * 1024**3
    max_seconds: int = 30 * 60
    max_pixels: int = source.MAX_PIXELS
    max_frames: int = 432_000  # half an hour at 240 frames per second
    max_streams: int = 32


UNLIMITED = Limits(max_bytes=sys.maxsize, max_seconds=sys.maxsize, max_frames=sys.maxsize)
"""For files of our own making: a slowed clip may well be longer than any that is accepted."""


def probe(path: Path, limits: Limits = Limits()) -> VideoInfo:
    """Read the file's index and decode its first picture.

    Raises:
        MediaRefused: with a code and a sentence: `unreadable`, `too_large`, `not_a_video`,
            `corrupt`, `too_many_streams`, `no_video`, `unsupported_codec`, `too_many_pixels`,
            `encrypted`, `no_frames`, `too_many_frames`, `too_long`.
    """
    container_name = source.container_of(source.read_head(path))
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise MediaRefused(
            "too_large",
            f"The file has {_spoken_size(size)}, more than the limit of "
            f"{_spoken_size(limits.max_bytes)}.",
        )
    with source.open_source(path, max_pixels=limits.max_pixels) as container:
        stream = _checked_stream(container, limits)
        survey = _Survey(stream, limits)
        for packet in source.packets(container, stream):
            survey.take(packet)
        first = survey.first_frame()
        _check_pixels(first.width, first.height, limits)
        start, duration, measured = survey.timing()
        if duration > limits.max_seconds:
            raise MediaRefused(
                "too_long",
                f"The video lasts {_spoken(duration)}, longer than the limit of "
                f"{_spoken(Fraction(limits.max_seconds))}.",
            )
        rotation, mirrored = _orientation(first)
        turned = rotation % 180 != 0
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        context = stream.codec_context
        return VideoInfo(
            container=container_name or "",
            codec=context.codec.canonical_name,
            pixel_format=first.format.name.replace("yuvj", "yuv"),
            bit_depth=max(component.bits for component in first.format.components),
            width=first.height if turned else first.width,
            height=first.width if turned else first.height,
            rotation=rotation,
            mirrored=mirrored,
            sample_aspect_ratio=1 / aspect if turned else aspect,
            frame_rate=measured.rate,
            variable_rate=measured.variable,
            on_grid=measured.on_grid,
            start=start,
            duration=duration,
            frames=survey.frames,
            interlaced=first.interlaced_frame or int(context.field_order) in _INTERLACED,
            colour=_colour(first),
            audio=_audio(container),
            size=size,
        )


class _Survey:
    """One pass over the packets: their times, and the first picture that decodes."""

    def __init__(self, stream: av.VideoStream, limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        self._ticks: set[int] = set()
        self._last: tuple[int, int] = (0, 0)  # time and duration of the frame shown last
        self._packets = 0
        self._first: av.VideoFrame | None = None
        stream.thread_type = "SLICE"  # frame threads would hold the first picture back

    @property
    def frames(self) -> int:
        """Pictures to be shown, at least the one that was decoded."""
        return len(self._shown())

    def take(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Count one packet."""
        if packet.has_sidedata("encryption_info"):
            raise MediaRefused(
                "encrypted", "The video is copy-protected (encrypted), so it cannot be decoded."
            )
        self._packets += 1
        if packet.stream.codec_context.name == "libdav1d":
            av1.check(packet)
        if packet.pts is not None and not packet.is_discard:
            self._ticks.add(packet.pts)
            self._last = max(self._last, (packet.pts, packet.duration or 0))
        # Packets without a time of their own would cost a conversion as much as any other.
        if self._packets > self._limits.max_frames:
            raise MediaRefused(
                "too_many_frames",
                f"The video has more than {self._limits.max_frames:,} frames, the limit.",
            )
        if self._first is None:
            self._decode(packet)

    def first_frame(self) -> av.VideoFrame:
        """The first picture, or a refusal that says what was there instead."""
        if self._packets == 0:
            raise MediaRefused("no_frames", "The file has a video track without any pictures.")
        if self._first is None:
            self._decode(None)
        if self._first is None:
            context = self._stream.codec_context
            _check_pixels(context.width, context.height, self._limits)
            raise MediaRefused(
                "corrupt", "The file is damaged: not one picture of it could be decoded."
            )
        return self._first

    def timing(self) -> tuple[Fraction, Fraction, clock.Clock]:
        """Start and duration in seconds, and the clock."""
        tick = self._stream.time_base
        assert tick is not None
        ticks = self._shown()
        stream = self._stream
        hints = (stream.guessed_rate, stream.average_rate, stream.base_rate)
        measured = clock.measure(ticks, tick=tick, hints=hints)
        start = ticks[0] * tick
        last_step = self._last[1] * tick
        if measured.on_grid or not 0 < last_step <= _LONGEST_LAST_FRAME:
            last_step = 1 / measured.rate
        last = ticks[-1] * tick
        if measured.on_grid:
            last = start + round((last - start) * measured.rate) / measured.rate
        return start, last + last_step - start, measured

    def _shown(self) -> list[int]:
        """Times of the pictures from the first that decodes: a recording may begin midway."""
        first = None if self._first is None else self._first.pts
        return sorted(t for t in self._ticks if first is None or t >= first) or [first or 0]

    def _decode(self, packet: "av.Packet[av.VideoStream] | None") -> None:
        try:
            frames = self._stream.decode(packet)
        except av.ArgumentError as error:
            if self._stream.codec_context.width == 0:  # the decoder did not take the size it read
                raise _too_many_pixels("more pixels", self._limits) from error
            return
        except av.FFmpegError:
            return  # a damaged start: a later packet may do
        self._first = frames[0] if frames else None


def _checked_stream(container: InputContainer, limits: Limits) -> av.VideoStream:
    """The video track, if it and the container's header are acceptable."""
    if len(container.streams) > limits.max_streams:
        raise MediaRefused(
            "too_many_streams",
            f"The file has {len(container.streams)} tracks, more than the limit of "
            f"{limits.max_streams}.",
        )
    stream = source.video_stream(container)
    if stream is None:
        raise MediaRefused("no_video", "The file has no video track.")
    context = stream.codec_context
    if context is None or context.codec.name not in source.VIDEO_DECODERS:
        name = "unknown" if context is None else context.codec.canonical_name
        raise MediaRefused(
            "unsupported_codec",
            f"The video's compression ({name}) is not supported. H.264, HEVC, AV1, VP9, VP8, "
            "MPEG-2, MPEG-4 and ProRes work.",
        )
    _check_pixels(context.width, context.height, limits)
    return stream


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise _too_many_pixels(f"{width} x {height} pixels, more", limits)


def _too_many_pixels(how_many: str, limits: Limits) -> MediaRefused:
    return MediaRefused(
        "too_many_pixels",
        f"The picture has {how_many} than the limit of {limits.max_pixels:,} in all.",
    )


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Clockwise rotation in degrees, then whether to mirror, from the display matrix."""
    data = cast("Mapping[str, Any]", frame.side_data).get("DISPLAYMATRIX")
    if data is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32).tolist()[:5]
    if a * d - b * c == 0:
        return 0, False  # a damaged matrix shows nothing at all
    mirrored = a * d - b * c < 0
    if mirrored:
        a = -a  # undo the mirror, which comes last: what is left is a rotation
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored


def _colour(frame: av.VideoFrame) -> ColourTags:
    codes = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
    full = frame.format.is_rgb or frame.format.name.startswith("yuvj")
    matrix = 0 if frame.format.is_rgb else codes[1]
    return ColourTags.from_codes(2 if full else codes[0], matrix, *codes[2:])


def _audio(container: InputContainer) -> AudioInfo | None:
    stream = source.audio_stream(container)
    if stream is None or stream.codec_context is None:
        return None
    duration = Fraction(container.duration or 0, av.time_base)
    if stream.duration is not None and stream.time_base is not None:
        duration = stream.duration * stream.time_base
    context = stream.codec_context
    return AudioInfo(
        codec=context.codec.canonical_name,
        rate=context.sample_rate or 0,
        channels=context.channels,
        duration=max(Fraction(0), duration),
    )


def _spoken(seconds: Fraction) -> str:
    """Such as 45 seconds, 1 minute 5 seconds or 30 minutes."""
    minutes, rest = divmod(round(seconds), 60)
    parts = [(minutes, "minute"), (rest, "second")]
    words = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n]
    return " ".join(words) or "0 seconds"


def _spoken_size(size: int) -> str:
    """Such as 4.3 GB, 500 MB or 12 kB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size / 1000:.3g} kB"
