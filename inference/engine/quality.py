"""How alike two pictures are: PSNR and SSIM, and the blend that every figure is compared with.

Pictures are (H, W, 3) RGB in codes of 8 bits; everything is computed in float64.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Array = NDArray[np.float64]

PEAK = 255.0
IDENTICAL_PSNR = 100.0
"""Reported, in dB, for identical pictures, whose PSNR is infinite."""

_WINDOW = 11
_SIGMA = 1.5
_BAND = 32
"""Rows of SSIM made at once."""
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2


def psnr(picture: NDArray[Any], truth: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB, from the mean squared error over pixels and channels."""
    error = picture.astype(np.float64) - truth.astype(np.float64)
    mean_squared = float(np.mean(np.square(error)))
    if mean_squared == 0:
        return IDENTICAL_PSNR
    return min(IDENTICAL_PSNR, float(10 * np.log10(PEAK**2 / mean_squared)))


def ssim(picture: NDArray[Any], truth: NDArray[Any]) -> float:
    """Structural similarity: mean over channels and over all places where the window fits.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
    with its 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03 and no down-sampling.
    Pictures smaller than the window are taken as one window.
    """
    height = picture.shape[0]
    overlap = min(_WINDOW, height) - 1
    total, places = 0.0, 0
    # A band of rows at a time: it stays in the cache, and a 4K picture needs no gigabytes.
    for first in range(0, height - overlap, _BAND):
        rows = slice(first, first + _BAND + overlap)
        for channel in range(3):
            similarity = _similarity(picture[rows, :, channel], truth[rows, :, channel])
            total += float(similarity.sum())
            places += similarity.size
    return total / places


def _similarity(picture: NDArray[Any], truth: NDArray[Any]) -> Array:
    """SSIM of one channel (H, W) at every place where the window lies inside."""
    a, b = picture.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a**2
    variance_b = _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    similarity: Array = ((2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)) / (
        (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    )
    return similarity


@functools.cache
def _gaussian(size: int) -> Array:
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return np.asarray(weights / weights.sum(), np.float64)


def _windowed(plane: Array) -> Array:
    """Gaussian means of (H, W) over every place where the window lies inside."""
    for axis in (0, 1):
        weights = _gaussian(min(_WINDOW, plane.shape[axis]))
        windows = np.lib.stride_tricks.sliding_window_view(plane, len(weights), axis=axis)
        plane = np.asarray(windows @ weights, np.float64)
    return plane


def blend(frame0: Picture, frame1: Picture, t: float) -> Picture:
    """What plain frame blending shows at `t`: the baseline of every comparison."""
    mixed = (1 - t) * frame0.astype(np.float64) + t * frame1.astype(np.float64)
    return np.rint(mixed).astype(np.uint8)
