"""Decoded frames: the file's own code values, upright, at exact times."""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from inference.engine.video.codecs import CODECS
from inference.engine.video.decode import decode, working_format
from inference.engine.video.frames import ColourTags, Frame
from inference.engine.video.probe import probe
from tests.engine import clips


def frames_of(
    path: Path, *, codec: str = "h264", start: Fraction | None = None, end: Fraction | None = None
) -> list[Frame]:
    info = probe(path)
    pixel_format = working_format(info, codec).pixel_format
    return list(decode(path, info, pixel_format=pixel_format, start=start, end=end))


def stored(path: Path) -> list[list[npt.NDArray[np.unsignedinteger]]]:
    """The planes FFmpeg decodes, through PyAV's own conversion: an independent witness."""
    with av.open(str(path)) as file:
        result = []
        for frame in file.decode(video=0):
            across, down = frame.format.chroma_width(8) // 4, frame.format.chroma_height(8) // 4
            flat = frame.to_ndarray()
            if flat.ndim == 3:  # 4:4:4 comes as (3, H, W)
                result.append(list(flat))
                continue
            height, width = frame.height, frame.width
            chroma = (height * down // 2, width * across // 2)
            sizes = [(height, width), chroma, chroma]
            planes, at = [], 0
            for rows, columns in sizes:
                planes.append(flat.reshape(-1)[at : at + rows * columns].reshape(rows, columns))
                at += rows * columns
            result.append(planes)
        return result


@pytest.mark.parametrize(
    "clip",
    [clips.moving, clips.variable_rate, clips.ten_bit, clips.full_chroma, clips.full_range],
)
def test_recorded_planes_are_the_decoders_own_code_values(
    tmp_path: Path, clip: Callable[[Path], Path]
) -> None:
    path = clip(tmp_path / "in.mp4")
    got, expected = frames_of(path), stored(path)
    assert len(got) == len(expected)
    for frame, planes in zip(got, expected, strict=True):
        for plane, other in zip(frame.planes, planes, strict=True):
            np.testing.assert_array_equal(plane, other)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotated_and_mirrored_clips_come_upright_without_losing_a_code(
    tmp_path: Path, degrees: int, mirrored: bool
) -> None:
    path = clips.rotated(tmp_path / "in.mov", degrees=degrees, mirrored=mirrored)
    info = probe(path)
    assert (info.rotation, info.mirrored) == (degrees, mirrored)
    assert (info.width, info.height) == ((64, 96) if degrees % 180 else (96, 64))
    for frame, planes in zip(frames_of(path), stored(path), strict=True):
        for plane, other in zip(frame.planes, planes, strict=True):
            turned = np.rot90(other, -degrees // 90)  # clockwise
            np.testing.assert_array_equal(plane, turned[:, ::-1] if mirrored else turned)


def test_half_width_chroma_turned_on_its_side_becomes_full_chroma_of_the_same_codes(
    tmp_path: Path,
) -> None:
    path = clips.render(tmp_path / "in.mp4", clips.pan(2), pixel_format="yuv422p", rotation=90)
    assert working_format(probe(path), "h264").pixel_format == "yuv444p"
    frame, planes = frames_of(path)[0], stored(path)[0]
    np.testing.assert_array_equal(frame.planes[0], np.rot90(planes[0], -1))
    for plane, other in zip(frame.planes[1:], planes[1:], strict=True):
        np.testing.assert_array_equal(plane, np.rot90(np.repeat(other, 2, axis=1), -1))


def test_odd_subsampled_pictures_that_turn_keep_each_chroma_sample_over_its_pixels(
    tmp_path: Path,
) -> None:
    path = clips.render(
        tmp_path / "in.mp4",
        clips.pan(2, width=95, height=63),
        codec="libvpx-vp9",
        options={"cpu-used": "8"},
        rotation=90,
    )
    info = probe(path)
    assert working_format(info, "h264").pixel_format == "yuv444p"
    frame = frames_of(path)[0]
    assert frame.planes[0].shape == (95, 63)
    chroma = np.rot90(frame.planes[1])
    np.testing.assert_array_equal(chroma[0:62:2, 0:94:2], chroma[1:63:2, 1:95:2])


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_millisecond_timestamps_are_put_back_on_the_grid_they_were_rounded_from(
    tmp_path: Path, suffix: str
) -> None:
    path = clips.render(
        tmp_path / f"in.{suffix}",
        clips.pan(40),
        codec="libvpx-vp9",
        options={"cpu-used": "8"},
        rate=Fraction(30000, 1001),
    )
    assert [frame.pts for frame in frames_of(path)] == [
        Fraction(1001 * k, 30000) for k in range(40)
    ]


def test_variable_timestamps_stay_exactly_what_the_file_says(tmp_path: Path) -> None:
    path = clips.variable_rate(tmp_path / "in.mp4")
    info = probe(path)
    with av.open(str(path)) as file:
        expected = [Fraction(frame.pts, 90000) for frame in file.decode(video=0)]
    assert info.variable_rate
    assert [frame.pts for frame in frames_of(path)] == expected


def test_a_late_start_is_kept_as_the_files_own_clock(tmp_path: Path) -> None:
    path = clips.late_start(tmp_path / "in.mp4")
    assert [frame.pts for frame in frames_of(path)] == [5 + Fraction(k, 30) for k in range(8)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_span_comes_with_the_neighbours_of_its_ends(tmp_path: Path, suffix: str) -> None:
    path = clips.moving(tmp_path / f"in.{suffix}", frames=90, sound=False)
    whole = {frame.pts: frame for frame in frames_of(path)}
    part = frames_of(path, start=Fraction(201, 100), end=Fraction(211, 100))
    assert [frame.pts for frame in part] == [Fraction(k, 30) for k in range(60, 65)]
    for frame in part:
        np.testing.assert_array_equal(frame.planes[0], whole[frame.pts].planes[0])


def test_a_span_whose_ends_fall_on_frames_ends_with_them(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", sound=False)
    part = frames_of(path, start=Fraction(3, 30), end=Fraction(6, 30))
    assert [frame.pts * 30 for frame in part] == [3, 4, 5, 6]


def test_a_span_after_the_end_is_the_last_frame(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", sound=False)
    assert [frame.pts * 30 for frame in frames_of(path, start=Fraction(9))] == [11]


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    path = clips.render(
        tmp_path / "in.mp4", clips.pan(20), options={"g": "1", "bf": "0", "qp": "20"}
    )
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packet = [packet for packet in file.demux(video=0) if packet.size][7]
        assert packet.pos is not None
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    info = probe(path)
    decoder = decode(path, info, pixel_format="yuv420p")
    assert len(list(decoder)) == 19
    assert decoder.skipped == 1


def test_frames_whose_time_does_not_advance_are_dropped_and_counted(tmp_path: Path) -> None:
    first = clips.render(tmp_path / "in.mkv", clips.pan(6), rate=4000, options={"bf": "0"})
    info = probe(first)  # 4000 frames a second in a clock of milliseconds: times repeat
    decoder = decode(first, info, pixel_format="yuv420p")
    times = [frame.pts for frame in decoder]
    assert times == sorted(set(times))
    assert len(times) + decoder.dropped == 6


def test_closing_early_lets_go_of_the_file(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", sound=False)
    decoder = decode(path, probe(path), pixel_format="yuv420p")
    next(decoder)
    decoder.close()
    assert list(decoder) == []


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", frames=200, sound=False)
    info = probe(path)
    tracemalloc.start()
    size = max(sum(p.nbytes for p in f.planes) for f in decode(path, info, pixel_format="yuv420p"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * size


@pytest.mark.parametrize("codec", list(CODECS))
@pytest.mark.parametrize(
    ("stored_format", "encoder"),
    [
        ("rgb24", "qtrle"),
        ("gray", "ffv1"),
        ("yuv420p", "ffv1"),
        ("yuv422p10le", "ffv1"),
        ("yuv444p12le", "ffv1"),
        ("bgr0", "ffv1"),
        ("yuva420p", "ffv1"),
        ("yuv410p", "ffv1"),
    ],
)
def test_every_source_layout_becomes_planes_the_codec_takes(
    tmp_path: Path, stored_format: str, encoder: str, codec: str
) -> None:
    suffix = "mov" if encoder == "qtrle" else "mkv"
    path = clips.render(
        tmp_path / f"in.{suffix}", clips.pan(2), codec=encoder, pixel_format=stored_format
    )
    info = probe(path)
    format = working_format(info, codec)
    assert format.pixel_format in CODECS[codec].pixel_formats
    for frame in decode(path, info, pixel_format=format.pixel_format):
        assert tuple(plane.shape for plane in frame.planes) == format.plane_shapes
        assert {plane.dtype for plane in frame.planes} == {format.dtype}


def test_rgb_sources_stay_rgb_where_the_codec_can_and_become_full_range_yuv_elsewhere(
    tmp_path: Path,
) -> None:
    pictures = clips.pan(2)
    path = clips.render(tmp_path / "in.mov", pictures, codec="qtrle", pixel_format="rgb24")
    info = probe(path)
    assert info.colour.matrix == "gbr"
    frame = frames_of(path, codec="hevc")[0]
    for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
        np.testing.assert_array_equal(plane, pictures[0][..., channel])
    yuv = working_format(info, "h264")
    assert (yuv.pixel_format, yuv.colour.range, yuv.colour.matrix) == ("yuv444p", "full", "bt709")


def test_grey_sources_keep_their_luma_codes_in_codecs_without_grey(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "in.mkv", clips.pan(2), codec="ffv1", pixel_format="gray")
    with av.open(str(path)) as file:
        grey = next(file.decode(video=0)).to_ndarray()
    frame = frames_of(path)[0]
    np.testing.assert_array_equal(frame.planes[0], grey)
    assert np.unique(frame.planes[1]).tolist() == [128]


def test_the_working_format_is_the_sources_own_where_the_encoder_takes_it(tmp_path: Path) -> None:
    path = clips.ten_bit(tmp_path / "in.mp4")
    info = probe(path)
    tags = ColourTags("limited", "bt2020nc", "bt2020", "smpte2084")
    for codec, expected in {
        "h264": "yuv420p10le",
        "hevc": "yuv420p10le",
        "av1": "yuv420p10le",
        "vp9": "yuv420p",
    }.items():
        format = working_format(info, codec)
        assert (format.pixel_format, format.colour) == (expected, tags)


def test_reordered_pictures_in_avi_all_come_in_the_order_they_are_shown(tmp_path: Path) -> None:
    pictures = clips.pan(12)
    path = clips.render(tmp_path / "clip.avi", pictures, options={"bf": "2"})
    info = probe(path)
    for start in (None, info.start + Fraction(1, 4)):
        frames = list(decode(path, info, pixel_format="yuv420p", start=start))
        assert len(frames) == (12 if start is None else 12 - 7)
        times = [(frame.pts - info.start) * 30 for frame in frames]
        assert times == list(range(12 - len(frames), 12))
    levels = [frame.planes[0].astype(int) for frame in decode(path, info, pixel_format="yuv420p")]
    reference = clips.render(tmp_path / "clip.mp4", pictures, options={"bf": "2"})
    in_order = decode(reference, probe(reference), pixel_format="yuv420p")
    for seen, expected in zip(levels, in_order, strict=True):
        assert np.array_equal(seen, expected.planes[0])
