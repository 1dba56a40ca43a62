"""Which planes a conversion works in: the source's own wherever possible."""

import itertools
from dataclasses import replace

import av

from inference.engine.video.codecs import CODECS
from inference.engine.video.frames import FrameFormat
from inference.engine.video.probe import VideoInfo


def working_format(info: VideoInfo, codec: str) -> FrameFormat:
    """The planes a conversion works in: the source's own where the encoder of `codec` takes them.

    Elsewhere the nearest: chroma that a rotation cannot move exactly (4:2:2 turned on its side,
    4:2:0 of odd size) becomes 4:4:4, depth falls to what the encoder has, RGB and grey become
    YUV.
    """
    stored = source_format(info)
    name = stored.pixel_format
    if _chroma_moves(info, stored):
        name = _named("yuv444p", stored.bit_depth)
    allowed = CODECS[codec].pixel_formats
    layout = name.removesuffix("le").removesuffix("10").removesuffix("12")
    depths = [depth for depth in (12, 10, 8) if depth <= stored.bit_depth]
    layouts = dict.fromkeys([layout, "yuv444p" if layout == "gbrp" else layout, "yuv420p"])
    for depth, candidate in itertools.product(depths, layouts):
        if _named(candidate, depth) in allowed:
            return as_format(stored, _named(candidate, depth), info)
    raise AssertionError(f"{codec} takes no 8-bit 4:2:0")  # every codec of CODECS does


def source_format(info: VideoInfo) -> FrameFormat:
    """The planar format that holds the decoder's pictures as they are stored, not yet upright."""
    turned = info.rotation % 180 != 0
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    decoded = av.VideoFormat(info.pixel_format, 8, 8)
    depth = next((depth for depth in (8, 10, 12) if depth >= info.bit_depth), 12)
    if decoded.is_rgb or decoded.has_palette:
        layout = "gbrp"
    elif len(decoded.components) < 3:
        layout = "gray"
    else:
        chroma = decoded.chroma_width(8), decoded.chroma_height(8)
        layout = {(4, 4): "yuv420p", (4, 8): "yuv422p"}.get(chroma, "yuv444p")
    return FrameFormat(_named(layout, depth), width, height, info.colour, info.sample_aspect_ratio)


def as_format(stored: FrameFormat, pixel_format: str, info: VideoInfo) -> FrameFormat:
    """`stored` upright, in another pixel format; RGB made YUV is full-range BT.709."""
    target = replace(stored, pixel_format=pixel_format, width=info.width, height=info.height)
    if stored.family == "gbrp" and target.family == "yuv":
        tags = replace(stored.colour, range="full", matrix="bt709")
        target = replace(target, colour=tags)
    return target


def _named(layout: str, depth: int) -> str:
    return layout if depth == 8 else f"{layout}{depth}le"


def _chroma_moves(info: VideoInfo, stored: FrameFormat) -> bool:
    """Turning or mirroring would pair up other pixels than the chroma samples stand for."""
    across, down = stored.chroma_shift
    turned = info.rotation % 180 != 0
    if turned and across != down:
        return True
    reverses_x = info.rotation in (180, 270)
    reverses_y = info.rotation in (90, 180)
    if info.mirrored:
        reverses_x, reverses_y = reverses_x ^ (not turned), reverses_y ^ turned
    return (bool(across) and reverses_x and stored.width % 2 == 1) or (
        bool(down) and reverses_y and stored.height % 2 == 1
    )
