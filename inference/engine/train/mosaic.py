"""What a camera with one sensor makes of a scene: a Bayer mosaic, and colours guessed back from it.

The guesses lie in a pattern that stands still on the sensor while the scene moves under it. Whoever
moves pixels from one frame to the next moves the pattern along, and is wrong wherever the motion is
not a whole number of its periods. Four scenes of Middlebury OTHER are of this kind: their red and
blue come in squares of two by two pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Bilinear weights around a pixel whose own value is missing, for the two densities of a mosaic.
CROSS = torch.tensor([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
SQUARE = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4


def demosaicked(frames: Tensor, *, repeat: bool) -> Tensor:
    """Frames as such a camera gives them. Green is bilinear in any case.

    Args:
        frames: (N, 3, H, W), even H and W; red is kept at even rows and columns, blue at odd ones,
            green at the others.
        repeat: red and blue are repeated over two by two pixels, the cheapest guess; otherwise
            bilinear.

    Returns:
        (N, 3, H, W).
    """
    red, green, blue = frames[:, :1], frames[:, 1:2], frames[:, 2:]
    kept = torch.zeros_like(green)
    kept[..., 0::2, 1::2] = green[..., 0::2, 1::2]
    kept[..., 1::2, 0::2] = green[..., 1::2, 0::2]
    guess = _repeated if repeat else _bilinear
    return torch.cat((guess(red, 0), _filtered(kept, CROSS), guess(blue, 1)), dim=1)


def _repeated(channel: Tensor, phase: int) -> Tensor:
    sites = channel[..., phase::2, phase::2]
    squares = sites.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    if phase:
        # The first row and column belong to squares that begin outside.
        squares = F.pad(squares, (1, 0, 1, 0), mode="replicate")[..., :-1, :-1]
    return squares


def _bilinear(channel: Tensor, phase: int) -> Tensor:
    kept = torch.zeros_like(channel)
    kept[..., phase::2, phase::2] = channel[..., phase::2, phase::2]
    return _filtered(kept, SQUARE)


def _filtered(kept: Tensor, weights: Tensor) -> Tensor:
    # Reflection keeps the sites' parity beyond the edge.
    return F.conv2d(F.pad(kept, (1, 1, 1, 1), mode="reflect"), weights[None, None])
