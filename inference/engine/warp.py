"""Backward warping and the flow algebra of Super SloMo.

Flow is measured in pixels of the image it belongs to: channel 0 is x (to the right), channel 1 is
y (down). Everything here stays in float32 whatever the network computes in, because half-precision
coordinates displace pixels (by 3.5 px at a width of 3840).

Source: Jiang et al., "Super SloMo: High Quality Estimation of Multiple Intermediate Frames for
Video Interpolation", CVPR 2018, equations 3 to 5.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=8)
def _identity_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where each pixel is in grid_sample's range -1..1, and that range's length of one pixel.

    Returns:
        (1, H, W, 2) and (2,), x then y; cached, since every warp of a clip needs them.
    """
    # A tensor made inside inference mode could not be reused by a later training step.
    with torch.inference_mode(False), torch.no_grad():
        # A size of 1 has no extent: any coordinate will do.
        pixel = torch.tensor([2.0 / max(width - 1, 1), 2.0 / max(height - 1, 1)])
        ys = torch.arange(height, dtype=torch.float64) * (2.0 / max(height - 1, 1)) - 1.0
        xs = torch.arange(width, dtype=torch.float64) * (2.0 / max(width - 1, 1)) - 1.0
        grid = torch.stack((xs.expand(height, width), ys[:, None].expand(height, width)), dim=-1)
        return grid[None].float().to(device), pixel.to(device)


def backward_warp(image: Tensor, flow: Tensor, kernel: str = "bilinear") -> Tensor:
    """Sample `image` where `flow` points: g(I, F)(p) = I(p + F(p)), edges replicated.

    The corner pixels' centres are the ends of the normalised range (`align_corners=True`); the
    other convention would shift and blur every synthesised frame by half a pixel. A zero flow is
    the exact identity at any size.

    Args:
        image: (B, C, H, W) float32.
        flow: (B, 2, H, W) float32, pixels.
        kernel: `bilinear`, as published, or `bicubic`. Between pixels the first averages, which
            shows as a loss of detail that comes and goes with the motion; the second keeps it,
            and may overshoot the range of the image at edges.

    Returns:
        (B, C, H, W) float32.
    """
    height, width = image.shape[-2:]
    identity, pixel = _identity_grid(height, width, image.device)
    grid = torch.addcmul(identity, flow.permute(0, 2, 3, 1), pixel)
    sampled = _sample(image, grid, kernel)
    # Normalised float32 coordinates miss pixel centres by up to 2e-4 px at a width of 3840. Where
    # nothing moves there is nothing to interpolate, so the pixel is taken as it is.
    moves = torch.logical_or(flow[:, :1], flow[:, 1:])
    # Found flow is hardly ever zero. A GPU would have to wait for the answer; a CPU saves a pass.
    if moves.device.type == "cpu" and bool(moves.all()):
        return sampled
    return torch.where(moves, sampled, image)


def _sample(image: Tensor, grid: Tensor, kernel: str) -> Tensor:
    """`F.grid_sample`, one image in strips: on a CPU it gives each of a batch one thread."""
    batch, channels, height, width = image.shape
    strips = math.gcd(height, torch.get_num_threads()) if image.device.type == "cpu" else 1
    alone = batch == 1 and strips > 1
    if alone:
        image = image.expand(strips, -1, -1, -1)
        grid = grid.view(strips, height // strips, width, 2)
    sampled = F.grid_sample(image, grid, mode=kernel, padding_mode="border", align_corners=True)
    if alone:
        sampled = sampled.transpose(0, 1).reshape(1, channels, height, width)
    return sampled


def intermediate_flows(flow01: Tensor, flow10: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
    """Approximate the flows from the time in between to both frames (equation 4).

    Args:
        flow01: (B, 2, H, W), frame 0 to frame 1.
        flow10: (B, 2, H, W), frame 1 to frame 0.
        timestep: (B, 1, 1, 1), 0 at frame 0 and 1 at frame 1.

    Returns:
        Ft0 and Ft1, each (B, 2, H, W).
    """
    t = timestep
    flow_t0 = -(1 - t) * t * flow01 + t * t * flow10
    flow_t1 = (1 - t) * (1 - t) * flow01 - t * (1 - t) * flow10
    return flow_t0, flow_t1


def fuse(warped0: Tensor, warped1: Tensor, visibility0: Tensor, timestep: Tensor) -> Tensor:
    """Blend the two warped frames by time and visibility (equation 5).

    Args:
        warped0: (B, 3, H, W), frame 0 warped to the time in between.
        warped1: (B, 3, H, W), frame 1 likewise.
        visibility0: (B, 1, H, W) in 0..1, how visible frame 0's pixel is; frame 1's is the rest.
        timestep: (B, 1, 1, 1), in 0..1.

    Returns:
        (B, 3, H, W). The weights' sum is never below min(t, 1 - t), so 0 < t < 1 never divides
        by zero.
    """
    weight0 = (1 - timestep) * visibility0
    weight1 = timestep * (1 - visibility0)
    share1 = weight1 / (weight0 + weight1)
    return torch.lerp(warped0, warped1, share1)


def resize_flow(flow: Tensor, factor: int) -> Tensor:
    """Enlarge a flow field `factor` times without changing its unit; (B, C, H, W)."""
    if factor == 1:
        return flow
    return F.interpolate(flow, scale_factor=float(factor), mode="bilinear", align_corners=False)
