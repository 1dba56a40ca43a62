"""Encoded segments put one after the other, packet by packet: nothing is encoded again.

The encoder is opened as for a conversion in one piece, for its header alone, so that the file says
of itself what it would have said. The packets must keep what that header promises, so the
segments' own headers are compared with it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import av

from inference.engine.video.encode import PART, VideoFile

Packet: TypeAlias = "av.Packet[av.VideoStream]"

_START_CODE = b"\x00\x00\x01"
_H264_REMARK = 6
_HEVC_REMARKS = (39, 40)


class PartUnusable(Exception):
    """A segment's file is damaged or not the one that is to be joined."""


class Concatenation(VideoFile):
    """Writes a video file from segments that `Encoder` wrote into `PART` containers."""

    _delay: int | None = None
    """Frames by which decoding runs ahead of showing."""

    def append(self, part: Path, frames: int, before_each: Callable[[], None]) -> None:
        """Add a segment of so many frames.

        Args:
            before_each: called before each packet; raise there to stop.

        Raises:
            PartUnusable: the file under construction is then of no use either.
        """
        first, seen = self.frames, set()
        for packet, number in self._packets(part):
            before_each()
            packet.stream = self._stream
            packet.time_base = self._tick
            packet.pts = first + number
            # One packet a frame, so the decoding times of all segments make one even row.
            packet.dts = self.frames - (self._delay or 0)
            packet.duration = 0  # as encoders leave it
            try:
                self._output.mux(packet)
                self.frames += 1
                self._sound_along()
            except av.FFmpegError as error:
                self._refuse(error, "encoder_failed")
            seen.add(number)
        if self.frames != first + frames or seen != set(range(frames)):
            raise PartUnusable(f"{self.frames - first} frames instead of {frames}")

    def _packets(self, part: Path) -> Iterator[tuple[Packet, int]]:
        """The packets, each with the number of its frame."""
        try:
            with av.open(f"file:{part}", format=PART) as container:
                stream = container.streams.video[0]
                self._compare(stream)
                shift = None
                for packet in container.demux(stream):
                    if not packet.size:
                        continue
                    if packet.pts is None or stream.time_base is None:
                        raise PartUnusable("a packet without its time")
                    number = round(packet.pts * stream.time_base / self._tick)
                    if shift is None:
                        if not packet.is_keyframe:
                            raise PartUnusable("the first frame is no keyframe")
                        # The container knows no times before zero: where the first frame is
                        # decoded ahead of being shown, all its times are later by that much.
                        shift = number
                        self._delay = shift if self._delay is None else self._delay
                    yield packet, number - shift
        except (av.FFmpegError, IndexError) as error:
            raise PartUnusable(str(error)) from error

    def _compare(self, stream: av.VideoStream) -> None:
        own, other = self._stream.codec_context, stream.codec_context
        if other.codec.canonical_name != own.codec.canonical_name:
            raise PartUnusable(f"compressed as {other.codec.canonical_name}")
        if (other.width, other.height) != (own.width, own.height):
            raise PartUnusable(f"of {other.width} x {other.height} pixels")
        if _promises(self._codec, own.extradata) != _promises(self._codec, other.extradata):
            raise PartUnusable("encoded with other parameters")


def _promises(codec: str, header: bytes | None) -> list[bytes]:
    """A header's units without mere remarks, such as how many threads there were."""
    if codec not in ("h264", "hevc"):
        return [header or b""]
    units = [unit.rstrip(b"\x00") for unit in (header or b"").split(_START_CODE)]
    return [unit for unit in units if unit and not _is_remark(codec, unit)]


def _is_remark(codec: str, unit: bytes) -> bool:
    if codec == "h264":
        return unit[0] & 31 == _H264_REMARK
    return unit[0] >> 1 & 63 in _HEVC_REMARKS
