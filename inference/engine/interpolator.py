"""From two recorded frames and a list of times to the frames in between.

The interpolator owns what the network must not know: device, precision, padding, tiling, and how
many times are synthesised at once.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from inference.engine import weights
from inference.engine.errors import OutOfMemory, SettingsRefused
from inference.engine.network import Synthesis as NetworkSynthesis
from inference.engine.warp import backward_warp, fuse, resize_flow

log = logging.getLogger(__name__)

PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
WHOLE_FRAME_PIXELS = 4096 * 2304
"""Frames up to this size are tried whole; larger ones, and those that do not fit, are tiled."""
TILE_OVERLAP = 128
"""Pixels by which neighbouring tiles overlap and are blended, so that flow agrees at the seam."""
SMALLEST_TILE = 256
SPARING_TILE = 512
GPU_BATCH = 8
"""Times synthesised at once on a GPU. A CPU is busy with one."""
COLOUR_TOLERANCE = 0.1
"""Difference of colour, of 0..1, at which two pixels are hardly taken for the same point."""
UNSURE_SHARE = 0.1
"""Confidence is the mean over this least certain part of the picture: what moves decides it."""


@dataclass(frozen=True)
class Synthesis:
    """The frames synthesised between two recorded ones.

    Attributes:
        frames: (T, 3, H, W) float32 RGB, nominally 0..1, on the CPU.
        confidence: one number in 0..1 for each frame, see `_confidence`.
        flow01, flow10: (2, H, W) float32, pixels; None unless asked for.
    """

    frames: Tensor
    confidence: list[float]
    flow01: Tensor | None = None
    flow10: Tensor | None = None


class Interpolator:
    """A loaded network, ready to synthesise on one device.

    Attributes:
        weights_name, digest: which weights these are.
        device: `cpu` or `cuda`.
        precision: what the convolutions run in: `float32`, `float16` or `bfloat16`.
        seconds: time spent in `interpolate` so far.
        spares_memory: whether to begin with one time at once and small tiles, which is slower, as
            where the system killed a process for what it took.
    """

    def __init__(
        self, weights_file: Path | None = None, *, device: str = "auto", precision: str = "auto"
    ) -> None:
        """
        Args:
            weights_file: ours or a published checkpoint; the default weights without one.
            device: `auto`, `cpu` or `cuda`.
            precision: `auto` picks float16 on CUDA, bfloat16 on a CPU that has it, else float32.

        Raises:
            WeightsRefused: see `weights.load`.
            SettingsRefused: no such device or precision here.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device not in ("cpu", "cuda"):
            raise SettingsRefused("no_such_device", f"Device {device} is none of auto, cpu, cuda.")
        if device == "cuda" and not torch.cuda.is_available():
            raise SettingsRefused("no_such_device", "This machine has no CUDA device.")
        if precision == "auto":
            precision = _best_precision(device)
        if precision not in PRECISIONS:
            raise SettingsRefused(
                "no_such_precision", f"Precision must be auto or one of {', '.join(PRECISIONS)}."
            )
        network, info = weights.load(weights_file)
        self.weights_name = info.name
        self.digest = info.digest
        self.device = device
        self.precision = precision
        self.seconds = 0.0
        self.spares_memory = False
        self._before_each: Callable[[], None] = _nothing
        self._network = network.place(device)
        # Only the convolutions: everything between them stays in float32.
        self._network.flow.to(PRECISIONS[precision])
        self._network.refine.to(PRECISIONS[precision])
        self._batch = GPU_BATCH if device == "cuda" else 1

    @torch.inference_mode()
    def interpolate(
        self,
        frame0: Tensor,
        frame1: Tensor,
        timesteps: Sequence[float],
        *,
        want_flow: bool = False,
        before_each: Callable[[], None] | None = None,
    ) -> Synthesis:
        """Synthesise the frames at `timesteps` between two recorded frames.

        Args:
            frame0, frame1: (3, H, W) float32 RGB, nominally 0..1, on the CPU; any size.
            timesteps: each strictly between 0 and 1.
            want_flow: also return the flow between the recorded frames.
            before_each: called before each batch; raise there to stop.

        Raises:
            ValueError: the frames differ in shape, or a timestep is not between 0 and 1.
            OutOfMemory: not even small tiles fit the device's memory.
        """
        if frame0.shape != frame1.shape or frame0.dim() != 3 or frame0.shape[0] != 3:
            raise ValueError("frames must be two tensors of the same shape (3, H, W)")
        if not all(0 < t < 1 for t in timesteps):
            raise ValueError("timesteps must lie strictly between 0 and 1")
        started = time.perf_counter()
        pair = torch.stack((frame0, frame1)).to(self.device)
        self._before_each = before_each or _nothing
        try:
            made = self._fitting(pair, [float(t) for t in timesteps])
            return Synthesis(
                frames=made.frames.cpu(),
                confidence=made.confidence,
                flow01=made.flow[:2].cpu() if want_flow else None,
                flow10=made.flow[2:].cpu() if want_flow else None,
            )
        finally:
            self.seconds += time.perf_counter() - started

    def _fitting(self, pair: Tensor, timesteps: list[float]) -> "_Made":
        """Whole if it fits, else fewer times at once, else ever smaller tiles."""
        height, width = pair.shape[-2:]
        tile = max(height, width)
        if self.spares_memory:
            self._batch, tile = 1, min(tile, SPARING_TILE)
        elif height * width > WHOLE_FRAME_PIXELS:
            tile = 2048
        while True:
            try:
                return self._tiled(pair, timesteps, tile)
            except RuntimeError as error:
                if not _is_memory(error):
                    raise
            # Outside the handler: the traceback would keep the failed attempt's tensors alive.
            if self.device == "cuda":
                torch.cuda.empty_cache()
            if self._batch > 1:
                self._batch //= 2
            elif tile > SMALLEST_TILE:
                tile = max(SMALLEST_TILE, tile // 2)
            else:
                raise OutOfMemory(
                    "out_of_memory",
                    f"A frame of {width}x{height} does not fit the memory of this "
                    f"{self.device} device, even in tiles of {tile} pixels.",
                )
            log.warning("out of memory: now %d times at once, tiles of %d", self._batch, tile)

    def _tiled(self, pair: Tensor, timesteps: list[float], tile: int) -> "_Made":
        """Interpolate tile by tile and blend the overlaps; one tile when the frame is no larger."""
        height, width = pair.shape[-2:]
        if tile >= max(height, width):
            return self._whole(pair, timesteps)
        frames = pair.new_zeros(len(timesteps), 3, height, width)
        flow = pair.new_zeros(4, height, width)
        weight = pair.new_zeros(1, height, width)
        confidence = [1.0] * len(timesteps)
        for rows in _spans(height, tile):
            for columns in _spans(width, tile):
                made = self._whole(pair[:, :, rows, columns], timesteps)
                ramp = _ramp(rows, height, pair.device)[:, None] * _ramp(
                    columns, width, pair.device
                )
                frames[:, :, rows, columns] += made.frames * ramp
                flow[:, rows, columns] += made.flow * ramp
                weight[:, rows, columns] += ramp
                # A frame is as sure as its least sure tile.
                confidence = [min(a, b) for a, b in zip(confidence, made.confidence, strict=True)]
        return _Made(frames / weight, confidence, flow / weight)

    def _whole(self, pair: Tensor, timesteps: list[float]) -> "_Made":
        network = self._network
        height, width = pair.shape[-2:]
        multiple = network.config.multiple
        padding = (0, -width % multiple, 0, -height % multiple)
        frame0, frame1 = F.pad(pair, padding, mode="replicate").chunk(2)
        known = network.pair(frame0, frame1)
        agreement = _agreement(frame0, frame1, known.flow, network.config.flow_stride)
        frames: list[Tensor] = []
        confidence: list[float] = []
        for start in range(0, len(timesteps), self._batch):
            times = torch.tensor(timesteps[start : start + self._batch], device=pair.device)
            times = times.view(-1, 1, 1, 1)
            self._before_each()
            made = network.synthesise(known.expand(len(times)), times)
            frames.append(made.frame[..., :height, :width])
            confidence += _confidence(agreement, made, times)
        full = resize_flow(known.flow, network.config.flow_stride)
        everything = torch.cat(frames) if frames else pair.new_zeros(0, 3, height, width)
        return _Made(everything, confidence, full[0, :, :height, :width])


@dataclass(frozen=True)
class _Made:
    """frames (T, 3, H, W), their confidence, and the flow (4, H, W), on the device."""

    frames: Tensor
    confidence: list[float]
    flow: Tensor


def _agreement(frame0: Tensor, frame1: Tensor, flow: Tensor, stride: int) -> Tensor:
    """How well the frames agree with the flow between them: (1, 3, h, w) in 0..1.

    Channel 0 is for frame 0, channel 1 for frame 1, channel 2 for what stands still. A pixel whose
    round trip along the flow ends at distance e, and whose colour is d away from that of the place
    it goes to, has exp(-e² / b) exp(-(d / COLOUR_TOLERANCE)²), with the bound
    b = 0.01 (|F|² + |F back|²) + 0.5 of Sundaram, Brox and Keutzer, "Dense Point Trajectories by
    GPU-Accelerated Large Displacement Optical Flow", 2010. The colour is there because two
    unrelated frames agree on no motion. Where nothing moves, the colour alone counts.

    Args:
        frame0, frame1: (1, 3, H, W).
        flow: (1, 4, h, w), F01 and F10 in pixels of the frame.
        stride: pixels of the frame for each pixel of the field.
    """
    if stride > 1:
        frame0, frame1 = F.avg_pool2d(frame0, stride), F.avg_pool2d(frame1, stride)
    found = []
    for image, other, there, back in (
        (frame0, frame1, flow[:, :2], flow[:, 2:]),
        (frame1, frame0, flow[:, 2:], flow[:, :2]),
    ):
        reached = backward_warp(torch.cat((back, other), dim=1), there / stride)
        returned, colour = reached[:, :2], reached[:, 2:]
        error = (there + returned).square().sum(dim=1, keepdim=True)
        motion = there.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
        found.append(torch.exp(-error / (0.01 * motion + 0.5)) * _alike(image, colour))
    return torch.cat((*found, _alike(frame0, frame1)), dim=1)


def _alike(image: Tensor, other: Tensor) -> Tensor:
    difference = (image - other).abs().mean(dim=1, keepdim=True)
    return torch.exp(-(difference / COLOUR_TOLERANCE).square())


def _confidence(agreement: Tensor, made: NetworkSynthesis, timesteps: Tensor) -> list[float]:
    """How sure each synthesised frame is, 0..1: one number for each timestep.

    Each pixel takes the agreement of the places it was drawn from, weighted as its colour was, by
    time and visibility, or as standing still. The mean is over the least certain part of the
    picture, because a still background would hide the moving ball that a decision hangs on.
    """
    width = agreement.shape[-1]
    stride = made.flow_t0.shape[-1] // width
    flow_t0, flow_t1, visibility0 = (
        F.avg_pool2d(x, stride) for x in (made.flow_t0, made.flow_t1, made.visibility0)
    )
    there0, there1, still = agreement.expand(len(timesteps), -1, -1, -1).chunk(3, dim=1)
    sure0 = backward_warp(there0, flow_t0 / stride)
    sure1 = backward_warp(there1, flow_t1 / stride)
    sure = fuse(sure0, sure1, visibility0, timesteps)
    if made.still is not None:
        sure = torch.lerp(sure, still, F.avg_pool2d(made.still, stride))
    sure = sure.flatten(1)
    unsure = sure.topk(max(1, int(UNSURE_SHARE * sure.shape[1])), largest=False, sorted=False)
    return [float(c) for c in unsure.values.mean(dim=1).clamp(0, 1)]


def _spans(size: int, tile: int) -> Iterator[slice]:
    """Cover `size` pixels by overlapping spans of at most `tile`."""
    start = 0
    while start + tile < size:
        yield slice(start, start + tile)
        start += tile - TILE_OVERLAP
    yield slice(start, size)


def _ramp(span: slice, size: int, device: torch.device) -> Tensor:
    """Blending weights of a span: rising and falling over the overlaps, 1 at the frame's edges."""
    position = torch.arange(span.stop - span.start, dtype=torch.float32, device=device) + 0.5
    weight = torch.ones_like(position)
    if span.start > 0:
        weight = weight.minimum(position / TILE_OVERLAP)
    if span.stop < size:
        weight = weight.minimum(position.flip(0) / TILE_OVERLAP)
    return weight


def _nothing() -> None:
    """Nobody asked to be called."""


def _best_precision(device: str) -> str:
    if device == "cuda":
        return "float16"
    # PyTorch has no public question for this; without it bfloat16 is emulated and slow.
    return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"


# A CPU allocation that fails is a plain RuntimeError of PyTorch or oneDNN, told by its text alone.
_MEMORY_TEXTS = (
    "can't allocate memory",
    "could not create a primitive",
    "could not create a memory",
)


def _is_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in str(error) for text in _MEMORY_TEXTS
    )
