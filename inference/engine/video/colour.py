"""Planes to RGB and back, as an exact inverse pair.

The network sees RGB; recorded frames never do. For a synthesised frame not to differ in
brightness or hue from its recorded neighbours, RGB -> planes must undo planes -> RGB to the
very code value. So nothing is clamped in RGB (codes outside the nominal range survive), chroma
is repeated upwards and averaged downwards over the same samples, and rounding happens once, at
the codes.

NumPy rather than torch on purpose: these are short passes over memory, run beside the network,
where waiting for a second busy thread costs far more than it gains.
"""

import numpy as np
import numpy.typing as npt
import torch

from inference.engine.video.frames import Frame, FrameFormat, Plane, Planes

Array = npt.NDArray[np.float32]

# Weights of red and blue in luma, ITU-T H.273 table 4. Matrices not listed (constant luminance,
# YCgCo, ICtCp) are read as BT.709: the pair stays exact, only the network's view of hue is off.
_LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
_HD_LONG_SIDE, _HD_SHORT_SIDE = 1280, 720


def to_rgb(frame: Frame, format: FrameFormat) -> torch.Tensor:
    """RGB (3, H, W) float32, nominally 0..1 in the source's own transfer curve, not clamped."""
    planes, channels = frame.planes, np.empty((3, format.height, format.width), np.float32)
    luma_offset, luma_scale, chroma_offset, chroma_scale = _codes(format)
    if format.family == "gbrp":
        for at, plane in zip((1, 2, 0), planes, strict=True):
            channels[at] = _scaled(plane, luma_offset, luma_scale)
        return torch.from_numpy(channels)
    luma = _scaled(planes[0], luma_offset, luma_scale)
    if format.family == "gray":
        channels[:] = luma
        return torch.from_numpy(channels)
    red, green, blue = _weights(format)
    cb = _scaled(planes[1], chroma_offset, chroma_scale)
    cr = _scaled(planes[2], chroma_offset, chroma_scale)
    cb *= 2 * (1 - blue)  # B - Y
    cr *= 2 * (1 - red)  # R - Y
    cg = cb * np.float32(-blue / green)
    cg -= cr * np.float32(red / green)
    for channel, difference in zip(channels, (cr, cg, cb), strict=True):
        _add_repeated(luma, difference, format.chroma_shift, out=channel)
    return torch.from_numpy(channels)


def from_rgb(rgb: torch.Tensor, format: FrameFormat) -> Planes:
    """The inverse of `to_rgb`: (3, H, W) float32 to planes of codes, rounded and clamped."""
    channels: Array = rgb.detach().to("cpu", torch.float32).numpy()
    luma_offset, luma_scale, chroma_offset, chroma_scale = _codes(format)
    if format.family == "gbrp":
        return tuple(_quantised(channels[k], luma_offset, luma_scale, format) for k in (1, 2, 0))
    red, green, blue = _weights(format)
    luma = _luma(channels, (red, green, blue))
    luma_plane = _quantised(luma, luma_offset, luma_scale, format)
    if format.family == "gray":
        return (luma_plane,)
    small = [_averaged(channel, format.chroma_shift) for channel in channels]
    small_luma = _luma(small, (red, green, blue))
    return (
        luma_plane,
        _quantised(small[2] - small_luma, chroma_offset, chroma_scale / (2 - 2 * blue), format),
        _quantised(small[0] - small_luma, chroma_offset, chroma_scale / (2 - 2 * red), format),
    )


def _weights(format: FrameFormat) -> tuple[float, float, float]:
    """Weights of red, green and blue in luma.

    An unspecified matrix is BT.709 for HD pictures (long side from 1280 or short side from
    720), else BT.601, as players assume.
    """
    name = format.colour.matrix
    if name == "unspecified":
        sides = sorted((format.width, format.height))
        hd = sides[1] >= _HD_LONG_SIDE or sides[0] >= _HD_SHORT_SIDE
        name = "bt709" if hd else "smpte170m"
    red, blue = _LUMA_WEIGHTS.get(name, _LUMA_WEIGHTS["bt709"])
    return red, 1 - red - blue, blue


def _codes(format: FrameFormat) -> tuple[float, float, float, float]:
    """Offset and codes per unit, of luma (or RGB) then chroma; H.273 equations 20 to 31."""
    depth = format.bit_depth
    if format.colour.range == "full" or (
        format.family == "gbrp" and format.colour.range == "unspecified"
    ):
        top = 2**depth - 1
        return 0, top, 2 ** (depth - 1), top
    unit = 2 ** (depth - 8)
    return 16 * unit, 219 * unit, 128 * unit, 224 * unit


def _scaled(plane: Plane, offset: float, scale: float) -> Array:
    values = plane.astype(np.float32)
    values -= np.float32(offset)
    values *= np.float32(1 / scale)
    return values


def _quantised(values: Array, offset: float, scale: float, format: FrameFormat) -> Plane:
    codes = values * np.float32(scale)
    codes += np.float32(offset + 0.5)
    np.clip(codes, 0, 2**format.bit_depth - 1, out=codes)
    return codes.astype(format.dtype)  # truncation after adding a half: rounding


def _luma(channels: Array | list[Array], weights: tuple[float, float, float]) -> Array:
    total = channels[0] * np.float32(weights[0])
    total += channels[1] * np.float32(weights[1])
    total += channels[2] * np.float32(weights[2])
    return total


def _add_repeated(luma: Array, chroma: Array, shift: tuple[int, int], *, out: Array) -> None:
    """`out` = `luma` + `chroma`, each chroma sample used for all the pixels it covers."""
    height, width = luma.shape
    across, down = shift
    wide = np.repeat(chroma, 2, axis=1)[:, :width] if across else chroma
    if not down:
        np.add(luma, wide, out=out)
        return
    np.add(luma[0::2], wide, out=out[0::2])
    np.add(luma[1::2], wide[: height // 2], out=out[1::2])


def _averaged(channel: Array, shift: tuple[int, int]) -> Array:
    """Means over the pixels of each chroma sample; at an odd edge, over those there are."""
    across, down = shift
    if down:
        channel = _pair_means(channel)
    if across:
        channel = _pair_means(channel.T).T
    return channel


def _pair_means(rows: Array) -> Array:
    """Means of rows 0 and 1, 2 and 3, …; a last odd row stands for itself."""
    pairs = len(rows) // 2
    means = np.empty((len(rows) - pairs, rows.shape[1]), np.float32)
    np.add(rows[0 : 2 * pairs : 2], rows[1::2], out=means[:pairs])
    means[:pairs] *= np.float32(0.5)
    means[pairs:] = rows[2 * pairs :]
    return means
