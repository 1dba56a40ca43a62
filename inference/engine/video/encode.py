"""Pictures into a file: at a constant rate, each at its exact time, with their colour tags."""

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, cast

import av
import numpy as np

from inference.engine.errors import FULL_DISK, DiskFull, EngineError
from inference.engine.video.audio import AudioOutcome, AudioPlan, AudioTrack
from inference.engine.video.codecs import CODECS, ENCODABLE
from inference.engine.video.frames import FrameFormat, Plane, Planes

__all__ = ["ENCODABLE", "PART", "Encoder", "VideoFile", "check_encodable", "keyframes_apart"]

PART = "nut"
"""Container of a segment that is to be joined with others: it keeps packets as encoders make them,
at their exact times."""
_MUXERS = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm", PART: "nut"}
_UNORDERED = 2
"""x265 leaves the times of so few pictures unset; they can only be in order."""
_SOUND_LEAD = Fraction(1, 2)
"""Sound is written this many seconds ahead of the picture, as encoders hold pictures back."""


def check_encodable(format: FrameFormat, *, codec: str, container: str) -> None:
    """Raise EngineError `encoder_refused`, naming the way out, if the three don't go together."""
    if container not in ENCODABLE[codec]:
        allowed = " or ".join(ENCODABLE[codec])
        raise EngineError(
            "encoder_refused", f"{codec} video goes into {allowed}, not into {container}."
        )
    # VP9 and AV1 leave the pixel shape to the container, and FFmpeg's Matroska writer takes it
    # from a field that PyAV cannot set.
    square = format.sample_aspect_ratio == 1
    if container in ("mkv", "webm") and codec in ("vp9", "av1") and not square:
        raise EngineError(
            "encoder_refused",
            f"This video has pixels that are not square, which {codec} in {container} cannot "
            "say. Choose MP4.",
        )


def keyframes_apart(rate: Fraction) -> int:
    """Frames from one keyframe to the next: a second keeps a player's steps and seeks short."""
    return max(1, round(rate))


class VideoFile:
    """A video file being written, its header as an encoder of `codec` has it; a context manager.

    Leaving the block without an exception finishes the file.

    Attributes:
        frames: pictures written so far.
        audio_outcome: what became of the sound; final once the file is finished.

    Raises:
        EngineError: `disk_full`, `encoder_refused` (the codec does not take this format or
            size), `encoder_failed`.
    """

    def __init__(
        self,
        path: Path,
        *,
        format: FrameFormat,
        rate: Fraction,
        codec: str,
        container: str,
        audio: AudioPlan | None = None,
    ) -> None:
        if container != PART:
            check_encodable(format, codec=codec, container=container)
        self.frames = 0
        self._format, self._codec, self._tick = format, codec, 1 / rate
        self._even = CODECS[codec].even_sizes
        width, height = self._coded_size()
        try:
            self._output = av.open(
                f"file:{path}",
                "w",
                format=_MUXERS[container],
                container_options={"movflags": "faststart"} if container in ("mp4", "mov") else {},
            )
            self._stream = cast(
                av.VideoStream,
                self._output.add_stream(
                    CODECS[codec].encoder,
                    rate=rate,
                    options=CODECS[codec].options,
                    time_base=self._tick,
                    width=width,
                    height=height,
                ),
            )
            self._set_up(self._stream, rate)
            self._stream.codec_context.open()
            self._sound = AudioTrack(audio, self._output, container)
        except av.FFmpegError as error:
            self._refuse(error, "encoder_refused")

    @property
    def audio_outcome(self) -> AudioOutcome:
        """What became of the sound."""
        return self._sound.outcome

    def close(self) -> None:
        """Finish the file."""
        try:
            self._flush()
            self._sound.advance(None)
            self._output.close()
        except av.FFmpegError as error:
            self._refuse(error, "encoder_failed")
        finally:
            self._sound.close()

    def _flush(self) -> None:
        """Write the pictures that are still held back."""

    def _sound_along(self) -> None:
        """Write the sound that goes with the pictures so far."""
        self._sound.advance(self.frames * self._tick + _SOUND_LEAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        self._sound.close()
        with contextlib.suppress(av.FFmpegError):  # the first error is the one to report
            self._output.close()

    def _coded_size(self) -> tuple[int, int]:
        """The format's size, rounded up where chroma is subsampled and must pair up."""
        sizes = []
        for size, shift in zip(
            (self._format.width, self._format.height), self._format.chroma_shift, strict=True
        ):
            step = 1 << shift if self._even else 1
            sizes.append(-(-size // step) * step)
        return sizes[0], sizes[1]

    def _set_up(self, stream: av.VideoStream, rate: Fraction) -> None:
        stream.pix_fmt = self._format.pixel_format
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.sample_aspect_ratio = self._format.sample_aspect_ratio
        context.gop_size = keyframes_apart(rate)
        codes = self._format.colour.codes
        context.color_range, context.colorspace = codes[:2]
        context.color_primaries, context.color_trc = codes[2:]
        if self._codec == "hevc" and self._output.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple players know no other

    def _refuse(self, error: av.FFmpegError, code: str) -> NoReturn:
        if error.errno in FULL_DISK:
            raise DiskFull from error
        width, height = self._format.width, self._format.height
        raise EngineError(
            code,
            f"The {self._codec} encoder cannot write {width} x {height} pictures in "
            f"{self._format.pixel_format}. Choose another codec."
            if code == "encoder_refused"
            else f"The {self._codec} encoder failed after {self.frames} frames ({error.strerror}).",
        ) from error


class Encoder(VideoFile):
    """Encodes pictures into a file.

    Frame k is shown at k / rate exactly (to the millisecond in MKV and WebM, which know no
    finer time). Pictures of odd size are padded by one replicated row or column where the codec
    needs even sizes.
    """

    def write(self, planes: Planes) -> None:
        """Encode the next picture, planes as in the format."""
        frame = av.VideoFrame(self._stream.width, self._stream.height, self._format.pixel_format)
        for target, plane in zip(frame.planes, planes, strict=True):
            _fill(target, plane)
        frame.pts, frame.time_base = self.frames, self._tick
        codes = self._format.colour.codes
        frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = codes
        try:
            self._output.mux(self._stream.encode(frame))
            self.frames += 1
            self._sound_along()
        except av.FFmpegError as error:
            self._refuse(error, "encoder_failed")

    def _flush(self) -> None:
        packets = self._stream.encode(None)
        if self._codec == "hevc" and self.frames <= _UNORDERED:
            for at, packet in enumerate(packets):
                packet.pts = packet.dts = at
        self._output.mux(packets)


def _fill(target: av.video.plane.VideoPlane, plane: Plane) -> None:
    """Copy `plane`, its last row and column repeated where the target is larger."""
    rows = np.frombuffer(memoryview(target), plane.dtype).reshape(target.height, -1)
    height, width = plane.shape
    rows[:height, :width] = plane
    rows[:height, width : target.width] = plane[:, -1:]
    rows[height:] = rows[height - 1]
