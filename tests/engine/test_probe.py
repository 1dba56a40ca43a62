"""What a file is, and the refusals in plain words."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from inference.engine.errors import MediaRefused
from inference.engine.video.clock import measure
from inference.engine.video.decode import decode
from inference.engine.video.frames import ColourTags
from inference.engine.video.probe import Limits, VideoInfo, probe
from tests.engine import clips


def refusal(path: Path, limits: Limits | None = None) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        probe(path, limits or Limits())
    assert caught.value.message.endswith(".")
    return caught.value


def test_a_plain_clip_is_described_in_full(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", rate=Fraction(24000, 1001))
    info = probe(path)
    assert (info.container, info.codec, info.pixel_format) == ("mp4", "h264", "yuv420p")
    assert (info.width, info.height, info.rotation, info.mirrored) == (96, 64, 0, False)
    assert (info.frame_rate, info.variable_rate) == (Fraction(24000, 1001), False)
    assert (info.start, info.frames, info.bit_depth) == (0, 12, 8)
    assert info.duration == 12 * Fraction(1001, 24000)
    assert info.colour == ColourTags("limited", "bt709", "bt709", "bt709")
    assert info.size == path.stat().st_size
    assert not info.interlaced
    assert info.audio is not None
    assert (info.audio.codec, info.audio.rate, info.audio.channels) == ("aac", 48000, 2)
    assert info.audio.duration == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("clip", [clips.moving, clips.variable_rate, clips.ten_bit])
def test_the_description_survives_json(tmp_path: Path, clip: Callable[[Path], Path]) -> None:
    info = probe(clip(tmp_path / "in.mp4"))
    data = json.loads(json.dumps(info.to_dict()))
    assert VideoInfo.from_dict(data) == info
    assert data["frame_rate"] == f"{info.frame_rate.numerator}/{info.frame_rate.denominator}"


@pytest.mark.parametrize(
    ("suffix", "codec", "container"),
    [
        ("mp4", "libx264", "mp4"),
        ("mov", "libx264", "mov"),
        ("mkv", "libx264", "mkv"),
        ("webm", "libvpx-vp9", "webm"),
        ("avi", "mpeg4", "avi"),
        ("ts", "libx264", "ts"),
        ("m2ts", "libx264", "ts"),
        ("mpg", "mpeg2video", "mpeg"),
        ("flv", "libx264", "flv"),
        ("asf", "mpeg4", "wmv"),
    ],
)
def test_the_container_is_known_by_its_first_bytes_whatever_the_name(
    tmp_path: Path, suffix: str, codec: str, container: str
) -> None:
    path = clips.render(tmp_path / f"in.{suffix}", clips.pan(12), codec=codec, options={})
    info = probe(path.rename(tmp_path / "nameless"))
    assert (info.container, info.frames, info.frame_rate) == (container, 12, 30)


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [
        (Fraction(24000, 1001), "mkv"),
        (Fraction(30000, 1001), "mkv"),
        (Fraction(60000, 1001), "mkv"),
        (Fraction(30), "mkv"),
        (Fraction(120), "mkv"),
        (Fraction(240), "mkv"),
        (Fraction(24000, 1001), "ts"),
        (Fraction(25, 2), "mp4"),
    ],
)
def test_the_rate_is_exact_although_the_container_rounds_timestamps(
    tmp_path: Path, rate: Fraction, suffix: str
) -> None:
    info = probe(clips.moving(tmp_path / f"in.{suffix}", frames=40, rate=rate, sound=False))
    assert (info.frame_rate, info.variable_rate, info.on_grid) == (rate, False, True)
    assert info.duration == 40 / rate


def test_variable_rate_is_told_with_its_exact_duration(tmp_path: Path) -> None:
    info = probe(clips.variable_rate(tmp_path / "in.mp4"))
    assert (info.variable_rate, info.frames) == (True, 12)
    assert info.duration == pytest.approx(0.5668, abs=0.04)


def test_missing_frames_of_a_regular_clip_make_it_variable_on_its_grid() -> None:
    ticks = [33 * k + k // 3 for k in range(90) if k % 7]
    clock = measure(ticks, tick=Fraction(1, 1000), hints=[])
    assert (clock.rate, clock.on_grid, clock.variable) == (30, True, True)


def test_the_clock_of_phone_video_off_any_grid_is_variable() -> None:
    ticks = [0, 3003, 6003, 10503, 13506, 22506, 25506]
    clock = measure(ticks, tick=Fraction(1, 90000), hints=[Fraction(60)])
    assert (clock.on_grid, clock.variable) == (False, True)
    assert 29 < clock.rate <= 30


def test_rotation_makes_size_and_pixel_shape_upright(tmp_path: Path) -> None:
    path = clips.render(
        tmp_path / "in.mp4", clips.pan(3), rotation=90, sample_aspect_ratio=Fraction(4, 3)
    )
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (64, 96, 90)
    assert info.sample_aspect_ratio == Fraction(3, 4)


def test_hdr_range_and_pixel_shape_are_read(tmp_path: Path) -> None:
    info = probe(clips.ten_bit(tmp_path / "ten.mp4"))
    assert (info.pixel_format, info.bit_depth) == ("yuv420p10le", 10)
    assert info.colour == ColourTags("limited", "bt2020nc", "bt2020", "smpte2084")
    info = probe(clips.full_range(tmp_path / "full.mp4"))
    assert (info.pixel_format, info.colour.range) == ("yuv420p", "full")
    assert probe(clips.anamorphic(tmp_path / "wide.mp4")).sample_aspect_ratio == Fraction(4, 3)


def test_an_interlaced_clip_says_so(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "in.mp4", clips.pan(6), options={"x264-params": "tff=1"})
    assert probe(path).interlaced


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just some words\n" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"GIF89a" + bytes(300),
        b"<html></html>",
    ],
)
def test_what_is_not_a_video_is_refused_naming_what_works(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "not_a_video"
    assert "MP4" in error.message


def test_a_playlist_behind_a_video_name_is_never_followed(tmp_path: Path) -> None:
    clips.moving(tmp_path / "secret.mp4")
    for name, text in {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile secret.mp4\n",
    }.items():
        path = tmp_path / name
        path.write_text(text)
        assert refusal(path).code == "not_a_video"


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(clips.sine(0.2), "fltp", "stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refusal(path).code == "no_video"


def test_a_cut_off_file_without_its_index_is_refused(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    assert refusal(path).code == "corrupt"


def test_a_file_of_which_no_picture_decodes_is_refused(tmp_path: Path) -> None:
    path = clips.moving(tmp_path / "in.mp4", sound=False)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : content.index(b"moov") - 4] = bytes(content.index(b"moov") - 4 - start)
    path.write_bytes(content)
    assert refusal(path).code == "corrupt"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.mp4").code == "unreadable"


@pytest.mark.parametrize(
    ("limits", "code", "named"),
    [
        (Limits(max_bytes=1000), "too_large", "limit of 1 kB"),
        (Limits(max_seconds=1), "too_long", "longer than the limit of 1 second"),
        (Limits(max_pixels=5000), "too_many_pixels", "limit of 5,000"),
        (Limits(max_frames=30), "too_many_frames", "more than 30 frames"),
        (Limits(max_streams=1), "too_many_streams", "limit of 1"),
    ],
)
def test_each_limit_is_named_in_its_refusal(
    tmp_path: Path, limits: Limits, code: str, named: str
) -> None:
    path = clips.moving(tmp_path / "in.mp4", frames=60)
    error = refusal(path, limits)
    assert error.code == code
    assert named in error.message


def test_a_bitmap_subtitle_or_cover_picture_is_not_taken_for_the_video(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        container.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        container.mux(cover.encode(None))
        for picture in clips.pan(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    info = probe(path)
    assert (info.codec, info.width, info.frames) == ("h264", 96, 5)


def test_recordings_joined_end_to_end_go_on_with_one_clock(tmp_path: Path) -> None:
    part = clips.moving(tmp_path / "part.ts", frames=30, sound=False).read_bytes()
    path = tmp_path / "in.ts"
    path.write_bytes(part * 3)
    info = probe(path)
    assert info.frames == 90
    assert info.duration == pytest.approx(3, abs=0.2)


def test_a_recording_cut_into_midway_starts_with_the_first_picture_that_decodes(
    tmp_path: Path,
) -> None:
    whole = clips.render(
        tmp_path / "whole.ts", clips.pan(60), options={"g": "12", "sc_threshold": "0"}
    ).read_bytes()
    path = tmp_path / "in.ts"
    path.write_bytes(whole[len(whole) // 188 // 3 * 188 :])
    info = probe(path)
    times = [frame.pts for frame in decode(path, info, pixel_format="yuv420p")]
    assert times[0] == info.start
    assert len(times) == info.frames
    assert 24 <= info.frames <= 48
