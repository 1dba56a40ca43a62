"""The loss terms, means over the pixels of frames in 0..1.

Reconstruction, perceptual, warping and smoothness are the paper's (Jiang et al., CVPR 2018,
section 3.3); the Laplacian pyramid follows Niklaus and Liu, "Context-aware Synthesis", CVPR 2018;
the robust flow error follows Sun et al., "PWC-Net", CVPR 2018.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from inference.engine.network import SuperSloMo
from inference.engine.train.config import LossWeights
from inference.engine.train.data import Sample
from inference.engine.warp import backward_warp, resize_flow

Perceptual = Callable[[Tensor, Tensor], Tensor]


def total_loss(
    network: SuperSloMo, batch: Sample, weights: LossWeights, perceptual: Perceptual | None
) -> tuple[Tensor, Tensor]:
    """The weighted sum of the terms for one batch.

    Returns:
        The loss, and the synthesised frames (B, 3, H, W), detached.
    """
    frame0, truth, frame1 = batch["frames"].unbind(1)
    pair = network.pair(frame0, frame1)
    made = network.synthesise(pair, batch["timestep"])
    flow = pair.flow
    error = weights.reconstruction * _l1(made.frame, truth)
    if weights.rms:
        squared = (made.frame - truth).square().mean(dim=(1, 2, 3))
        error = error + weights.rms * (squared + 1e-8).sqrt()
    if weights.laplacian:
        error = error + weights.laplacian * laplacian(made.frame, truth)
    if weights.warping:
        full = resize_flow(flow, network.config.flow_stride)
        warping = (
            _l1(made.first_warped0, truth)
            + _l1(made.first_warped1, truth)
            + _l1(backward_warp(frame0, full[:, 2:]), frame1)
            + _l1(backward_warp(frame1, full[:, :2]), frame0)
        )
        if network.config.residual_output:
            # The residual would let the refined flows drift; hold them to the truth as well.
            warping = warping + _l1(made.warped0, truth) + _l1(made.warped1, truth)
        error = error + weights.warping * warping
    # A still scene's error is a hundredth of a moving one's, and as visible. The logarithm, which
    # PSNR takes as well, lets both count.
    loss = (error + weights.floor).log().mean() if weights.floor else error.mean()
    if perceptual is not None and weights.perceptual:
        loss = loss + weights.perceptual * perceptual(made.frame, truth)
    if weights.smoothness:
        loss = loss + weights.smoothness * smoothness(flow)
    if weights.flow:
        loss = loss + weights.flow * flow_error(pair.flows, batch["flow"], batch["has_flow"])
    return loss, made.frame.detach()


def _l1(image: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of each picture: (B, C, H, W) -> (B,)."""
    return (image - truth).abs().mean(dim=(1, 2, 3))


def smoothness(flow: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring flow vectors; (B, 4, h, w)."""
    return (flow.diff(dim=-1).abs().mean() + flow.diff(dim=-2).abs().mean()) / 2


def flow_error(flows: list[Tensor], truth: Tensor, known: Tensor) -> Tensor:
    """Robust end-point error (|error|² + 0.01)^0.4, of all pyramid levels, both directions.

    Args:
        flows: as from `SuperSloMo.flows`, each in its own level's pixels.
        truth: (B, 4, H, W), pixels of the frame.
        known: (B, 1, 1, 1), 1 where the truth is one.
    """
    total = torch.zeros((), device=truth.device)
    for level, flow in enumerate(reversed(flows)):
        factor = truth.shape[-1] // flow.shape[-1]
        error = 2**level * flow - F.avg_pool2d(truth, factor)
        for direction in (error[:, :2], error[:, 2:]):
            squared = direction.square().sum(dim=1, keepdim=True)
            total = total + ((squared + 0.01) ** 0.4 * known).mean()
    return total


def laplacian(image: Tensor, truth: Tensor, levels: int = 5) -> Tensor:
    """L1 between Laplacian pyramids, (B,); coarse levels count more, as they hold fewer pixels."""
    total = torch.zeros(len(image), device=image.device)
    difference = image - truth  # the pyramid is linear, so the difference's pyramid is enough
    for level in range(levels):
        coarse = F.avg_pool2d(difference, 2)
        detail = difference - F.interpolate(
            coarse, size=difference.shape[-2:], mode="bilinear", align_corners=False
        )
        total = total + float(2**level) * detail.abs().mean(dim=(1, 2, 3))
        difference = coarse
    return total + float(2**levels) * difference.abs().mean(dim=(1, 2, 3))


class VggPerceptual(torch.nn.Module):
    """Mean squared distance of VGG16's conv4_3 features, with torchvision's trained weights."""

    def __init__(self) -> None:
        super().__init__()
        from inference.engine.vision import torchvision

        tv = torchvision()
        weights = tv.models.VGG16_Weights.IMAGENET1K_V1
        features = tv.models.vgg16(weights=weights).features
        self.features = features[:22].eval().requires_grad_(False)  # up to conv4_3
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """Scalar distance between (B, 3, H, W) frames in 0..1."""
        pair = torch.cat((image, truth))
        image_features, truth_features = self.features((pair - self.mean) / self.std).chunk(2)
        return F.mse_loss(image_features, truth_features)
