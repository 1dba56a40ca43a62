"""Smooth random pictures for tests: enough structure for flow, no aliasing."""

import torch
import torch.nn.functional as F
from torch import Tensor


def texture(height: int, width: int, *, seed: int) -> Tensor:
    """(3, height, width) float32 in 0..1: three octaves of smooth noise."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, height, width)
    for cell, weight in ((32, 0.3), (12, 0.3), (4, 0.4)):
        noise = torch.rand(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        picture += weight * F.interpolate(
            noise, size=(height, width), mode="bicubic", align_corners=True
        )
    return picture[0].clamp(0, 1)
