"""What is evaluated on: pairs of frames with true frames in between.

They come from a benchmark's folder of triplets, or from clips with recorded frames dropped: of
frames i to i + factor the first and the last are given and those in between are the truth, each at
its own time.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.engine.errors import EngineError, SettingsRefused
from inference.engine.holdout import picture
from inference.engine.scenes import Link, SceneWatcher, thumbnail
from inference.engine.video.colour import to_rgb
from inference.engine.video.decode import decode
from inference.engine.video.frames import FrameFormat
from inference.engine.video.probe import VideoInfo, probe
from inference.engine.video.working import working_format

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""

LAYOUTS = {
    "Middlebury": ("input/*/frame10.*", "{parent}/frame11", "{root}/gt/{scene}/frame10i11"),
    "UCF101": ("*/frame_00.*", "{parent}/frame_02", "{parent}/frame_01_gt"),
    "Vimeo90K": ("**/im1.*", "{parent}/im3", "{parent}/im2"),
}
"""How benchmarks lay out a triplet: frame 0, frame 1 and the truth halfway, any image format."""
CLIPS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}


@dataclass(frozen=True)
class Span:
    """Two given frames and the true ones between them, each with its time in 0..1."""

    name: str
    frame0: Picture
    frame1: Picture
    truths: list[tuple[float, Picture]]


@dataclass(frozen=True)
class Triplet:
    """Files of two frames and the true frame halfway between them."""

    name: str
    frame0: Path
    frame1: Path
    truth: Path

    def read(self) -> Span:
        """The pictures themselves."""
        return Span(self.name, _read(self.frame0), _read(self.frame1), [(0.5, _read(self.truth))])


@dataclass(frozen=True)
class Source:
    """A set of spans that is scored as one.

    Attributes:
        label: of the row in the table and of `folder` in the JSON.
        triplets: a benchmark's, or
        clips: video files, every `factor`-th frame of which is given.
        factor: 2 or more.
        spans_per_clip: spread over the clip; fewer where it is short.
    """

    label: str
    triplets: list[Triplet]
    clips: list[Path]
    factor: int = 2
    spans_per_clip: int = 8

    def __iter__(self) -> Iterator[Span]:
        for triplet in self.triplets:
            yield triplet.read()
        for clip in self.clips:
            yield from _dropped(clip, self.factor, self.spans_per_clip)


def sources(folder: Path, *, factors: list[int], spans_per_clip: int) -> list[Source]:
    """What a folder holds: one source for its triplets, or one for each factor of its clips.

    Args:
        folder: a benchmark in one of `LAYOUTS`, a folder of clips, or one clip.
        factors: clips are scored with all but every 2nd, 4th, … frame dropped.

    Raises:
        SettingsRefused: it holds neither.
    """
    triplets = [] if folder.is_file() else find_triplets(folder)
    if triplets:
        return [Source(folder.name, triplets, [])]
    files = [folder] if folder.is_file() else sorted(folder.iterdir()) if folder.is_dir() else []
    clips = [path for path in files if path.suffix.lower() in CLIPS]
    if not clips:
        raise SettingsRefused(
            "nothing_to_score",
            f"{folder} holds no triplets laid out as one of {', '.join(LAYOUTS)}, and no clips "
            f"({', '.join(sorted(CLIPS))}).",
        )
    return [
        Source(f"{folder.name} {factor}x", [], clips, factor, spans_per_clip) for factor in factors
    ]


def find_triplets(folder: Path) -> list[Triplet]:
    """All triplets of a benchmark folder, in any of `LAYOUTS`; empty where there are none."""
    for first, second, middle in LAYOUTS.values():
        found = []
        for frame0 in sorted(folder.glob(first)):
            names = {"parent": frame0.parent, "root": folder, "scene": frame0.parent.name}
            frame1, truth = (_image(Path(p.format(**names))) for p in (second, middle))
            if frame1 and truth:
                found.append(Triplet(frame0.parent.name, frame0, frame1, truth))
        if found:
            return found
    return []


def _dropped(clip: Path, factor: int, count: int) -> Iterator[Span]:
    """Up to `count` spans of a clip, spread over it; none across a cut or a repeated frame."""
    try:
        info = probe(clip)
    except EngineError as error:
        raise SettingsRefused(
            "clip_refused", f"{clip.name} cannot be scored: {error.message}"
        ) from error
    format = working_format(info, "h264")
    starts = _starts(_links(clip, info, format), factor, count)
    if not starts:
        return
    pictures: list[Picture] = []
    with closing(decode(clip, info, pixel_format=format.pixel_format)) as frames:
        for index, frame in enumerate(frames):
            due = [start for start in starts if start <= index <= start + factor]
            if not due:
                continue
            pictures.append(picture(to_rgb(frame, format)))
            if index == due[0] + factor:
                inner = [(k / factor, pictures[k]) for k in range(1, factor)]
                yield Span(f"{clip.stem} {due[0]}", pictures[0], pictures[-1], inner)
                # The last frame of one span may be the first of the next.
                pictures = pictures[-1:] if len(due) > 1 else []


def _links(clip: Path, info: VideoInfo, format: FrameFormat) -> list[Link]:
    """How each frame follows the one before."""
    scenes = SceneWatcher()
    with closing(decode(clip, info, pixel_format=format.pixel_format)) as frames:
        return [scenes.look(thumbnail(frame.planes[0], format.bit_depth)) for frame in frames]


def _starts(links: list[Link], factor: int, count: int) -> list[int]:
    """First frames of the spans: motion all through, spread evenly, at most touching."""
    whole = [
        start
        for start in range(0, len(links) - factor, factor)
        if all(link is Link.MOTION for link in links[start + 1 : start + factor + 1])
    ]
    if len(whole) <= count:
        return whole
    return [whole[round(k * (len(whole) - 1) / max(1, count - 1))] for k in range(count)]


def _image(stem: Path) -> Path | None:
    """The image file of that name, whatever its format."""
    return next(iter(sorted(stem.parent.glob(f"{stem.name}.*"))), None)


def _read(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
