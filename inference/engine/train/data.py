"""Training samples. Sample `i` of a run depends on the run's seed and `i` alone, so a resumed run
goes on with exactly the samples it would have had."""

from typing import TypedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from inference.engine.train.clips import Clip, Frames
from inference.engine.train.config import TrainConfig
from inference.engine.train.overlays import overlaid
from inference.engine.train.synthetic import random_mask, random_motion, render

CUT_DIFFERENCE = 60.0
"""Mean absolute difference, codes of 8 bits, above which two frames are different scenes."""
STATIC_DIFFERENCE = 2.0
"""Likewise, below which a crop has too little motion to learn from."""
MOTION_BIAS = 0.75
"""Part of the real samples chosen for motion. The others are crops as they come, mostly still: a
network that has seen too few of them finds motion in the noise of a scene that stands still."""

OVERLAY_SHARE = 0.25
"""Part of the samples with text or a logo that stands still on the picture."""


class Sample(TypedDict):
    """One training sample; collated, every entry has a batch axis in front.

    frames: (3, 3, H, W) float32 in 0..1: frame 0, the truth at the timestep, frame 1.
    timestep: (1, 1, 1), strictly between 0 and 1.
    flow: (4, H, W), F01 and F10 in pixels; zeros where unknown.
    has_flow: (1, 1, 1), 1 where the flow is known exactly.
    """

    frames: Tensor
    timestep: Tensor
    flow: Tensor
    has_flow: Tensor


class Samples(Dataset[Sample]):
    """Real triplets and synthetic layered motion, mixed."""

    def __init__(self, clips: list[Clip], config: TrainConfig, *, first: int = 0) -> None:
        """`first` is the number of samples already seen, where a run is resumed."""
        self.clips = clips
        self.config = config
        self.first = first
        # Every frame is as likely as every other, whatever clip it is in.
        lengths = np.array([len(c.frames) for c in clips], dtype=np.float64)
        self._odds = lengths / lengths.sum()

    def __len__(self) -> int:
        return self.config.steps * self.config.batch - self.first

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self.config.seed, self.first + index))
        if random.random() < self.config.synthetic_share:
            sample = self._synthetic(random)
        else:
            sample = self._triplet(random)
        if self.config.augmentation == "published":
            return _flipped(_reversed(sample, random), random, axis=-1)
        return _augment(sample, random)

    def _clip(self, random: np.random.Generator) -> Frames:
        return self.clips[int(random.choice(len(self.clips), p=self._odds))].frames

    def _triplet(self, random: np.random.Generator) -> Sample:
        """Frames i, i+j and i+g of a clip, mostly cropped where there is motion; t = j/g."""
        crop = self.config.crop
        wants_motion = random.random() < MOTION_BIAS
        while True:
            clip = self._clip(random)
            gap = int(random.integers(2, min(self.config.max_gap, len(clip) - 1) + 1))
            inner = int(random.integers(1, gap))
            start = int(random.integers(0, len(clip) - gap))
            height, width = clip.shape[1:3]
            windows = []
            for _ in range(3 if wants_motion else 1):
                y = int(random.integers(0, height - crop + 1))
                x = int(random.integers(0, width - crop + 1))
                pair = clip[start : start + gap + 1 : gap, y : y + crop : 2, x : x + crop : 2]
                windows.append((float(np.abs(np.diff(pair.astype(np.int16), axis=0)).mean()), y, x))
            motion, y, x = max(windows)
            if motion > CUT_DIFFERENCE or (wants_motion and motion < STATIC_DIFFERENCE):
                continue
            best = np.stack(
                [clip[i, y : y + crop, x : x + crop] for i in (start, start + inner, start + gap)]
            )
            return Sample(
                frames=_to_float(best),
                timestep=torch.full((1, 1, 1), inner / gap),
                flow=torch.zeros(4, crop, crop),
                has_flow=torch.zeros(1, 1, 1),
            )

    def _synthetic(self, random: np.random.Generator) -> Sample:
        crop = self.config.crop
        layers = int(random.integers(2, 4))
        textures = [self._texture(random, 2 * crop) for _ in range(layers)]
        masks = [random_mask(random, 2 * crop) for _ in range(layers - 1)]
        motions = [random_motion(random, crop) for _ in range(layers)]
        timestep = float(random.uniform(0.1, 0.9))
        frames, flow = render(textures, masks, motions, timestep, crop)
        return Sample(
            frames=frames,
            timestep=torch.full((1, 1, 1), timestep),
            flow=flow,
            has_flow=torch.ones(1, 1, 1),
        )

    def _texture(self, random: np.random.Generator, side: int) -> Tensor:
        clip = self._clip(random)
        frame = clip[int(random.integers(0, len(clip)))]
        side_y, side_x = min(side, frame.shape[0]), min(side, frame.shape[1])
        y = int(random.integers(0, frame.shape[0] - side_y + 1))
        x = int(random.integers(0, frame.shape[1] - side_x + 1))
        window = frame[y : y + side_y, x : x + side_x]
        fill = ((0, side - side_y), (0, side - side_x), (0, 0))
        return _to_float(np.pad(window, fill, mode="reflect")[None])[0]


