"""Small files that would become huge: each ends at a named limit, soon and in little memory."""

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from inference.engine.errors import MediaRefused
from inference.engine.video import source
from inference.engine.video.audio import AudioPlan
from inference.engine.video.decode import decode, working_format
from inference.engine.video.encode import Encoder
from inference.engine.video.probe import Limits, probe
from tests.conftest import CHECKOUT
from tests.engine import clips
from tests.hostile import MEDIA, box, replaced

SIDE = 6000
"""Pixels; squared more than twice the limit."""
MEMORY = 1 << 30
SAMPLES = [(b"moov", 0), (b"trak", 0), *MEDIA, (b"stbl", 0)]


def encoded(codec: str, width: int, height: int, frames: int, **options: str) -> list[bytes]:
    """Packets of black pictures."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.options = options
    picture = av.VideoFrame(width, height, "yuv420p")
    for plane in picture.planes:
        plane.update(bytes(plane.buffer_size))
    packets = []
    for k in range(frames):
        picture.pts, picture.time_base = k, Fraction(1, 30)
        packets += [bytes(packet) for packet in context.encode(picture)]
    return packets + [bytes(packet) for packet in context.encode(None)]


def muxed(
    path: Path, codec: str, packets: Sequence[bytes], *, format: str = "yuv420p", step: int = 1
) -> Path:
    """The packets, `step` frames apart, as a video that claims to have 64 x 64 pixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, format
        for k, data in enumerate(packets):
            packet = av.Packet(data)
            packet.pts = packet.dts = k * step
            packet.stream, packet.time_base = stream, Fraction(1, 30)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def h264(side: int, frames: int) -> list[bytes]:
    return encoded("libx264", side, side, frames, preset="ultrafast")


def png(side: int) -> bytes:
    """A black picture of one bit a pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    pixels = zlib.compress(bytes((side // 8 + 1) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def av1_repeats(path: Path, times: int) -> Path:
    """Two pictures, the second shown `times` more in the very same packet."""
    first, second = encoded("libsvtav1", 64, 64, 2, preset="12")
    show_again = bytes([0x1A, 1, 0x88])  # a frame header that says: show picture 0, no more
    return muxed(path, "libsvtav1", [first, second + show_again * times])


def giant_png(path: Path) -> Path:
    return muxed(path.with_suffix(".mov"), "png", [png(SIDE)] * 3, format="rgb24")


def giant_h264(path: Path) -> Path:
    return muxed(path.with_suffix(".avi"), "libx264", h264(SIDE, 1))


def repeating_av1(path: Path) -> Path:
    return av1_repeats(path.with_suffix(".mkv"), 20_000)


def many_tracks(path: Path) -> Path:
    path = path.with_suffix(".mkv")
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=30) for _ in range(40)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for stream in streams:
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(stream.encode(None))
    return path


def hours_of_stills(path: Path) -> Path:
    pts = [600 * k for k in range(5)]
    return clips.render(path, clips.pan(5), pts=pts, time_base=Fraction(1, 1))


def _movie(path: Path) -> bytes:
    return clips.render(path.with_suffix(".mov"), clips.pan(3)).read_bytes()


def endless_index(path: Path) -> Path:
    """A table of two billion samples in sixteen bytes."""
    many = 2**31 - 1
    data = _movie(path)
    for name, values in (
        (b"stsz", (1, many)),
        (b"stts", (1, many, 1)),
        (b"stsc", (1, 1, many, 1)),
    ):
        table = box(name, bytes(4), struct.pack(f">{len(values)}I", *values))
        data = replaced(data, [*SAMPLES, (name, 0)], table)
    path.write_bytes(data)
    return path


def deflated_header(path: Path) -> Path:
    """128 MB of nothing in a compressed movie header."""
    data = _movie(path)
    media = data[: data.index(b"moov") - 4]
    bomb = box(b"moov", box(b"free", bytes(128 << 20)))
    squeezed = struct.pack(">I", len(bomb)) + zlib.compress(bomb, 1)
    path.write_bytes(
        media + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", squeezed)))
    )
    return path


BOMBS: list[tuple[Callable[[Path], Path], str]] = [
    (giant_png, "too_many_pixels"),
    (giant_h264, "too_many_pixels"),
    (repeating_av1, "too_many_frames"),
    (many_tracks, "too_many_streams"),
    (hours_of_stills, "too_long"),
    (endless_index, "no_frames"),
    (deflated_header, "no_video"),
]


@pytest.mark.parametrize(("bomb", "code"), BOMBS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_bomb_ends_at_a_limit_with_little_time_and_memory(
    tmp_path: Path, bomb: Callable[[Path], Path], code: str
) -> None:
    path = bomb(tmp_path / "bomb.mp4")
    assert path.stat().st_size < 3 << 20
    # In a process of its own, to see what it takes.
    command = """
