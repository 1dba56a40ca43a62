"""Super SloMo: the published network and our compact configuration of the same idea.

Both are two U-Nets. The *flow* U-Net sees two recorded frames and gives the optical flow in both
directions. The *refinement* U-Net sees the frames warped to the time in between and corrects the
approximate flows, says which frame each pixel is visible in, and (compact only) repaints what
neither frame shows. Everything between the two is the flow algebra of `warp.py`.

The compact configuration differs from the published one in five ways, each for speed, for detail,
for learning from little data or for what is not part of the scene:

* images enter by space-to-depth at `stride`, so no convolution runs at full resolution, and flow
  lives at `flow_stride` until the last warp;
* the flow U-Net is shared over an image pyramid, coarse to fine, each level correcting the flow of
  the one before from the frames already warped by it, so large motion needs no large kernels;
* the last warp samples bicubically, which keeps detail that bilinear sampling averages away;
* what stands still on the picture while the scene moves under it (a timestamp, a scoreboard, dirt
  on the lens) is taken from the frames as they are, where the refinement U-Net says so;
* the output gets an RGB residual after the fusion.

Sources: Jiang et al., "Super SloMo", CVPR 2018 (the network and equations 3 to 5); Ronneberger et
al., "U-Net", 2015; the coarse-to-fine refinement with warped inputs follows Ranjan and Black,
"SpyNet", CVPR 2017.

Shapes are (B, C, H, W). Frames are RGB, nominally 0..1. Flow is in pixels of the level it is used
at, x then y. Convolutions run in the weights' own type (or under autocast); flow, coordinates,
sampling and fusion stay in float32.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.engine.warp import backward_warp, fuse, intermediate_flows, resize_flow

LEAK = 0.1


@dataclass(frozen=True)
class UNetConfig:
    """A U-Net: stage `i` works at 1 / (stride * 2**i) with `widths[i]` channels."""

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    stride: int = 1

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.kernels) or len(self.widths) < 2:
            raise ValueError("a U-Net needs at least two stages, each with a width and a kernel")


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides the shape of a Super SloMo network.

    Attributes:
        name: what people call it.
        flow: the flow U-Net.
        refine: the refinement U-Net.
        pyramid_levels: levels of the image pyramid that share the flow U-Net; 1 is the published
            single pass, which sees the frames alone.
        flow_stride: flow is predicted at this fraction of the frame's resolution.
        flow_scale: pixels for each unit of a U-Net's flow channels.
        pixel_mean: subtracted from the frames before a U-Net sees them, for R, G, B.
        pixel_gain: multiplied in after that.
        visibility_gain: multiplied to the logits of visibility and of what stands still.
        sees_timestep: the refinement U-Net is told t.
        residual_output: the refinement U-Net adds an RGB residual to the fused frame.
        still_output: the refinement U-Net says which pixels stand still, whatever moves there.
        kernel: how the frames are sampled in the last warp, `bilinear` or `bicubic`.
        active_heads: the last convolution is followed by the activation, as published.
    """

    name: str
    flow: UNetConfig
    refine: UNetConfig
    pyramid_levels: int = 1
    flow_stride: int = 1
    flow_scale: float = 1.0
    pixel_mean: tuple[float, float, float] = (0.429, 0.431, 0.397)
    pixel_gain: float = 1.0
    visibility_gain: float = 1.0
    sees_timestep: bool = False
    residual_output: bool = False
    still_output: bool = False
    kernel: str = "bilinear"
    active_heads: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; `from_dict` turns it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "NetworkConfig":
        """Build a configuration from `to_dict`'s result.

        Raises:
            TypeError, ValueError, KeyError: a field is missing, unknown or of the wrong kind.
        """
        unet = {
            part: UNetConfig(
                widths=tuple(fields[part]["widths"]),
                kernels=tuple(fields[part]["kernels"]),
                stride=fields[part]["stride"],
            )
            for part in ("flow", "refine")
        }
        red, green, blue = fields["pixel_mean"]
        return cls(**{**fields, **unet, "pixel_mean": (red, green, blue)})

    @property
    def multiple(self) -> int:
        """Frame heights and widths must be multiples of this; the interpolator pads to it."""
        if self.pyramid_levels == 1:
            # As published: every stage halves exactly.
            return max(u.stride << (len(u.widths) - 1) for u in (self.flow, self.refine))
        return max(self.flow.stride << (self.pyramid_levels - 1), self.refine.stride)


