"""What the encoder writes is what it was given: count, times, tags, sizes, and planes."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from inference.engine.errors import EngineError
from inference.engine.video.decode import decode, working_format
from inference.engine.video.encode import ENCODABLE, Encoder
from inference.engine.video.frames import ColourTags, FrameFormat, Planes
from inference.engine.video.probe import VideoInfo, probe
from tests.engine import clips

PAIRS = [(codec, container) for codec, kinds in ENCODABLE.items() for container in kinds]


def recode(
    source: Path, target: Path, *, codec: str, container: str, rate: Fraction | None = None
) -> tuple[list[Planes], FrameFormat, VideoInfo]:
    """Decode all of `source` and encode it again: the planes given, their format, the result."""
    info = probe(source)
    format = working_format(info, codec)
    given = [frame.planes for frame in decode(source, info, pixel_format=format.pixel_format)]
    with Encoder(
        target, format=format, rate=rate or info.frame_rate, codec=codec, container=container
    ) as encoder:
        for planes in given:
            encoder.write(planes)
    return given, format, probe(target)


def decoded(path: Path, info: VideoInfo) -> list[Planes]:
    """All frames in the pixel format the file has."""
    return [frame.planes for frame in decode(path, info, pixel_format=info.pixel_format)]


def worst_psnr(given: list[Planes], got: list[Planes], depth: int) -> float:
    """The lowest of any plane of any frame, over the size given."""
    errors = [
        np.mean((a.astype(float) - b[: a.shape[0], : a.shape[1]]) ** 2)
        for one, other in zip(given, got, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    return float(10 * np.log10((2**depth - 1) ** 2 / max(max(errors), 1e-9)))


@pytest.mark.parametrize(("codec", "container"), PAIRS)
def test_every_codec_in_every_container_keeps_count_rate_tags_and_picture(
    tmp_path: Path, codec: str, container: str
) -> None:
    source = clips.moving(tmp_path / "in.mp4", rate=Fraction(30000, 1001), sound=False)
    target = tmp_path / f"out.{container}"
    given, format, info = recode(source, target, codec=codec, container=container)
    assert (info.codec, info.container, info.frames) == (codec, container, len(given))
    assert (info.frame_rate, info.variable_rate, info.start) == (Fraction(30000, 1001), False, 0)
    assert info.colour == format.colour == ColourTags("limited", "bt709", "bt709", "bt709")
    assert worst_psnr(given, decoded(target, info), 8) > 38


@pytest.mark.parametrize(
    "rate",
    [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001), Fraction(240), Fraction(25, 2)],
)
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_frame_k_is_shown_at_exactly_k_over_the_rate(
    tmp_path: Path, rate: Fraction, container: str
) -> None:
    source = clips.moving(tmp_path / "in.mp4", frames=40, sound=False)
    target = tmp_path / f"out.{container}"
    _, _, info = recode(source, target, codec="h264", container=container, rate=rate)
    with av.open(str(target)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        times = [frame.pts * stream.time_base for frame in file.decode(stream)]
    assert times == [k / rate for k in range(40)]
    assert info.duration == 40 / rate


@pytest.mark.parametrize("codec", list(ENCODABLE))
@pytest.mark.parametrize("clip", [clips.single_frame, clips.two_frames])
def test_a_clip_of_one_or_two_frames_comes_out_whole(
    tmp_path: Path, codec: str, clip: object
) -> None:
    assert callable(clip)
    source = clip(tmp_path / "in.mp4")
    for container in ENCODABLE[codec]:
        given, _, info = recode(
            source, tmp_path / f"out.{container}", codec=codec, container=container
        )
        assert (info.frames, info.start) == (len(given), 0)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_ten_bit_hdr_stays_ten_bit_hdr(tmp_path: Path, codec: str) -> None:
    source = clips.ten_bit(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    given, _, info = recode(source, target, codec=codec, container="mp4")
    assert (info.pixel_format, info.bit_depth) == ("yuv420p10le", 10)
    assert info.colour == ColourTags("limited", "bt2020nc", "bt2020", "smpte2084")
    assert worst_psnr(given, decoded(target, info), 10) > 38


@pytest.mark.parametrize(("codec", "container"), PAIRS)
def test_full_range_stays_full_range(tmp_path: Path, codec: str, container: str) -> None:
    source = clips.full_range(tmp_path / "in.mp4")
    target = tmp_path / f"out.{container}"
    given, _, info = recode(source, target, codec=codec, container=container)
    assert info.colour == ColourTags("full", "smpte170m", "smpte170m", "smpte170m")
    # Taken for the other range, they would be below 34.1 dB.
    assert worst_psnr(given, decoded(target, info), 8) > 37


@pytest.mark.parametrize(("codec", "container"), PAIRS)
def test_the_pixel_shape_is_kept_or_the_pair_refused_with_a_way_out(
    tmp_path: Path, codec: str, container: str
) -> None:
    source = clips.anamorphic(tmp_path / "in.mp4")
    target = tmp_path / f"out.{container}"
    if codec in ("vp9", "av1") and container in ("mkv", "webm"):
        with pytest.raises(EngineError, match="Choose MP4"):
            recode(source, target, codec=codec, container=container)
        return
    _, _, info = recode(source, target, codec=codec, container=container)
    assert info.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_odd_sizes_are_padded_by_a_replicated_edge_where_the_codec_needs_even_ones(
    tmp_path: Path, codec: str
) -> None:
    source = clips.odd_size(tmp_path / "in.webm")
    target = tmp_path / "out.mp4"
    given, _, info = recode(source, target, codec=codec, container="mp4")
    assert (info.width, info.height) == (96, 64)
    got = decoded(target, info)
    assert worst_psnr(given, got, 8) > 38
    luma = got[0][0].astype(int)
    assert np.abs(luma[:, -1] - luma[:, -2]).mean() < 3
    assert np.abs(luma[-1] - luma[-2]).mean() < 3


@pytest.mark.parametrize(("codec", "container"), [("av1", "webm"), ("vp9", "webm")])
def test_odd_sizes_stay_odd_where_the_codec_can(tmp_path: Path, codec: str, container: str) -> None:
    source = clips.odd_size(tmp_path / "in.webm")
    target = tmp_path / f"out.{container}"
    given, _, info = recode(source, target, codec=codec, container=container)
    assert (info.width, info.height) == (95, 63)
    assert worst_psnr(given, decoded(target, info), 8) > 38


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_full_chroma_of_odd_size_is_kept_as_it_is(tmp_path: Path, codec: str) -> None:
    source = clips.full_chroma(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    given, _, info = recode(source, target, codec=codec, container="mp4")
    assert (info.pixel_format, info.width, info.height) == ("yuv444p", 95, 63)
    assert worst_psnr(given, decoded(target, info), 8) > 36


def test_mp4_has_its_index_in_front_and_hevc_is_tagged_for_apple_players(tmp_path: Path) -> None:
    source = clips.moving(tmp_path / "in.mp4", sound=False)
    target = tmp_path / "out.mp4"
    recode(source, target, codec="hevc", container="mp4")
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"hvc1" in content


def test_a_keyframe_comes_at_least_every_second(tmp_path: Path) -> None:
    source = clips.moving(tmp_path / "in.mp4", frames=45, sound=False)
    target = tmp_path / "out.mp4"
    recode(source, target, codec="h264", container="mp4", rate=Fraction(15))
    with av.open(str(target)) as file:
        keys = [p.pts for p in file.demux(video=0) if p.pts is not None and p.is_keyframe]
        tick = file.streams.video[0].time_base
    assert tick is not None
    assert all((b - a) * tick <= 1 for a, b in itertools.pairwise(keys))
    assert len(keys) >= 3


def test_a_full_disk_is_said_in_plain_words() -> None:
    format = FrameFormat("yuv420p", 64, 48)
    planes = tuple(
        np.random.default_rng(0).integers(0, 255, s, np.uint8)
        for s in ((48, 64), (24, 32), (24, 32))
    )
    with (
        pytest.raises(EngineError, match="disk is full") as caught,
        Encoder(
            Path("/dev/full"), format=format, rate=Fraction(30), codec="h264", container="mkv"
        ) as encoder,
    ):
        for _ in range(60):
            encoder.write(planes)
    assert caught.value.code == "disk_full"


def test_a_container_the_codec_does_not_go_into_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not into webm") as caught:
        Encoder(
            tmp_path / "out.webm",
            format=FrameFormat("yuv420p", 64, 48),
            rate=Fraction(30),
            codec="h264",
            container="webm",
        )
    assert caught.value.code == "encoder_refused"


def test_a_size_the_encoder_cannot_take_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="2 x 2") as caught:
        Encoder(
            tmp_path / "out.mp4",
            format=FrameFormat("yuv420p", 2, 2),
            rate=Fraction(30),
            codec="hevc",
            container="mp4",
        )
    assert caught.value.code == "encoder_refused"


def test_an_error_inside_the_block_reaches_the_caller_unchanged(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyError),
        Encoder(
            tmp_path / "out.mp4",
            format=FrameFormat("yuv420p", 64, 48),
            rate=Fraction(30),
            codec="h264",
            container="mp4",
        ),
    ):
        raise KeyError
