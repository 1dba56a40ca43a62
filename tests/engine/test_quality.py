import numpy as np
import pytest
from numpy.typing import NDArray

from inference.engine.quality import IDENTICAL_PSNR, blend, psnr, ssim

Picture = NDArray[np.uint8]


def noise(height: int, width: int, *, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ssim_by_definition(a: Picture, b: Picture) -> float:
    """One window at a time, with the weighted moments of Wang et al. written out."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(line, line)
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for channel in range(3):
        for y in range(a.shape[0] - 10):
            for x in range(a.shape[1] - 10):
                p = a[y : y + 11, x : x + 11, channel].astype(float)
                q = b[y : y + 11, x : x + 11, channel].astype(float)
                mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
                variance_p = (weights * (p - mean_p) ** 2).sum()
                variance_q = (weights * (q - mean_q) ** 2).sum()
                covariance = (weights * (p - mean_p) * (q - mean_q)).sum()
                values.append(
                    (2 * mean_p * mean_q + c1)
                    * (2 * covariance + c2)
                    / ((mean_p**2 + mean_q**2 + c1) * (variance_p + variance_q + c2))
                )
    return float(np.mean(values))


def test_psnr_of_an_error_of_one_code_everywhere_is_48_decibels() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(picture + 1, picture) == pytest.approx(20 * np.log10(255))


def test_psnr_does_not_wrap_around_at_the_ends_of_the_codes() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert psnr(black, white) == psnr(white, black) == 0


def test_identical_pictures_have_the_highest_finite_psnr_and_ssim_one() -> None:
    picture = noise(20, 20)
    assert psnr(picture, picture) == IDENTICAL_PSNR
    assert ssim(picture, picture) == pytest.approx(1)


@pytest.mark.parametrize(("height", "width"), [(11, 11), (24, 17), (45, 13)])
def test_ssim_equals_its_definition(height: int, width: int) -> None:
    truth = noise(height, width)
    picture = (0.7 * truth + 0.3 * noise(height, width, seed=1)).astype(np.uint8)
    assert ssim(picture, truth) == pytest.approx(ssim_by_definition(picture, truth), abs=1e-10)


def test_ssim_of_a_picture_smaller_than_the_window_is_a_number() -> None:
    truth = noise(5, 7)
    assert ssim(truth, truth) == pytest.approx(1)
    assert ssim(255 - truth, truth) < 0


def test_blending_weighs_by_time_and_rounds_to_the_nearest_code() -> None:
    black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 101, np.uint8)
    assert blend(black, grey, 0.25)[0, 0, 0] == 25
    assert blend(black, grey, 0.75)[0, 0, 0] == 76
