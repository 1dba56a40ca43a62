"""The interpolator with the default weights."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from inference.engine import interpolator as module
from inference.engine.errors import OutOfMemory, SettingsRefused
from inference.engine.interpolator import Interpolator
from tests.engine.textures import texture


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(device="cpu")


def shifted(pixels: int, *, height: int = 96, width: int = 128) -> torch.Tensor:
    """A smooth texture moved to the right."""
    return texture(height, width + 64, seed=3)[:, :, 32 - pixels : 32 - pixels + width].clone()


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (96, 128), (135, 241)])
def test_any_size_comes_back_in_its_own_size(
    interpolator: Interpolator, size: tuple[int, int]
) -> None:
    made = interpolator.interpolate(*torch.rand(2, 3, *size), [0.25, 0.5], want_flow=True)
    assert made.frames.shape == (2, 3, *size)
    assert made.flow01 is not None and made.flow01.shape == (2, *size)
    assert len(made.confidence) == 2
    assert all(0 <= c <= 1 for c in made.confidence)


def test_no_timesteps_give_no_frames(interpolator: Interpolator) -> None:
    assert interpolator.interpolate(*torch.rand(2, 3, 20, 20), []).frames.shape == (0, 3, 20, 20)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_a_pan_is_followed_better_than_by_blending(interpolator: Interpolator, t: float) -> None:
    frame0, frame1, truth = shifted(0), shifted(8), shifted(int(8 * t))
    made = interpolator.interpolate(frame0, frame1, [t]).frames[0]
    blend = (1 - t) * frame0 + t * frame1
    inner = (slice(None), slice(16, -16), slice(16, -16))
    assert psnr(made[inner], truth[inner]) > psnr(blend[inner], truth[inner]) + 6


def test_the_flow_of_a_pan_is_its_shift(interpolator: Interpolator) -> None:
    made = interpolator.interpolate(shifted(0), shifted(8), [0.5], want_flow=True)
    assert made.flow01 is not None and made.flow10 is not None
    assert made.flow01[0, 24:-24, 24:-24].median().item() == pytest.approx(8, abs=1)
    assert made.flow10[0, 24:-24, 24:-24].median().item() == pytest.approx(-8, abs=1)


def test_a_timestamp_stays_legible_while_the_scene_moves(interpolator: Interpolator) -> None:
    image = Image.new("L", (256, 128))
    font = ImageFont.load_default(18)
    ImageDraw.Draw(image).text((12, 54), "2026-11-23  14:07:31  58 km/h", fill=255, font=font)
    letters = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)

    def seen(pixels: int) -> torch.Tensor:
        return torch.lerp(shifted(pixels, height=128, width=256), torch.ones(()), letters)

    made = interpolator.interpolate(seen(0), seen(12), [0.5]).frames[0]
    truth, blend = seen(6), (seen(0) + seen(12)) / 2
    near = F.max_pool2d(letters[None, None], 5, stride=1, padding=2)[0, 0] > 0
    assert psnr(made[:, near], truth[:, near]) > psnr(blend[:, near], truth[:, near])


def test_a_still_picture_stays_as_it_is(interpolator: Interpolator) -> None:
    still = shifted(0)
    made = interpolator.interpolate(still, still, [0.5]).frames[0]
    assert psnr(made, still) > 40


def test_confidence_is_higher_where_frames_agree(interpolator: Interpolator) -> None:
    pan = interpolator.interpolate(shifted(0), shifted(4), [0.5]).confidence[0]
    noise = interpolator.interpolate(*torch.rand(2, 3, 96, 128), [0.5]).confidence[0]
    assert pan > noise


@pytest.mark.parametrize("timestep", [0.0, 1.0, -0.5])
def test_times_of_recorded_frames_are_refused(interpolator: Interpolator, timestep: float) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        interpolator.interpolate(*torch.rand(2, 3, 8, 8), [timestep])


def test_unknown_devices_and_precisions_are_refused_in_words() -> None:
    with pytest.raises(SettingsRefused, match="none of auto"):
        Interpolator(device="tpu")
    with pytest.raises(SettingsRefused, match="float32"):
        Interpolator(device="cpu", precision="int8")


def test_half_precision_stays_close_to_single(interpolator: Interpolator) -> None:
    frames = shifted(0), shifted(6)
    single = Interpolator(device="cpu", precision="float32").interpolate(*frames, [0.5])
    half = Interpolator(device="cpu", precision="bfloat16").interpolate(*frames, [0.5])
    assert psnr(single.frames, half.frames) > 38


def test_tiles_agree_with_the_whole_frame(
    interpolator: Interpolator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = shifted(0, height=300, width=420), shifted(5, height=300, width=420)
    whole = interpolator.interpolate(*frames, [0.5]).frames

    honest = Interpolator._whole

    def small_memory(self, pair, timesteps):  # type: ignore[no-untyped-def]
        if pair.shape[-1] > 256 or pair.shape[-2] > 256:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return honest(self, pair, timesteps)

    monkeypatch.setattr(Interpolator, "_whole", small_memory)
    tiled = interpolator.interpolate(*frames, [0.5]).frames
    assert psnr(whole, tiled) > 38


def test_a_frame_that_fits_no_memory_is_refused_with_its_size(
    interpolator: Interpolator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(self, pair, timesteps):  # type: ignore[no-untyped-def]
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Interpolator, "_whole", no_memory)
    with pytest.raises(OutOfMemory, match="300x40"):
        interpolator.interpolate(*torch.rand(2, 3, 40, 300), [0.5])


def test_spans_cover_every_pixel_and_overlap() -> None:
    spans = list(module._spans(1000, 300))
    assert spans[0].start == 0 and spans[-1].stop == 1000
    for left, right in itertools.pairwise(spans):
        assert left.stop - right.start == module.TILE_OVERLAP


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_gpu_in_half_precision_agrees_with_the_cpu_in_single() -> None:
    frames = shifted(0), shifted(6)
    reference = Interpolator(device="cpu", precision="float32").interpolate(*frames, [0.5])
    gpu = Interpolator(device="cuda").interpolate(*frames, [0.5])
    assert psnr(reference.frames, gpu.frames) > 45
