"""Backward warping and the flow algebra."""

import pytest
import torch

from inference.engine.warp import backward_warp, fuse, intermediate_flows, resize_flow


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("width", [1, 2, 853, 1280, 1920, 3840])
def test_zero_flow_is_the_exact_identity_at_any_width(width: int, kernel: str) -> None:
    image = torch.rand(1, 3, 5, width)
    assert torch.equal(backward_warp(image, torch.zeros(1, 2, 5, width), kernel), image)


def test_bicubic_sampling_keeps_more_of_fine_detail_than_bilinear() -> None:
    x = torch.arange(64.0)
    frequency = 2 * torch.pi / 5  # five pixels a period
    image = torch.sin(frequency * x).view(1, 1, 1, 64).expand(1, 1, 4, 64)
    flow = torch.zeros(1, 2, 4, 64)
    flow[:, 0] = 0.5
    truth = torch.sin(frequency * (x + 0.5))[8:-8]
    errors = {
        kernel: (backward_warp(image, flow, kernel)[0, 0, 1, 8:-8] - truth).abs().mean()
        for kernel in ("bilinear", "bicubic")
    }
    assert errors["bicubic"] < 0.3 * errors["bilinear"]


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_one_image_is_warped_as_it_is_in_a_batch(kernel: str) -> None:
    """Alone it is sampled in strips, one for each thread."""
    image, flow = torch.rand(1, 3, 64, 40), 20 * torch.randn(1, 2, 64, 40)
    both = backward_warp(image.expand(2, -1, -1, -1), flow.expand(2, -1, -1, -1), kernel)
    assert torch.equal(backward_warp(image, flow, kernel), both[:1])


def test_whole_pixel_flow_shifts_and_replicates_the_edge() -> None:
    image = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 1, 3, 5)
    flow = torch.zeros(1, 2, 3, 5)
    flow[:, 0] = 2.0
    expected = torch.tensor([2.0, 3.0, 4.0, 4.0, 4.0])
    torch.testing.assert_close(backward_warp(image, flow)[0, 0, 1], expected)


def test_vertical_flow_is_channel_one() -> None:
    image = torch.arange(5.0).view(1, 1, 5, 1).expand(1, 1, 5, 3)
    flow = torch.zeros(1, 2, 5, 3)
    flow[:, 1] = -1.0
    expected = torch.tensor([0.0, 0.0, 1.0, 2.0, 3.0])
    torch.testing.assert_close(backward_warp(image, flow)[0, 0, :, 1], expected)


def test_half_pixel_flow_averages_neighbours() -> None:
    image = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    flow = torch.full((1, 2, 1, 3), 0.5) * torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    expected = torch.tensor([0.5, 2.0, 3.0])
    torch.testing.assert_close(backward_warp(image, flow)[0, 0, 0], expected)


@pytest.mark.parametrize("t", [0.125, 0.5, 0.9])
def test_uniform_motion_gives_the_linear_intermediate_flows(t: float) -> None:
    motion = torch.tensor([4.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    time = torch.full((1, 1, 1, 1), t)
    flow_t0, flow_t1 = intermediate_flows(motion, -motion, time)
    torch.testing.assert_close(flow_t0, -t * motion)
    torch.testing.assert_close(flow_t1, (1 - t) * motion)


def test_equal_visibility_fuses_linearly_in_time() -> None:
    black, white = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    made = fuse(black, white, torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 1, 1), 0.25))
    torch.testing.assert_close(made, torch.full((1, 3, 2, 2), 0.25))


def test_a_pixel_visible_in_one_frame_only_is_taken_from_it() -> None:
    black, white = torch.zeros(1, 3, 1, 2), torch.ones(1, 3, 1, 2)
    visibility0 = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    made = fuse(black, white, visibility0, torch.full((1, 1, 1, 1), 0.3))
    assert made[0, 0, 0].tolist() == [0.0, 1.0]


def test_resizing_keeps_the_flow_unit() -> None:
    flow = torch.full((1, 4, 3, 3), 7.0)
    assert torch.equal(resize_flow(flow, 2), torch.full((1, 4, 6, 6), 7.0))
