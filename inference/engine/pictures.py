"""Pictures for people: flow in colours, contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from inference.engine.holdout import picture
from inference.engine.vision import torchvision


def flow_picture(flow: Tensor) -> Tensor:
    """Flow (2, H, W) in the colour wheel of Baker et al. 2011: (3, H, W) float32 in 0..1.

    Hue is the direction and saturation the length, relative to the longest vector.
    """
    coloured: Tensor = torchvision().utils.flow_to_image(flow)
    return coloured.float() / 255


def contact_sheet(pictures: Sequence[Tensor], *, columns: int, width: int = 320) -> Tensor:
    """Pictures (3, H, W) of one size in a grid, each `width` pixels wide: (3, H', W')."""
    tv = torchvision()
    height = max(1, round(pictures[0].shape[1] * width / pictures[0].shape[2]))
    small = torch.stack(
        [tv.transforms.functional.resize(p, [height, width], antialias=True) for p in pictures]
    )
    sheet: Tensor = tv.utils.make_grid(small, nrow=columns, padding=4, pad_value=1.0)
    return sheet


def save(frame: Tensor, path: Path) -> None:
    """Write (3, H, W) in 0..1 as an image file; the ending names the format."""
    Image.fromarray(picture(frame)).save(path)