PUBLISHED = NetworkConfig(
    name="super-slomo",
    flow=UNetConfig(widths=(32, 64, 128, 256, 512, 512), kernels=(7, 5, 3, 3, 3, 3)),
    refine=UNetConfig(widths=(32, 64, 128, 256, 512, 512), kernels=(7, 5, 3, 3, 3, 3)),
)

COMPACT = NetworkConfig(
    name="super-slomo-compact",
    flow=UNetConfig(widths=(64, 96, 128, 128), kernels=(3, 3, 3, 3), stride=4),
    refine=UNetConfig(widths=(32, 48, 64, 96, 96), kernels=(3, 3, 3, 3, 3), stride=2),
    pyramid_levels=3,
    flow_stride=2,
    flow_scale=10.0,
    pixel_mean=(0.45, 0.45, 0.45),
    pixel_gain=3.0,
    visibility_gain=4.0,
    sees_timestep=True,
    residual_output=True,
    still_output=True,
    kernel="bicubic",
    active_heads=False,
)


class _Stage(nn.Module):
    """Two convolutions; the base of the stages on the way down and up."""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        super().__init__()
        self.conv1 = first
        self.conv2 = second


class _Down(_Stage):
    """Halve the resolution, then convolve twice."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__(
            _conv(channels_in, channels_out, kernel), _conv(channels_out, channels_out, kernel)
        )

    def forward(self, x: Tensor) -> Tensor:
        # ceil_mode keeps the last odd row and column, so any size goes through.
        x = F.avg_pool2d(x, 2, ceil_mode=True)
        return _activate(self.conv2(_activate(self.conv1(x))))


class _Up(_Stage):
    """Double the resolution, convolve, join the skip connection, convolve."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            _conv(channels_in, channels_out, 3), _conv(2 * channels_out, channels_out, 3)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        height, width = skip.shape[-2:]
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = _activate(self.conv1(x[..., :height, :width]))
        return _activate(self.conv2(torch.cat((x, skip), dim=1)))


