"""Training footage: video files decoded once into arrays that any number of readers can share."""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from inference.engine.errors import SettingsRefused

log = logging.getLogger(__name__)

Frames = NDArray[np.uint8]
"""(N, H, W, 3) RGB; for packed clips a read-only memory map."""


@dataclass(frozen=True)
class Clip:
    """One packed clip."""

    name: str
    frames: Frames

    @property
    def source(self) -> str:
        """The video file it was packed from, by name."""
        return self.name.removesuffix(SMALL)


GREY_SPREAD = 2
"""Codes of 8 bits by which R, G and B differ at most where a clip is grey."""
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""ISO/IEC 23091-2 transfer characteristics that 8 bits cannot hold."""
SMALL = "-small"
"""Name ending of the clips that `_shrink` made."""


def pack(folder: Path, cache: Path, *, crop: int) -> list[Path]:
    """Decode every video of `folder` into `cache/<name>.npy`; ones already there are kept.

    Each is packed a second time as old, small video looks (`_shrink`), where a crop fits into it. A
    file that cannot be decoded, has no colour, or is too short to hold a triplet is skipped and
    named in the log: one bad clip must not end a training run.

    Raises:
        SettingsRefused: the folder holds no usable video.
    """
    cache.mkdir(parents=True, exist_ok=True)
    packed = []
    for path in sorted(folder.glob("*.mp4")) + sorted(folder.glob("*.mov")):
        target = cache / f"{path.stem}.npy"
        try:
            if _stale(target, path):
                _write(target, _decode(path))
            packed.append(target)
            small = cache / f"{path.stem}{SMALL}.npy"
            frames = np.load(target, mmap_mode="r")
            if min(frames.shape[1:3]) // 2 >= crop:
                if _stale(small, target):
                    _write(small, _shrink(frames))
                packed.append(small)
        except (av.FFmpegError, ValueError) as error:
            log.warning("skipped %s: %s", path.name, error)
    if not packed:
        raise SettingsRefused("no_footage", f"{folder} holds no video that can be trained on.")
    return packed


def _stale(target: Path, source: Path) -> bool:
    return not target.exists() or target.stat().st_mtime < source.stat().st_mtime


def _write(target: Path, frames: Frames) -> None:
    partial = target.with_suffix(".partial")
    with partial.open("wb") as out:
        np.save(out, frames)
    partial.rename(target)


def _decode(path: Path) -> Frames:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise ValueError("it has no video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        context = stream.codec_context
        if context.color_trc in HDR_TRANSFERS:
            raise ValueError(f"it is HDR ({HDR_TRANSFERS[context.color_trc]}), which 8 bits cut")
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    if len(frames) < 3:
        raise ValueError(f"{len(frames)} frames, and a triplet needs 3")
    clip: Frames = np.asarray(np.stack(frames), np.uint8)
    # The pixel format does not tell: grey H.264 is decoded as YUV. Black clips are grey as well.
    if np.ptp(clip[::8, ::4, ::4], axis=-1).max() <= GREY_SPREAD:
        raise ValueError("it is grey all through, and colours are learned from it")
    return clip


def _shrink(frames: Frames) -> Frames:
    """A clip at half its size after a coarse MPEG-4 (part 2): blocks, ringing, frozen noise.

    Much of what people upload has been through a codec like that, and a network that never saw its
    blocks takes them for things that move.
    """
    height, width = (side // 4 * 2 for side in frames.shape[1:3])
    encoder = av.CodecContext.create("mpeg4", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    # 0.15 bits a pixel, about what 320 x 240 clips of the 2000s have.
    encoder.bit_rate = int(0.15 * width * height * 25)
    decoder = av.CodecContext.create("mpeg4", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    seen = []
    for index in range(len(frames) + 1):
        picture = None
        if index < len(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frames[index]), "rgb24")
            picture = picture.reformat(width, height, "yuv420p", interpolation="AREA")
            picture.pts = index
        for packet in encoder.encode(picture):
            seen += decoder.decode(packet)
    seen += decoder.decode(None)
    return np.stack([frame.to_ndarray(format="rgb24") for frame in seen])


def open_packed(paths: list[Path], *, crop: int) -> list[Clip]:
    """Memory-map packed clips; those smaller than the crop are skipped and named."""
    clips = []
    for path in paths:
        frames = np.load(path, mmap_mode="r")
        if min(frames.shape[1:3]) < crop:
            log.warning("skipped %s: smaller than the %d px crop", path.stem, crop)
            continue
        clips.append(Clip(path.stem, frames))
    return clips
