"""Training footage: video files decoded once into arrays that any number of readers can share."""

import logging
from dataclasses import dataclass
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


def pack(folder: Path, cache: Path) -> list[Path]:
    """Decode every video of `folder` into `cache/<name>.npy`; ones already there are kept.

    A file that cannot be decoded, or is too short to hold a triplet, is skipped and named in the
    log: one bad clip must not end a training run.

    Raises:
        SettingsRefused: the folder holds no usable video.
    """
    cache.mkdir(parents=True, exist_ok=True)
    packed = []
    for path in sorted(folder.glob("*.mp4")) + sorted(folder.glob("*.mov")):
        target = cache / f"{path.stem}.npy"
        if not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
            try:
                frames = _decode(path)
            except (av.FFmpegError, ValueError) as error:
                log.warning("skipped %s: %s", path.name, error)
                continue
            partial = target.with_suffix(".partial")
            with partial.open("wb") as out:
                np.save(out, frames)
            partial.rename(target)
        packed.append(target)
    if not packed:
        raise SettingsRefused("no_footage", f"{folder} holds no video that can be trained on.")
    return packed


def _decode(path: Path) -> Frames:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if len(frames) < 3:
        raise ValueError(f"{len(frames)} frames, and a triplet needs 3")
    return np.stack(frames)


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
