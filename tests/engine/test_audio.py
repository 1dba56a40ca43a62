"""Sound stays with its picture: copied, cut, stretched at its pitch, or left out and said so."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from inference.engine.video.audio import AudioOutcome, AudioPlan
from inference.engine.video.decode import decode, working_format
from inference.engine.video.encode import Encoder
from inference.engine.video.probe import probe
from tests.engine import clips

RATE = clips.AUDIO_RATE
FRAMES = 45  # 1.5 s
FLASH = 30  # the frame that is white, at 1 s, when the click sounds


def flash_and_click(path: Path, *, audio_start: Fraction | int = 0) -> Path:
    """Dark pictures with one white one, and a click at the very same time."""
    pictures = [np.full((48, 64, 3), 30, np.uint8) for _ in range(FRAMES)]
    pictures[FLASH][:] = 230
    sound = clips.clicks(1.5 - float(audio_start), [FLASH / 30 - float(audio_start)])
    return clips.render(path, pictures, audio=sound, audio_start=audio_start)


def convert(
    source: Path,
    target: Path,
    *,
    mode: str = "keep",
    slowness: Fraction = Fraction(1),
    trim: tuple[Fraction, Fraction] | None = None,
    codec: str = "h264",
) -> AudioOutcome:
    """Show each frame `slowness` times as long, at 30 frames a second, with its sound."""
    info = probe(source)
    start, end = trim or (info.start, info.start + info.duration)
    format = working_format(info, codec)
    assert mode in ("keep", "stretch")
    plan = AudioPlan(source, mode, start, end, slowness)  # type: ignore[arg-type]
    with Encoder(
        target,
        format=format,
        rate=Fraction(30),
        codec=codec,
        container=target.suffix[1:],
        audio=plan,
    ) as encoder:
        for frame in decode(source, info, pixel_format=format.pixel_format):
            if start <= frame.pts < end:
                for _ in range(round(slowness)):
                    encoder.write(frame.planes)
    return encoder.audio_outcome


def sound_of(path: Path) -> npt.NDArray[np.float32]:
    """Mono samples at 48 kHz, sample 0 at time 0 of the file."""
    resampler = av.AudioResampler("fltp", "mono", RATE)
    samples = np.zeros(20 * RATE, np.float32)
    end = 0
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            assert frame.pts is not None and frame.time_base is not None
            at = round(frame.pts * frame.time_base * RATE)
            frame.pts = None
            for piece in resampler.resample(frame):
                values = piece.to_ndarray()[0]
                first = max(0, at)
                samples[first : at + values.size] = values[first - at :]
                at, end = at + values.size, max(end, at + values.size)
    return samples[:end]


def click_time(path: Path) -> float:
    sound = np.abs(sound_of(path))
    return float(np.argmax(sound > 0.3 * sound.max())) / RATE


def flash_time(path: Path) -> float:
    info = probe(path)
    frames = decode(path, info, pixel_format=info.pixel_format)
    return float(next(frame.pts for frame in frames if frame.planes[0].mean() > 120))


def pitch(sound: npt.NDArray[np.float32]) -> float:
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum)) * RATE / sound.size


@pytest.mark.parametrize(
    ("suffix", "codec", "action"),
    [
        ("mp4", "h264", "copied"),
        ("mov", "hevc", "copied"),
        ("mkv", "h264", "copied"),
        ("webm", "vp9", "encoded"),
    ],
)
@pytest.mark.parametrize("late", [Fraction(0), Fraction(1, 2)])
def test_kept_sound_is_in_step_with_the_picture_to_the_frame(
    tmp_path: Path, suffix: str, codec: str, action: str, late: Fraction
) -> None:
    source = flash_and_click(tmp_path / "in.mp4", audio_start=late)
    target = tmp_path / f"out.{suffix}"
    assert convert(source, target, codec=codec) == AudioOutcome(action)  # type: ignore[arg-type]
    assert flash_time(target) == pytest.approx(1, abs=0.002)
    assert click_time(target) == pytest.approx(1, abs=1 / 60)


@pytest.mark.parametrize("start", [Fraction(1, 2), Fraction(203, 300)])
def test_trimmed_sound_is_cut_with_the_picture(tmp_path: Path, start: Fraction) -> None:
    source = flash_and_click(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    outcome = convert(source, target, trim=(start, Fraction(13, 10)))
    assert outcome.action == "encoded"
    assert click_time(target) == pytest.approx(float(1 - start), abs=0.003)
    assert sound_of(target).size / RATE == pytest.approx(float(Fraction(13, 10) - start), abs=0.03)


@pytest.mark.parametrize("late", [Fraction(0), Fraction(1, 2)])
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("slowness", [Fraction(2), Fraction(8)])
def test_stretched_sound_stays_with_the_slowed_picture(
    tmp_path: Path, slowness: Fraction, suffix: str, late: Fraction
) -> None:
    source = flash_and_click(tmp_path / "in.mp4", audio_start=late)
    target = tmp_path / f"out.{suffix}"
    codec = "vp9" if suffix == "webm" else "h264"
    assert convert(source, target, mode="stretch", slowness=slowness, codec=codec).action == (
        "stretched"
    )
    assert flash_time(target) == pytest.approx(float(slowness), abs=0.002)
    # A stretched click is several, around its time: their middle counts.
    sound = sound_of(target).astype(float) ** 2
    middle = np.average(np.arange(sound.size), weights=sound) / RATE
    assert middle == pytest.approx(float(slowness), abs=1 / 30)


@pytest.mark.parametrize("slowness", [Fraction(2), Fraction(5, 2), Fraction(8)])
def test_stretched_sound_is_longer_by_the_slowness_at_the_same_pitch(
    tmp_path: Path, slowness: Fraction
) -> None:
    source = clips.moving(tmp_path / "in.mp4", frames=30)
    target = tmp_path / "out.mp4"
    convert(source, target, mode="stretch", slowness=slowness)
    sound = sound_of(target)
    assert sound.size / RATE == pytest.approx(float(slowness), abs=0.03)
    assert pitch(sound) == pytest.approx(440, abs=5)


def test_sound_of_a_file_whose_clock_starts_late_is_in_step(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 230 if k == 20 else 30, np.uint8) for k in range(30)]
    source = clips.render(
        tmp_path / "in.mkv",
        pictures,
        pts=[90 + k for k in range(30)],
        audio=clips.clicks(1, [20 / 30]),
        audio_start=3,
    )
    target = tmp_path / "out.mp4"
    convert(source, target)
    assert flash_time(target) == pytest.approx(20 / 30, abs=0.002)
    assert click_time(target) == pytest.approx(20 / 30, abs=1 / 60)


def test_a_gap_in_the_sound_stays_a_gap(tmp_path: Path) -> None:
    source = flash_and_click(tmp_path / "whole.mp4")
    gapped = tmp_path / "in.mkv"
    with av.open(str(source)) as old, av.open(str(gapped), "w") as new:
        copies = [new.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            if packet.dts is None:
                continue
            time = packet.pts * packet.time_base
            if packet.stream.type == "audio" and 0.2 < time < 0.8:
                continue
            packet.stream = copies[packet.stream.index]
            new.mux(packet)
    target = tmp_path / "out.webm"
    assert convert(gapped, target, codec="vp9").action == "encoded"
    assert click_time(target) == pytest.approx(1, abs=1 / 60)


def test_a_clip_without_sound_gets_none(tmp_path: Path) -> None:
    source = clips.moving(tmp_path / "in.mp4", sound=False)
    target = tmp_path / "out.mp4"
    assert convert(source, target) == AudioOutcome("none")
    assert probe(target).audio is None


@pytest.mark.parametrize("mode", ["keep", "stretch"])
def test_sound_that_cannot_be_decoded_is_left_out_and_reported(tmp_path: Path, mode: str) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        for packet in file.demux(audio=0):
            if packet.size and packet.pos is not None:
                content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    source.write_bytes(content)
    target = tmp_path / "out.webm"
    outcome = convert(source, target, mode=mode, codec="vp9")
    assert outcome.action == "dropped"
    assert outcome.reason
    info = probe(target)
    assert (info.audio, info.frames) == (None, 12)


@pytest.mark.parametrize("slowness", [Fraction(1), Fraction(2)])
def test_a_part_without_any_sound_says_so(tmp_path: Path, slowness: Fraction) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(60), audio=clips.sine(0.5))
    target = tmp_path / "out.mp4"
    trim = (Fraction(1), Fraction(2))
    outcome = convert(source, target, mode="stretch", slowness=slowness, trim=trim)
    assert outcome.action == "dropped"
    assert probe(target).audio is None


def test_sound_longer_than_the_picture_does_not_lengthen_the_file(tmp_path: Path) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(15), audio=clips.sine(3))
    target = tmp_path / "out.mp4"
    assert convert(source, target).action == "encoded"
    assert sound_of(target).size / RATE == pytest.approx(0.5, abs=0.03)
