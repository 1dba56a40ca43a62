"""Pictures out of a file, one at a time: upright, on an exact clock, otherwise untouched."""

import itertools
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from inference.engine.video import source
from inference.engine.video.colour import from_rgb, to_rgb
from inference.engine.video.frames import Frame, Plane, Planes
from inference.engine.video.probe import VideoInfo
from inference.engine.video.working import as_format, source_format, working_format

__all__ = ["Decoder", "coded_luma", "decode", "frame_times", "working_format"]

_Pictures = Iterator[tuple[Fraction, av.VideoFrame]]


def decode(
    path: Path,
    info: VideoInfo,
    *,
    pixel_format: str,
    start: Fraction | None = None,
    end: Fraction | None = None,
) -> "Decoder":
    """Decode the video track.

    Args:
        pixel_format: of the planes to make, from `working_format`.
        start, end: seconds of the file's clock. The frames run from the last one at or before
            `start` to the first one at or after `end`, so that every time between has both its
            neighbours.
    """
    return Decoder(path, info, pixel_format=pixel_format, start=start, end=end)


def frame_times(path: Path, info: VideoInfo) -> list[Fraction]:
    """When the recorded frames are shown, rising, from the index and the packets alone.

    Of a damaged file some may turn out not to decode. Empty where packets lack their times.
    """
    with source.open_source(path) as container:
        stream = source.video_stream(container)
        if stream is None or stream.time_base is None:
            return []
        ticks = set()
        for packet in source.packets(container, stream):
            if packet.pts is None:
                return []
            if not packet.is_discard:
                ticks.add(packet.pts)
        times = {_exact(tick * stream.time_base, info) for tick in ticks}
    return sorted(time for time in times if time >= info.start)


def coded_luma(
    path: Path, dtype: np.dtype[np.unsignedinteger[Any]]
) -> Generator[Plane, None, None]:
    """The first plane of every picture of a file that we wrote, as it is coded."""
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for picture in container.decode(stream):
            yield _array(picture.planes[0], dtype)


class Decoder(Iterator[Frame]):
    """An iterator over frames; closes its file when exhausted or by `close`.

    Frames come with strictly increasing pts. Timestamps on a regular grid are freed of their
    container's rounding. A frame without a timestamp follows its predecessor by one nominal
    step; one that does not advance is dropped, as it could never be shown.

    Attributes:
        damage: decoding times, in seconds, of the packets that could not be decoded, so far; None
            where a packet says none.
        dropped: frames whose timestamp did not advance, so far.
    """

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        *,
        pixel_format: str,
        start: Fraction | None,
        end: Fraction | None,
    ) -> None:
        self.damage: list[Fraction | None] = []
        self.dropped = 0
        self._path, self._info = path, info
        self._stored = source_format(info)
        self._target = as_format(self._stored, pixel_format, info)
        self._frames = self._run(start, end)

    @property
    def skipped(self) -> int:
        """Packets that could not be decoded, so far."""
        return len(self.damage)

    def __next__(self) -> Frame:
        return next(self._frames)

    def close(self) -> None:
        """Let go of the file; no more frames follow."""
        self._frames.close()

    def _run(self, start: Fraction | None, end: Fraction | None) -> Generator[Frame, None, None]:
        for pts, picture in self._between(start, end):
            yield Frame(pts, self._planes(picture))

    def _between(self, start: Fraction | None, end: Fraction | None) -> _Pictures:
        waiting = None
        for pts, picture in self._from(start):
            if start is not None and pts <= start:
                waiting = (pts, picture)
                continue
            if waiting is not None:
                yield waiting
                waiting = None
            yield pts, picture
            if end is not None and pts >= end:
                return
        if waiting is not None:
            yield waiting

    def _from(self, start: Fraction | None) -> _Pictures:
        """All pictures from `start` or earlier on."""
        if start is None or start <= self._info.start or self._info.container == "avi":
            yield from self._pictures(None)
            return
        pictures = self._pictures(start)
        first = next(pictures, None)
        if first is not None and (first[0] <= start or first[0] == self._info.start):
            yield first
            yield from pictures
        else:  # the index misled us
            yield from self._pictures(None)

    def _pictures(self, seek: Fraction | None) -> _Pictures:
        info = self._info
        most = max(source.MAX_PIXELS, 2 * info.width * info.height)  # codecs pad what they code
        with source.open_source(self._path, max_pixels=most) as container:
            stream = source.video_stream(container)
            if stream is None or stream.time_base is None:
                return
            stream.thread_type = "AUTO"
            tick, step, last = stream.time_base, 1 / info.frame_rate, None
            skip = 0
            if seek is not None and not source.seek(container, seek):
                skip = source.keyframe_before(self._path, seek)
            first = None
            for picture in self._decoded(container, stream, skip):
                ticks = picture.pts
                if info.container == "avi":
                    # AVI has no display times: pts count pictures as they are stored, out of
                    # order where there are B-frames; the decoder's own count is in order.
                    first = picture.dts if first is None else first
                    ticks = None
                    if picture.dts is not None and first is not None:
                        ticks = round(info.start / tick) + picture.dts - first
                if ticks is None:
                    if last is None and seek is not None:
                        continue  # somewhere in the middle, who knows where
                    pts = info.start if last is None else last + step
                else:
                    pts = _exact(ticks * tick, info)
                if last is not None and pts <= last:
                    self.dropped += 1
                    continue
                last = pts
                yield pts, picture

    def _decoded(
        self, container: av.container.InputContainer, stream: av.VideoStream, skip: int
    ) -> Iterator[av.VideoFrame]:
        tick = stream.time_base or Fraction(1)
        packets = itertools.islice(source.packets(container, stream), skip, None)
        for packet in itertools.chain(packets, [None]):
            try:
                yield from stream.decode(packet)
            except av.FFmpegError:
                ticks = None if packet is None else packet.dts
                self.damage.append(None if ticks is None else ticks * tick)

    def _planes(self, picture: av.VideoFrame) -> Planes:
        native = self._stored
        if (
            picture.format.name.replace("yuvj", "yuv") != native.pixel_format
            or picture.width != native.width
            or picture.height != native.height
        ):
            full = 2 if native.colour.range == "full" else 1
            picture = picture.reformat(
                width=native.width,
                height=native.height,
                format=native.pixel_format,
                src_color_range=full,
                dst_color_range=full,
            )
        planes = tuple(_array(plane, native.dtype) for plane in picture.planes)
        target = replace(self._target, width=native.width, height=native.height)
        if target.pixel_format != native.pixel_format:
            planes = from_rgb(to_rgb(Frame(Fraction(0), planes), native), target)
        return tuple(_upright(plane, self._info) for plane in planes)


def _exact(time: Fraction, info: VideoInfo) -> Fraction:
    """A timestamp freed of its container's rounding, where the clip keeps to a grid."""
    if not info.on_grid:
        return time
    return info.start + round((time - info.start) * info.frame_rate) / info.frame_rate


def _array(plane: av.video.plane.VideoPlane, dtype: np.dtype[np.unsignedinteger[Any]]) -> Plane:
    """A copy of the plane without its padding."""
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)[:, : plane.width]
    return (rows[::-1] if plane.line_size < 0 else rows).copy()


def _upright(plane: Plane, info: VideoInfo) -> Plane:
    turned = np.rot90(plane, -info.rotation // 90)
    return np.ascontiguousarray(turned[:, ::-1] if info.mirrored else turned)
