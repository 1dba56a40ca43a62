"""Layered motion with exact flow."""

import numpy as np
import pytest
import torch

from inference.engine.train.synthetic import Motion, random_mask, random_motion, render
from inference.engine.warp import backward_warp
from tests.engine.textures import texture

CROP = 64


def still() -> Motion:
    return Motion(centre=(32, 32), shift=(0, 0), rotation=0, scale=0)


def test_a_single_layer_warped_by_its_flow_gives_the_other_frame() -> None:
    motion = Motion(centre=(30, 34), shift=(5, -3), rotation=0.1, scale=0.05)
    frames, flow = render([texture(128, 128, seed=1)], [], [motion], 0.5, CROP)
    inner = (..., slice(12, -12), slice(12, -12))
    for source, target, field in ((2, 0, flow[:2]), (0, 2, flow[2:])):
        warped = backward_warp(frames[source][None], field[None])[0]
        assert (warped[inner] - frames[target][inner]).abs().mean() < 0.01


def test_the_middle_frame_is_where_half_the_motion_leads() -> None:
    motion = Motion(centre=(32, 32), shift=(8, 0), rotation=0, scale=0)
    frames, flow = render([texture(128, 128, seed=2)], [], [motion], 0.5, CROP)
    torch.testing.assert_close(flow[0], torch.full((CROP, CROP), 8.0))
    torch.testing.assert_close(frames[1][:, :, 4:], frames[0][:, :, :-4], atol=1e-4, rtol=0)


def test_the_upper_layer_hides_the_lower_and_has_its_own_flow() -> None:
    mask = torch.zeros(1, 128, 128)
    mask[:, :, 64:] = 1
    moving = Motion(centre=(32, 32), shift=(6, 0), rotation=0, scale=0)
    frames, flow = render(
        [torch.zeros(3, 128, 128), torch.ones(3, 128, 128)], [mask], [still(), moving], 0.5, CROP
    )
    assert frames[0][0, 10].tolist() == pytest.approx([0.0] * 32 + [1.0] * 32, abs=1e-3)
    assert frames[2][0, 10, :38].max() < 1e-3 and frames[2][0, 10, 39:].min() > 0.99
    assert flow[0, 10, :32].abs().max() == 0 and flow[0, 10, 32:].min() == 6
    assert flow[2, 10, :38].abs().max() < 1e-4 and flow[2, 10, 39:].max() == -6


def test_masks_are_partial_and_bounded() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        mask = random_mask(random, 64)
        assert mask.min() >= 0 and mask.max() <= 1
        assert 0.05 < mask.mean() < 0.95


def test_random_motions_stay_within_their_limits() -> None:
    random = np.random.default_rng(0)
    shifts = [np.hypot(*random_motion(random, CROP).shift) for _ in range(200)]
    assert max(shifts) <= 30
    assert np.median(shifts) < 10