class UNet(nn.Module):
    """The U-Net of the paper, with the published checkpoints' parameter names.

    Input (B, channels_in, H, W) at the U-Net's own resolution, output (B, channels_out, H, W) in
    float32.
    """

    def __init__(
        self, channels_in: int, channels_out: int, config: UNetConfig, *, active_head: bool
    ) -> None:
        super().__init__()
        widths, kernels = config.widths, config.kernels
        self.depth = len(widths) - 1
        self.active_head = active_head
        self.conv1 = _conv(channels_in, widths[0], kernels[0])
        self.conv2 = _conv(widths[0], widths[0], kernels[0])
        for i in range(1, self.depth + 1):
            self.add_module(f"down{i}", _Down(widths[i - 1], widths[i], kernels[i]))
        for i in range(1, self.depth + 1):
            self.add_module(f"up{i}", _Up(widths[self.depth - i + 1], widths[self.depth - i]))
        self.conv3 = _conv(widths[0], channels_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        # One tensor in the other memory layout makes every convolution after it ten times slower.
        x = x.to(self.conv1.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = _activate(self.conv2(_activate(self.conv1(x))))
        skips = [x]
        for i in range(1, self.depth + 1):
            x = self.get_submodule(f"down{i}")(x)
            skips.append(x)
        skips.pop()
        for i in range(1, self.depth + 1):
            x = self.get_submodule(f"up{i}")(x, skips.pop())
        x = self.conv3(x).float()
        return _activate(x) if self.active_head else x


class Pair(NamedTuple):
    """Two frames and all that can be known of them before a timestep is.

    Attributes:
        frame0, frame1: (B, 3, H, W).
        flows: what `SuperSloMo.flows` found, the last one being the result.
        context: the part of the refinement U-Net's input that no timestep changes.
    """

    frame0: Tensor
    frame1: Tensor
    flows: list[Tensor]
    context: Tensor

    @property
    def flow(self) -> Tensor:
        """(B, 4, h, w): F01 and F10 in pixels of the frame, at 1 / flow_stride of its size."""
        return self.flows[-1]

    def expand(self, count: int) -> "Pair":
        """One pair seen `count` times, without copying, to synthesise `count` times at once."""
        frame0, frame1, flow, context = (
            x.expand(count, -1, -1, -1) for x in (self.frame0, self.frame1, self.flow, self.context)
        )
        return Pair(frame0, frame1, [flow], context)


class Synthesis(NamedTuple):
    """A synthesised frame and what it was made from; training needs all of it.

    Attributes:
        frame: (B, 3, H, W).
        flow_t0, flow_t1: (B, 2, H, W), refined, from the time in between to both frames.
        visibility0: (B, 1, H, W) in 0..1.
        warped0, warped1: (B, 3, H, W), the frames warped by the refined flows.
        first_warped0, first_warped1: likewise by the unrefined flows.
        still: (B, 1, H, W) in 0..1, where the frame is that of both frames unmoved; None from a
            network without that output.
    """

    frame: Tensor
    flow_t0: Tensor
    flow_t1: Tensor
    visibility0: Tensor
    warped0: Tensor
    warped1: Tensor
    first_warped0: Tensor
    first_warped1: Tensor
    still: Tensor | None


class SuperSloMo(nn.Module):
    """Two U-Nets and the flow algebra between them: (frame 0, frame 1, t) -> the frame at t."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        pyramid = config.pyramid_levels > 1
        # Flow U-Net: both frames; on a pyramid also both warped frames and both flows.
        fold = config.flow.stride**2
        self.flow = UNet(
            (4 * 3 * fold + 4) if pyramid else 2 * 3 * fold,
            4 * (config.flow.stride // config.flow_stride) ** 2,
            config.flow,
            active_head=config.active_heads,
        )
        # Refinement U-Net: both frames, both flows, both intermediate flows, both warped frames.
        fold = config.refine.stride**2
        flow_channels = 4 * (config.refine.stride // config.flow_stride) ** 2
        self._heads = [
            flow_channels,
            fold,
            3 * fold if config.residual_output else 0,
            fold if config.still_output else 0,
        ]
        self.refine = UNet(
            4 * 3 * fold + 8 + int(config.sees_timestep),
            sum(self._heads),
            config.refine,
            active_head=config.active_heads,
        )
        mean = torch.tensor(config.pixel_mean).view(1, 3, 1, 1)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.pixel_mean: Tensor

    def forward(self, frame0: Tensor, frame1: Tensor, timestep: Tensor) -> Synthesis:
        """Synthesise the frame at `timestep` (B, 1, 1, 1) between two frames (B, 3, H, W)."""
        return self.synthesise(self.pair(frame0, frame1), timestep)

    def pair(self, frame0: Tensor, frame1: Tensor) -> Pair:
        """Everything about two frames (B, 3, H, W) that is done once for all times in between."""
        stride = self.config.refine.stride
        flows = self.flows(frame0, frame1)
        parts = [
            self._fold(frame0, stride),
            self._fold(frame1, stride),
            self._pool(flows[-1], stride),
        ]
        return Pair(frame0, frame1, flows, torch.cat(parts, dim=1))

    def flows(self, frame0: Tensor, frame1: Tensor) -> list[Tensor]:
        """The optical flow between two frames in both directions.

        Returns:
            One (B, 4, h, w) for each pyramid level, coarsest first: F01 in channels 0 and 1, F10
            in 2 and 3, in the pixels of the level, at 1 / flow_stride of the level's resolution.
            The last one is the result; the others are there to be supervised.
        """
        config = self.config
        found: list[Tensor] = []
        for level in reversed(range(config.pyramid_levels)):
            image0, image1 = (F.avg_pool2d(f, 2**level) if level else f for f in (frame0, frame1))
            if found:
                # Twice the resolution: twice the size and twice as many pixels a second.
                flow = 2 * resize_flow(found[-1], 2)
            else:
                batch, _, height, width = image0.shape
                flow = image0.new_zeros(
                    batch, 4, height // config.flow_stride, width // config.flow_stride
                )
            found.append(flow + config.flow_scale * self._flow_step(image0, image1, flow))
        return found

    def _flow_step(self, image0: Tensor, image1: Tensor, flow: Tensor) -> Tensor:
        """One pass of the flow U-Net: the correction to `flow`, in units of flow_scale pixels."""
        config = self.config
        stride = config.flow.stride
        parts = [self._fold(image0, stride), self._fold(image1, stride)]
        if config.pyramid_levels > 1:
            full = resize_flow(flow, config.flow_stride)
            parts += [
                self._fold(backward_warp(image0, full[:, 2:]), stride),
                self._fold(backward_warp(image1, full[:, :2]), stride),
                self._pool(flow, stride),
            ]
        correction = self.flow(torch.cat(parts, dim=1))
        return F.pixel_shuffle(correction, stride // config.flow_stride)

    def synthesise(self, pair: Pair, timestep: Tensor) -> Synthesis:
        """The frame at a time between two frames whose flow is known.

        Args:
            pair: from `pair`.
            timestep: (B, 1, 1, 1), strictly between 0 and 1.
        """
        config = self.config
        stride = config.refine.stride
        frame0, frame1, flow = pair.frame0, pair.frame1, pair.flow
        flow_t0, flow_t1 = intermediate_flows(flow[:, :2], flow[:, 2:], timestep)
        first0 = backward_warp(frame0, resize_flow(flow_t0, config.flow_stride))
        first1 = backward_warp(frame1, resize_flow(flow_t1, config.flow_stride))

        parts = [
            pair.context,
            self._pool(flow_t1, stride),
            self._pool(flow_t0, stride),
            self._fold(first1, stride),
            self._fold(first0, stride),
        ]
        if config.sees_timestep:
            parts.append(timestep.to(pair.context.dtype).expand_as(pair.context[:, :1]))
        heads = self.refine(torch.cat(parts, dim=1))
        flow_head, fine = heads[:, : self._heads[0]], heads[:, self._heads[0] :]
        # What is made for each pixel of the frame unfolds in one pass: each alone is as slow.
        fine = F.pixel_shuffle(fine, stride)
        colours = 3 if config.residual_output else 0
        visibility, residual, stillness = (
            fine[:, :1],
            fine[:, 1 : 1 + colours],
            fine[:, 1 + colours :],
        )

        correction = config.flow_scale * F.pixel_shuffle(flow_head, stride // config.flow_stride)
        flow_t0 = resize_flow(flow_t0 + correction[:, :2], config.flow_stride)
        flow_t1 = resize_flow(flow_t1 + correction[:, 2:], config.flow_stride)
        visibility0 = torch.sigmoid(config.visibility_gain * visibility)
        warped0 = backward_warp(frame0, flow_t0, config.kernel)
        warped1 = backward_warp(frame1, flow_t1, config.kernel)
        frame = fuse(warped0, warped1, visibility0, timestep)
        still = None
        if config.still_output:
            still = torch.sigmoid(config.visibility_gain * stillness)
            frame = torch.lerp(frame, torch.lerp(frame0, frame1, timestep), still)
        if config.residual_output:
            frame = frame + residual
        return Synthesis(
            frame, flow_t0, flow_t1, visibility0, warped0, warped1, first0, first1, still
        )

    def _fold(self, image: Tensor, stride: int) -> Tensor:
        """Normalise and space-to-depth: (B, 3, H, W) -> (B, 3 stride², H/stride, W/stride)."""
        image = (image - self.pixel_mean) * self.config.pixel_gain
        return F.pixel_unshuffle(image.to(self.flow.conv1.weight.dtype), stride)

    def _pool(self, flow: Tensor, stride: int) -> Tensor:
        """Bring a flow field to a U-Net's resolution and unit."""
        factor = stride // self.config.flow_stride
        flow = flow / self.config.flow_scale
        if factor > 1:
            flow = F.avg_pool2d(flow, factor)
        return flow.to(self.flow.conv1.weight.dtype)

    def place(self, device: str | torch.device) -> "SuperSloMo":
        """Move to a device, in the memory layout the convolutions are fast in."""
        return self.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights for training.

        Kaiming-normal for the leaky activation, zero biases, heads near zero so that training
        starts from "nothing moves", and from "hardly anything stands still whatever moves there".
        With PyTorch's default nothing is learned in 700 steps.
        """
        for name, module in self.named_modules():
            if not isinstance(module, nn.Conv2d):
                continue
            if name.endswith("conv3"):
                nn.init.normal_(module.weight, std=1e-3, generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, a=LEAK, generator=generator)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
        if self.config.still_output:
            bias = self.refine.conv3.bias
            assert bias is not None
            nn.init.constant_(bias[-self._heads[-1] :], -1.0)


def _conv(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)


def _activate(x: Tensor) -> Tensor:
    # In place only where no gradient needs the value before.
    return F.leaky_relu(x, LEAK, inplace=not torch.is_grad_enabled())
