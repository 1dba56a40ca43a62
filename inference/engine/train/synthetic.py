"""Layered motion: frames whose flow and occlusion are known exactly.

Two or three textures taken from real frames lie over each other, the upper ones cut out by smooth
random masks. Each layer moves by its own affine motion. A point `q` of a layer is seen at time `s`
at M(s) q, so the flow from time a to b at pixel p, on the layer visible there at a, is
M(b) M(a)^-1 p - p: no estimate, no error.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MAX_SHIFT = 30.0
"""Pixels a layer moves between the two frames, at most."""
MAX_ROTATION = 0.12
"""Radians, likewise."""
MAX_SCALE = 0.10
"""Relative change of size, likewise."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """An affine motion of constant velocity about a centre, pixels."""

    centre: tuple[float, float]
    shift: tuple[float, float]
    rotation: float
    scale: float

    def at(self, time: float) -> Matrix:
        """The (3, 3) matrix that takes a layer's points to where they are at `time` in 0..1."""
        angle, size = self.rotation * time, 1.0 + self.scale * time
        cos, sin = size * np.cos(angle), size * np.sin(angle)
        cx, cy = self.centre
        dx, dy = self.shift[0] * time, self.shift[1] * time
        return np.array(
            [
                [cos, -sin, cx + dx - cos * cx + sin * cy],
                [sin, cos, cy + dy - sin * cx - cos * cy],
                [0.0, 0.0, 1.0],
            ]
        )


def random_motion(random: np.random.Generator, crop: int) -> Motion:
    """Slow motions are as common as fast ones: the shift's length is skewed towards zero."""
    length = MAX_SHIFT * random.random() ** 2.5
    direction = random.uniform(0, 2 * np.pi)
    return Motion(
        centre=(crop * random.uniform(0.2, 0.8), crop * random.uniform(0.2, 0.8)),
        shift=(length * np.cos(direction), length * np.sin(direction)),
        rotation=MAX_ROTATION * random.uniform(-1, 1) * random.random(),
        scale=MAX_SCALE * random.uniform(-1, 1) * random.random(),
    )


def random_mask(random: np.random.Generator, size: int) -> Tensor:
    """A blob with a soft edge about a pixel wide: (1, size, size), 0..1."""
    coarse = int(random.integers(3, 9))
    noise = torch.from_numpy(random.standard_normal((1, 1, coarse, coarse))).float()
    field = F.interpolate(noise, size=(size, size), mode="bicubic", align_corners=True)[0]
    # A sixteenth of the field tells its quantiles as well, at a twentieth of the time.
    level = torch.quantile(field[:, ::4, ::4], float(random.uniform(0.4, 0.8)))
    slope = size / coarse / 2
    return ((field - level) * slope + 0.5).clamp(0, 1)


def render(
    textures: list[Tensor],
    masks: list[Tensor],
    motions: list[Motion],
    timestep: float,
    crop: int,
) -> tuple[Tensor, Tensor]:
    """Render the scene at times 0, `timestep` and 1.

    Args:
        textures: (3, S, S) in 0..1, the lowest layer first; S > crop leaves room to move.
        masks: (1, S, S), one for each layer but the lowest.
        motions: one for each layer.
        timestep: in 0..1.
        crop: side of the rendered frames.

    Returns:
        frames (3, 3, crop, crop) at the three times, and flow (4, crop, crop): F01 then F10.
    """
    margin = (textures[0].shape[-1] - crop) / 2
    # float32 holds coordinates of a crop to 1e-5 pixels.
    ys, xs = torch.meshgrid(torch.arange(float(crop)), torch.arange(float(crop)), indexing="ij")
    pixels = torch.stack((xs, ys, torch.ones_like(xs))).view(3, -1)
    frames, flows = [], []
    for time, other in ((0.0, 1.0), (timestep, None), (1.0, 0.0)):
        image: Tensor | None = None
        flow: Tensor | None = None
        for layer, (texture, motion) in enumerate(zip(textures, motions, strict=True)):
            back = np.linalg.inv(motion.at(time))
            source = torch.from_numpy(back).float() @ pixels
            grid = (source[:2] + margin) * (2 / (texture.shape[-1] - 1)) - 1
            grid = grid.T.reshape(1, crop, crop, 2)
            sheet = texture if layer == 0 else torch.cat((texture, masks[layer - 1]))
            seen = F.grid_sample(
                sheet[None], grid, mode="bicubic", padding_mode="reflection", align_corners=True
            )[0].clamp(0, 1)
            there = None
            if other is not None:
                there = torch.from_numpy(motion.at(other)).float() @ source
                there = (there[:2] - pixels[:2]).view(2, crop, crop)
            if image is None:
                image, flow = seen, there
                continue
            alpha = seen[3:]
            image = torch.lerp(image, seen[:3], alpha)
            if flow is not None and there is not None:
                flow = torch.where(alpha > 0.5, there, flow)
        assert image is not None
        frames.append(image)
        if flow is not None:
            flows.append(flow)
    return torch.stack(frames), torch.cat(flows)
