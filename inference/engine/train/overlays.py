"""What stands still on the picture while the scene moves under it: timestamps, scoreboards, logos.

Dashcams write the time and the speed into the picture, broadcasters the score. A network that has
never seen that moves the letters along with the scene, and tears them apart.
"""

import string
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from inference.engine.train.synthetic import random_mask

Ink = NDArray[np.float32]
Colour = tuple[float, ...]

MOST_LINES = 4
EDGE = 2
COLOURS: tuple[Colour, ...] = (
    (1, 1, 1),
    (1, 1, 1),
    (0, 0, 0),
    (1, 1, 0),
    (1, 0.6, 0),
    (0, 1, 0),
    (1, 0, 0),
)
SIGNS = string.digits * 4 + string.ascii_letters + " :./-"


def overlaid(frames: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Frames with the same lines of text, in some with a box behind, and perhaps a logo on them.

    Args:
        frames: (N, 3, H, W) in 0..1.
        random: decides everything.

    Returns:
        The frames, and how much of the scene is hidden: (1, H, W) in 0..1.
    """
    hidden = torch.zeros(1, *frames.shape[-2:])
    if random.random() < 0.3:
        frames, hidden = _logo(frames, hidden, random)
    for _ in range(int(random.integers(1, MOST_LINES + 1))):
        frames, hidden = _line(frames, hidden, random)
    return frames, hidden


def _line(frames: Tensor, hidden: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    letters, edge = _letters(random)
    height, width = (min(a, b) for a, b in zip(letters.shape, frames.shape[-2:], strict=True))
    y = int(random.integers(0, frames.shape[-2] - height + 1))
    x = int(random.integers(0, frames.shape[-1] - width + 1))
    window = (..., slice(y, y + height), slice(x, x + width))
    frames, hidden = frames.clone(), hidden.clone()
    opacity = float(random.uniform(0.7, 1.0)) if random.random() < 0.3 else 1.0
    colour = COLOURS[int(random.integers(len(COLOURS)))]
    contrary = tuple(1.0 - c for c in colour)
    layers: list[tuple[Ink, Colour]] = [(letters, colour)]
    style = random.random()
    if style < 0.3:
        box = np.full_like(letters, random.choice([0.5, 0.8, 1.0]))
        layers.insert(0, (box, contrary if style < 0.15 else tuple(random.random(3))))
    elif style < 0.6:
        layers.insert(0, (edge, contrary))
    for ink, paint in layers:
        alpha = opacity * torch.from_numpy(ink[:height, :width])[None]
        solid = torch.tensor(paint, dtype=torch.float32).view(3, 1, 1)
        frames[window] = torch.lerp(frames[window], solid, alpha)
        hidden[window] = torch.maximum(hidden[window], alpha)
    return frames, hidden


def _letters(random: np.random.Generator) -> tuple[Ink, Ink]:
    """A line of text and the same with an edge around it, (H, W) each in 0..1."""
    signs = list(SIGNS)
    if random.random() < 0.3:
        # "13.777": a letter moved onto its like looks right in itself.
        signs = list(random.choice(signs, size=2))
    text = "".join(random.choice(signs, size=int(random.integers(2, 24))))
    if random.random() < 0.3:
        text = "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}".format(*random.integers(0, 60, size=6))
    if random.random() < 0.4:
        # The bitmap letters of a small camera, and no edge.
        bitmap = _drawn(text, ImageFont.load_default_imagefont(), 0)
        factor = int(random.integers(1, 4))
        ink = bitmap.repeat(factor, axis=0).repeat(factor, axis=1)
        return ink, ink
    font = _font(int(random.integers(9, 37)))
    return _drawn(text, font, 0), _drawn(text, font, EDGE)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _drawn(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, stroke: int) -> Ink:
    """The text in a picture that has room for its edge."""
    left, top, right, bottom = font.getbbox(text)
    margin = EDGE + 1
    image = Image.new("L", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin))
    place = (margin - left, margin - top)
    ImageDraw.Draw(image).text(place, text, fill=255, font=font, stroke_width=stroke)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _logo(frames: Tensor, hidden: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A flat or see-through blob: a channel's logo, a bonnet's reflection, dirt on the lens."""
    side = int(random.integers(frames.shape[-1] // 8, frames.shape[-1] // 2))
    y, x = (int(random.integers(0, length - side + 1)) for length in frames.shape[-2:])
    window = (..., slice(y, y + side), slice(x, x + side))
    alpha = random_mask(random, side) * float(random.uniform(0.4, 1.0))
    paint = torch.from_numpy(random.random(3).astype(np.float32)).view(3, 1, 1)
    frames, hidden = frames.clone(), hidden.clone()
    frames[window] = torch.lerp(frames[window], paint, alpha)
    hidden[window] = torch.maximum(hidden[window], alpha)
    return frames, hidden
