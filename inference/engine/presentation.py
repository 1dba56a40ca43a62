"""Clips for looking at a finished conversion: side by side with the original, and a preview.

moviepy composes and writes them; pictures come from our own decoder, which knows rotation,
variable rates and colour, and never hands a stranger's file to another program.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from moviepy import CompositeVideoClip, ImageClip, VideoClip, clips_array
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.engine.framemap import read_rows
from inference.engine.holdout import picture
from inference.engine.settings import ConversionSettings, span
from inference.engine.video.colour import to_rgb
from inference.engine.video.decode import decode
from inference.engine.video.frames import Frame, FrameFormat
from inference.engine.video.probe import UNLIMITED, VideoInfo, probe
from inference.engine.video.working import working_format

Picture = NDArray[np.uint8]

HALF_WIDTH = 640
"""Each side of the comparison is at most so wide, pixels."""
COMPARISON_SECONDS = 20
COMPARISON_RATE = 60
PREVIEW_WIDTH = 320
PREVIEW_SECONDS = 3
PREVIEW_RATE = 12.5
"""GIF counts in hundredths of a second: 8 of them, so that it runs at its true speed."""

_X264 = [
    *("-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
]


def write_comparison(
    source: Path,
    result: Path,
    frame_map: Path,
    settings: ConversionSettings,
    target: Path,
    *,
    before_each: Callable[[], None] | None = None,
) -> None:
    """Write an MP4 any browser plays: the original, slowed by holding its frames, left of the
    result. At most the first `COMPARISON_SECONDS`, without sound.

    Args:
        before_each: called before each frame; raise there to stop.
    """
    result_info, rate = probe(result, UNLIMITED), settings.rate
    step = max(1, round(rate / COMPARISON_RATE))
    shown = -(-min(result_info.frames, int(COMPARISON_SECONDS * rate)) // step)
    # moviepy counts frames by truncation: half a frame more keeps the last one.
    seconds = float((shown + Fraction(1, 2)) * step / rate)
    pictures = _Sequence(_pictures(result, result_info, HALF_WIDTH), before_each)
    originals = _Sequence(_originals(source, frame_map, settings), before_each)
    sides = []
    for label, side in (("ORIGINAL", originals), ("SLOMO", pictures)):
        clip = VideoClip(_frame_at(side, rate), duration=seconds)
        badge = ImageClip(_label(label), duration=clip.duration).with_position((12, 12))
        sides.append(CompositeVideoClip([clip, badge]))
    both = clips_array([sides])
    try:
        both.write_videofile(
            str(target),
            fps=float(rate / step),
            codec="libx264",
            preset="veryfast",
            audio=False,
            # moviepy rounds the rate to two decimals.
            ffmpeg_params=[*_X264, "-r", str(rate / step)],
            logger=None,
        )
    finally:
        both.close()
        pictures.close()
        originals.close()


def write_preview(
    result: Path, target: Path, *, before_each: Callable[[], None] | None = None
) -> None:
    """Write an animated GIF of the first seconds of a conversion."""
    info = probe(result, UNLIMITED)
    rate = min(PREVIEW_RATE, float(info.frame_rate))
    # At least one picture: moviepy writes no file at all for less.
    seconds = max(1 / rate, min(float(info.duration), PREVIEW_SECONDS))
    pictures = _Sequence(_pictures(result, info, PREVIEW_WIDTH), before_each)
    clip = VideoClip(_frame_at(pictures, info.frame_rate), duration=seconds)
    try:
        clip.write_gif(str(target), fps=rate, logger=None)
    finally:
        clip.close()
        pictures.close()


@dataclass
class _Sequence:
    """Pictures by number, asked for in rising order, as moviepy does when it writes."""

    pictures: Iterator[Picture]
    before_each: Callable[[], None] | None
    _index: int = -1
    _current: Picture | None = None

    def at(self, index: int) -> Picture:
        """Picture `index`; after the end the last one."""
        if self.before_each is not None:
            self.before_each()
        while self._index < index or self._current is None:
            following = next(self.pictures, None)
            if following is None:
                break
            self._current, self._index = following, self._index + 1
        if self._current is None:
            raise ValueError("no picture could be decoded")
        return self._current

    def close(self) -> None:
        """Let go of the file."""
        close = getattr(self.pictures, "close", None)
        if close is not None:
            close()


def _frame_at(sequence: _Sequence, rate: Fraction) -> Callable[[float], Picture]:
    # moviepy asks by time, k / fps in floating point; half a frame keeps it on the right side.
    return lambda seconds: sequence.at(int(seconds * float(rate) + 0.5))


def _pictures(path: Path, info: VideoInfo, width: int) -> Iterator[Picture]:
    """Every frame of a file, scaled to at most `width`, with square pixels and even sizes."""
    format = working_format(info, "h264")
    for frame in decode(path, info, pixel_format=format.pixel_format):
        yield _scaled(frame, format, width)


def _originals(source: Path, frame_map: Path, settings: ConversionSettings) -> Iterator[Picture]:
    """For every output frame the recorded one that was on screen at its source time."""
    info = probe(source)
    format = working_format(info, "h264")
    start = span(info, settings).start if settings.trim_in else None
    frames = decode(source, info, pixel_format=format.pixel_format, start=start)
    current, index = None, -1
    for row in read_rows(frame_map):
        while index < row.left and (following := next(frames, None)) is not None:
            index += 1
            if index == row.left:
                current = _scaled(following, format, HALF_WIDTH)
        if current is not None:
            yield current


def _scaled(frame: Frame, format: FrameFormat, width: int) -> Picture:
    full = Image.fromarray(picture(to_rgb(frame, format)))
    wide = full.width * format.sample_aspect_ratio
    scale = min(Fraction(1), width / wide)
    columns, rows = (max(2, 2 * round(side * scale / 2)) for side in (wide, full.height))
    return np.asarray(full.resize((columns, rows), Image.Resampling.LANCZOS))


def _label(text: str) -> NDArray[Any]:
    """White on dark, readable over any picture."""
    font = ImageFont.load_default(size=18)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGBA", (int(right - left) + 20, int(bottom - top) + 14), (0, 0, 0, 190))
    ImageDraw.Draw(image).text((10 - left, 7 - top), text, font=font, fill="white")
    return np.asarray(image)
