"""One still picture of a video, upright and in the shape it is shown in."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image

from inference.engine.errors import MediaRefused
from inference.engine.video import source
from inference.engine.video.probe import VideoInfo

WIDTH = 640
"""Pixels across, at most: small videos are not blown up."""

_MOMENT = Fraction(1)  # seconds from the start: many clips fade in from black
_MOST_FRAMES = 60  # decoded on the way there, so that no file takes long
_QUALITY = 85


def save_poster(path: Path, info: VideoInfo, target: Path) -> None:
    """Write a JPEG of the video at `path` to `target`.

    Raises:
        MediaRefused: `corrupt` when no picture decodes.
    """
    frame = _frame(path, min(_MOMENT, info.duration / 2))
    # `info` is upright and the frame as stored, so sizes are turned back until the picture is.
    shown = info.width * info.sample_aspect_ratio
    scale = min(Fraction(1), WIDTH / shown)
    width, height = max(1, round(shown * scale)), max(1, round(info.height * scale))
    turned = info.rotation % 180 != 0
    stored = (height, width) if turned else (width, height)
    small = frame.reformat(*stored, format="rgb24", interpolation="AREA")
    picture = Image.fromarray(small.to_ndarray()).rotate(-info.rotation, expand=True)
    if info.mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.save(target, "JPEG", quality=_QUALITY, optimize=True)


def _frame(path: Path, moment: Fraction) -> av.VideoFrame:
    """The frame shown `moment` seconds after the first, or the last one that decodes before."""
    found, first = None, 0.0
    with source.open_source(path) as container:
        stream = source.video_stream(container)
        assert stream is not None  # the probe has seen it
        for number, frame in enumerate(_frames(container, stream)):
            found = frame
            time = frame.time or 0.0
            first = first if number else time
            if time - first >= moment or number == _MOST_FRAMES:
                break
    if found is None:
        raise MediaRefused(
            "corrupt", "The file is damaged: not one picture of it could be decoded."
        )
    return found


def _frames(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    stream.thread_type = "AUTO"
    for packet in chain(source.packets(container, stream), (None,)):
        with suppress(av.FFmpegError):  # a damaged stretch: later packets may do
            yield from stream.decode(packet)
