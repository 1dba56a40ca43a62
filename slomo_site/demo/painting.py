"""Painting with arrays: fractal noise, soft edges and premultiplied layers over one another."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]  # of float32


def noise(rows: int, columns: int, *, slope: float, seed: int) -> Array:
    """Fractal noise, mean 0, standard deviation 1: white noise with a 1 / f^slope spectrum."""
    white = np.random.default_rng(seed).standard_normal((rows, columns))
    fy, fx = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(white) / frequency**slope, (rows, columns))
    return np.asarray(field / field.std(), np.float32)


def grid(rows: int, columns: int) -> tuple[Array, Array]:
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return x, y


def mix(first: ArrayLike, second: ArrayLike, amount: Array) -> Array:
    """Colour ramp: (…,) amounts in 0..1 give (…, 3)."""
    weight = np.clip(amount, 0, 1)[..., None]
    one, two = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return np.asarray(one * (1 - weight) + two * weight, np.float32)


def cover(distance: Array) -> Array:
    """Coverage 0..1 of a pixel whose centre lies `distance` pixels inside an edge."""
    return np.clip(distance + 0.5, 0, 1)


def premultiply(colour: Array, alpha: Array) -> Array:
    return np.dstack((colour * alpha[..., None], alpha)).astype(np.float32)


def over(canvas: Array, layer: Array) -> None:
    """Lay premultiplied RGBA over RGB of the same size or larger, in place."""
    target = canvas[: layer.shape[0], : layer.shape[1]]
    target *= 1 - layer[..., 3:]
    target += layer[..., :3]


def place(canvas: Array, sprite: Array, *, x: float, y: float) -> None:
    """Lay a premultiplied sprite over the canvas with its centre at the whole pixel near (x, y)."""
    rows, columns = sprite.shape[:2]
    left, top = round(x) - columns // 2, round(y) - rows // 2
    first, last = max(left, 0), min(left + columns, canvas.shape[1])
    if first < last:
        over(canvas[top : top + rows, first:last], sprite[:, first - left : last - left])


def lay(layer: Array, colour: Array, alpha: Array) -> None:
    """Lay a colour over a premultiplied layer, in place."""
    layer *= 1 - alpha[..., None]
    layer += premultiply(colour, alpha)