import json, re, resource, sys
from inference.engine import cli
cli.main(["probe", sys.argv[1]])
usage = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which is no less than what the tests themselves had when they started this.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
print(json.dumps([usage.ru_utime + usage.ru_stime, peak]), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", command, str(path)], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["error"]["code"] == code
    seconds, memory = json.loads(done.stderr.splitlines()[-1])
    assert seconds < 20
    assert memory < MEMORY


def test_a_picture_that_grows_midway_is_left_out_of_the_conversion(tmp_path: Path) -> None:
    path = muxed(tmp_path / "grows.ts", "libx264", h264(64, 400) + h264(SIDE, 1))
    info = probe(path)
    assert (info.width, info.height) == (64, 64)

    with av.open(str(path)) as careless:
        widths = {frame.width for frame in careless.decode(video=0)}
    assert widths == {64, SIDE}

    assert len(list(decode(path, info, pixel_format="yuv420p"))) == 400
    with source.open_source(path) as container:
        stream = source.video_stream(container)
        assert stream is not None
        with pytest.raises(av.FFmpegError):
            for packet in source.packets(container, stream):
                assert all(frame.width == 64 for frame in stream.decode(packet))


def test_a_few_frames_in_one_packet_are_no_bomb(tmp_path: Path) -> None:
    assert probe(av1_repeats(tmp_path / "in.mkv", 3)).frames == 2
    with av.open(str(av1_repeats(tmp_path / "bomb.mkv", 500))) as careless:
        assert sum(len(packet.decode()) for packet in careless.demux(video=0)) > 500


def test_frames_that_all_claim_the_same_moment_are_counted(tmp_path: Path) -> None:
    path = muxed(tmp_path / "in.mkv", "libx264", h264(64, 12), step=0)
    with av.open(str(path)) as careless:
        assert {packet.pts for packet in careless.demux(video=0) if packet.size} == {0}
    with pytest.raises(MediaRefused, match="more than 10 frames"):
        probe(path, Limits(max_frames=10))


def test_decoders_are_held_to_their_list_and_size(tmp_path: Path) -> None:
    """PyAV does not pass the container's options on to the decoders by itself."""
    path = clips.moving(tmp_path / "in.mp4")
    with source.open_source(path, max_pixels=1000) as container:
        for stream in container.streams:
            assert stream.codec_context.codec.name in stream.codec_context.options[
                "codec_whitelist"
            ].split(",")
        with pytest.raises(av.FFmpegError):
            list(container.decode(video=0))


def test_sound_in_a_compression_off_the_list_is_left_out(tmp_path: Path) -> None:
    path = clips.render(tmp_path / "in.mkv", clips.pan(6), audio=clips.sine(0.2), audio_codec="tta")
    info = probe(path)
    plan = AudioPlan(path, "keep", info.start, info.start + info.duration)
    format = working_format(info, "h264")
    with Encoder(
        tmp_path / "out.mp4",
        format=format,
        rate=info.frame_rate,
        codec="h264",
        container="mp4",
        audio=plan,
    ) as encoder:
        for frame in decode(path, info, pixel_format=format.pixel_format):
            encoder.write(frame.planes)
    assert encoder.audio_outcome.action == "dropped"
    assert "not supported" in encoder.audio_outcome.reason
