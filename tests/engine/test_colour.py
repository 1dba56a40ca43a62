"""RGB and planes are an exact inverse pair, and the RGB is the right one."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.video.colour import from_rgb, to_rgb
from inference.engine.video.frames import ColourTags, Frame, FrameFormat

PIXEL_FORMATS = [
    f"{layout}{depth}"
    for layout in ("gray", "yuv420p", "yuv422p", "yuv444p", "gbrp")
    for depth in ("", "10le", "12le")
]
MATRICES = ["bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc", "ycgco"]


def random_frame(format: FrameFormat, seed: int) -> Frame:
    """Any codes at all, the illegal ones included."""
    random = np.random.default_rng(seed)
    top = 2**format.bit_depth
    planes = (random.integers(0, top, shape) for shape in format.plane_shapes)
    return Frame(Fraction(0), tuple(plane.astype(format.dtype) for plane in planes))


@given(
    pixel_format=st.sampled_from(PIXEL_FORMATS),
    width=st.integers(1, 23),
    height=st.integers(1, 23),
    matrix=st.sampled_from([*MATRICES, "unspecified"]),
    range_=st.sampled_from(["limited", "full", "unspecified"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_any_codes_of_any_format_come_back_unchanged(
    pixel_format: str, width: int, height: int, matrix: str, range_: str, seed: int
) -> None:
    tags = ColourTags(range=range_, matrix=matrix)
    format = FrameFormat(pixel_format, width, height, tags)
    frame = random_frame(format, seed)
    back = from_rgb(to_rgb(frame, format), format)
    for original, returned in zip(frame.planes, back, strict=True):
        assert returned.dtype == original.dtype
        np.testing.assert_array_equal(returned, original)


def test_every_luma_and_chroma_code_of_twelve_bits_comes_back_unchanged() -> None:
    format = FrameFormat("yuv444p12le", 4096, 3, ColourTags("limited", "bt2020nc"))
    codes = np.arange(4096, dtype=np.uint16)
    planes = tuple(np.stack([np.roll(codes, 1000 * j + 7 * k) for k in range(3)]) for j in range(3))
    back = from_rgb(to_rgb(Frame(Fraction(0), planes), format), format)
    for original, returned in zip(planes, back, strict=True):
        np.testing.assert_array_equal(returned, original)


@pytest.mark.parametrize("range_", ["limited", "full"])
@pytest.mark.parametrize("depth", ["", "10le"])
def test_black_and_white_are_zero_and_one(range_: str, depth: str) -> None:
    format = FrameFormat(f"yuv420p{depth}", 2, 2, ColourTags(range_, "bt709"))
    top = 2**format.bit_depth
    unit = top // 256
    black, white = (0, top - 1) if range_ == "full" else (16 * unit, 235 * unit)
    neutral = np.full((1, 1), top // 2, format.dtype)
    for code, value in ((black, 0.0), (white, 1.0)):
        planes = (np.full((2, 2), code, format.dtype), neutral, neutral)
        rgb = to_rgb(Frame(Fraction(0), planes), format)
        torch.testing.assert_close(rgb, torch.full((3, 2, 2), value))


@pytest.mark.parametrize(("matrix", "number"), [("bt709", 1), ("smpte170m", 5), ("bt2020nc", 9)])
@pytest.mark.parametrize("range_", ["limited", "full"])
def test_rgb_agrees_with_ffmpeg_within_its_rounding(matrix: str, number: int, range_: str) -> None:
    format = FrameFormat("yuv444p", 64, 32, ColourTags(range_, matrix))
    random = np.random.default_rng(5)
    rgb = random.integers(0, 256, (32, 64, 3), np.uint8)
    planes = from_rgb(torch.from_numpy(rgb).permute(2, 0, 1) / 255, format)
    frame = av.VideoFrame.from_ndarray(np.stack(planes), format="yuv444p")
    theirs = frame.reformat(
        format="rgb24",
        src_colorspace=number,
        src_color_range=2 if range_ == "full" else 1,
        dst_color_range=2,
    ).to_ndarray()
    assert np.abs(theirs.astype(int) - rgb).max() <= 3


def test_an_unspecified_matrix_is_bt709_for_hd_and_bt601_below_in_either_orientation() -> None:
    def red_of(width: int, height: int, matrix: str) -> float:
        format = FrameFormat("yuv444p", width, height, ColourTags("limited", matrix))
        shape = format.plane_shapes[0]
        planes = tuple(np.full(shape, code, np.uint8) for code in (100, 128, 200))
        return float(to_rgb(Frame(Fraction(0), planes), format)[0, 0, 0])

    for width, height, expected in (
        (720, 576, "smpte170m"),
        (1280, 544, "bt709"),
        (544, 1280, "bt709"),
        (960, 720, "bt709"),
    ):
        assert red_of(width, height, "unspecified") == red_of(width, height, expected)


def test_codes_beyond_the_range_are_clamped_only_at_the_end() -> None:
    format = FrameFormat("yuv420p", 2, 2, ColourTags("full", "bt709"))
    planes = from_rgb(torch.full((3, 2, 2), 1.7), format)
    assert planes[0].tolist() == [[255, 255], [255, 255]]
    assert planes[1].tolist() == [[128]]