def _to_float(images: Frames) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def _flipped(sample: Sample, random: np.random.Generator, *, axis: int) -> Sample:
    """Mirrored along an axis half the time: -1 left to right, -2 upside down."""
    if random.random() < 0.5:
        return sample
    signs = torch.tensor([-1, 1, -1, 1.0] if axis == -1 else [1, -1, 1, -1.0])
    return Sample(
        frames=sample["frames"].flip(axis),
        timestep=sample["timestep"],
        flow=sample["flow"].flip(axis) * signs[:, None, None],
        has_flow=sample["has_flow"],
    )


def _reversed(sample: Sample, random: np.random.Generator) -> Sample:
    """Backwards in time half the time."""
    if random.random() < 0.5:
        return sample
    return Sample(
        frames=sample["frames"].flip(0),
        timestep=1 - sample["timestep"],
        flow=sample["flow"][[2, 3, 0, 1]],
        has_flow=sample["has_flow"],
    )


def _augment(sample: Sample, random: np.random.Generator) -> Sample:
    """Overlays, flips, transposition, time reversal, channel shuffles, contrast, blur and noise.

    The flow follows.
    """
    if random.random() < OVERLAY_SHARE:
        frames, hidden = overlaid(sample["frames"], random)
        flow = torch.where(hidden > 0.5, 0.0, sample["flow"])
        sample = Sample(**{**sample, "frames": frames, "flow": flow})
    sample = _flipped(_flipped(_reversed(sample, random), random, axis=-1), random, axis=-2)
    frames, flow = sample["frames"], sample["flow"]
    if random.random() < 0.5:
        frames, flow = frames.transpose(-1, -2), flow.transpose(-1, -2)[[1, 0, 3, 2]]
    if random.random() < 0.5:
        frames = frames[:, torch.from_numpy(random.permutation(3))]
    if random.random() < 0.5:
        gain, lift = float(random.uniform(0.7, 1.2)), float(random.uniform(-0.1, 0.1))
        frames = (frames * gain + lift).clamp(0, 1)
    if random.random() < 0.3:
        # Cameras resolve red and blue less finely than green. Video hides that (its chroma is
        # coarse in all channels alike), and a network that never saw it "repairs" still edges.
        blurred = F.avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False)
        chosen = torch.from_numpy(random.random(3) < 0.5).view(3, 1, 1)
        frames = torch.where(chosen, blurred, frames)
    if random.random() < 0.3:
        # Noise differs from frame to frame; the truth is the scene without it.
        noise = float(random.uniform(0.002, 0.02))
        seen = torch.from_numpy(random.standard_normal((2, *frames.shape[1:]), dtype=np.float32))
        frames = frames.clone()
        frames[[0, 2]] += noise * seen
    return Sample(
        frames=frames.contiguous(),
        timestep=sample["timestep"],
        flow=flow.contiguous(),
        has_flow=sample["has_flow"],
    )
