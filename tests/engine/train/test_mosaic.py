"""Frames of a camera whose colours are guessed from a mosaic."""

import pytest
import torch
from torch import Tensor

from inference.engine.train.mosaic import demosaicked


@pytest.fixture
def frames() -> Tensor:
    return torch.rand(3, 3, 16, 24, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("repeat", [True, False])
def test_what_the_sensor_measured_stays(frames: Tensor, repeat: bool) -> None:
    seen = demosaicked(frames, repeat=repeat)
    assert torch.equal(seen[:, 0, 0::2, 0::2], frames[:, 0, 0::2, 0::2])
    assert torch.equal(seen[:, 1, 0::2, 1::2], frames[:, 1, 0::2, 1::2])
    assert torch.equal(seen[:, 1, 1::2, 0::2], frames[:, 1, 1::2, 0::2])
    assert torch.equal(seen[:, 2, 1::2, 1::2], frames[:, 2, 1::2, 1::2])


@pytest.mark.parametrize("repeat", [True, False])
def test_an_even_surface_stays_even_up_to_the_edge(repeat: bool) -> None:
    colour = torch.tensor([0.1, 0.5, 0.9]).view(1, 3, 1, 1)
    seen = demosaicked(colour.expand(1, 3, 8, 8), repeat=repeat)
    torch.testing.assert_close(seen, colour.expand(1, 3, 8, 8))


def test_repeated_red_and_blue_come_in_squares_one_step_apart(frames: Tensor) -> None:
    seen = demosaicked(frames, repeat=True)
    red, blue = seen[:, 0], seen[:, 2]
    assert torch.equal(red[:, 0::2], red[:, 1::2])
    assert torch.equal(red[..., 0::2], red[..., 1::2])
    assert torch.equal(blue[:, 1:-1:2], blue[:, 2::2])
    assert torch.equal(blue[..., 1:-1:2], blue[..., 2::2])


def test_the_pattern_stands_still_while_the_scene_moves(frames: Tensor) -> None:
    there = demosaicked(frames, repeat=True)
    moved = demosaicked(frames.roll(1, dims=-1), repeat=True)
    assert not torch.equal(moved[..., 1:], there[..., :-1])
    moved = demosaicked(frames.roll(2, dims=-1), repeat=True)
    assert torch.equal(moved[..., 3:-1], there[..., 1:-3])
