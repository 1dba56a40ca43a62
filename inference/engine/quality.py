"""PSNR and SSIM, and the hold-out measurement of a conversion by itself.

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
    a = np.moveaxis(picture.astype(np.float64), -1, 0)
    b = np.moveaxis(truth.astype(np.float64), -1, 0)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a**2
    variance_b = _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)) / (
        (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    )
    return float(similarity.mean())


@functools.cache
def _gaussian(size: int) -> Array:
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return np.asarray(weights / weights.sum(), np.float64)


def _windowed(planes: Array) -> Array:
    """Gaussian means of (C, H, W) over every place where the window lies inside."""
    for axis in (1, 2):
        weights = _gaussian(min(_WINDOW, planes.shape[axis]))
        windows = np.lib.stride_tricks.sliding_window_view(planes, len(weights), axis=axis)
        planes = np.asarray(windows @ weights, np.float64)
    return planes


def blend(frame0: Picture, frame1: Picture, t: float) -> Picture:
    """What plain frame blending shows at `t`: the baseline of every comparison."""
    mixed = (1 - t) * frame0.astype(np.float64) + t * frame1.astype(np.float64)
    return np.rint(mixed).astype(np.uint8)
