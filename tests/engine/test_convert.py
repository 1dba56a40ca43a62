"""A file goes in, a file comes out: every frame where the map says, and nothing half done."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from torch import Tensor

from inference.engine.convert import Progress, convert
from inference.engine.errors import Cancelled, DiskFull, EngineError, MediaRefused, SettingsRefused
from inference.engine.framemap import read_head, read_rows
from inference.engine.interpolator import Interpolator, Synthesis
from inference.engine.pipeline import AT_ONCE
from inference.engine.settings import ConversionSettings, estimate, span
from inference.engine.timeline import Row, frame_map
from inference.engine.video.decode import decode, working_format
from inference.engine.video.encode import Encoder
from inference.engine.video.frames import ColourTags, Frame, Planes
from inference.engine.video.probe import probe
from tests.engine import clips
from tests.engine.test_audio import click_time, flash_and_click, pitch, sound_of
from tests.engine.textures import texture

SLOW = ConversionSettings(Fraction(30), Fraction(4))
SMOOTH = ConversionSettings(Fraction(60), Fraction(1))
NTSC_FILM = Fraction(24000, 1001)


class Blend(Interpolator):
    """Stands in where only the number of frames counts: the mean, at once."""

    def __init__(self) -> None:
        self.weights_name, self.digest, self.seconds = "blend", "", 0.0

    def interpolate(
        self, frame0: Tensor, frame1: Tensor, timesteps: Sequence[float], **_: object
    ) -> Synthesis:
        mean = (frame0 + frame1) / 2
        return Synthesis(mean.expand(len(timesteps), -1, -1, -1), [1.0] * len(timesteps))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Planes]:
    """Every picture that is handed to the encoder."""
    pictures: list[Planes] = []
    honest = Encoder.write

    def write(self: Encoder, planes: Planes) -> None:
        pictures.append(planes)
        honest(self, planes)

    monkeypatch.setattr(Encoder, "write", write)
    return pictures


def frames_of(path: Path, codec: str = "h264") -> list[Frame]:
    """All frames in the planes a conversion to `codec` works in."""
    info = probe(path)
    return list(decode(path, info, pixel_format=working_format(info, codec).pixel_format))


def kinds(rows: list[Row]) -> str:
    return "".join(row.kind[0] for row in rows)


def unsure(rows: list[Row]) -> list[Row]:
    return [replace(row, confidence=None) for row in rows]


def mapped(source: Path, folder: Path, settings: ConversionSettings, model: Interpolator) -> str:
    """Convert and return the kinds of the frame map, one letter a frame."""
    convert(source, folder / "out.mp4", settings, model, frame_map=folder / "map.json")
    return kinds(list(read_rows(folder / "map.json")))


def flash_time(path: Path) -> float:
    """When the first of the brightest frames is shown: those before it may lead up to it."""
    frames = frames_of(path)
    brightness = [frame.planes[0].mean() for frame in frames]
    flash = next(k for k, value in enumerate(brightness) if value > max(brightness) - 2)
    return float(frames[flash].pts)


# Which frames, when


CLIPS: dict[str, Callable[[Path], Path]] = {
    "constant": clips.moving,
    "film": lambda path: clips.moving(path, rate=24),
    "ntsc film": lambda path: clips.moving(path, rate=NTSC_FILM),
    "variable": clips.variable_rate,
    "single": clips.single_frame,
    "two": clips.two_frames,
    "late": clips.late_start,
}
MODES = {
    "8x": ConversionSettings(Fraction(30), Fraction(8)),
    "2.5x": ConversionSettings(Fraction(30), Fraction(5, 2)),
    "to 60": SMOOTH,
    "to 25, 3x": ConversionSettings(Fraction(25), Fraction(3)),
    "NTSC": ConversionSettings(Fraction(60000, 1001), Fraction(1)),
}


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("clip", list(CLIPS))
def test_every_clip_in_every_mode_has_the_frames_of_the_pure_map(
    tmp_path: Path, clip: str, mode: str
) -> None:
    source, settings = CLIPS[clip](tmp_path / "in.mp4"), MODES[mode]
    target, map_file = tmp_path / "out.mp4", tmp_path / "map.json"
    report = convert(source, target, settings, Blend(), frame_map=map_file)

    before, after = probe(source), probe(target)
    end = before.start + before.duration
    wanted = frame_map(
        [frame.pts for frame in frames_of(source)], end, settings.rate, settings.slowness
    )
    rows = list(read_rows(map_file))
    assert unsure(rows) == wanted
    assert (after.frames, after.frame_rate, after.variable_rate) == (
        len(rows),
        settings.rate if len(rows) > 1 else after.frame_rate,
        False,
    )
    assert abs(len(rows) / settings.rate - before.duration * settings.slowness) <= (
        1 / settings.rate / 2
    )
    made = kinds(rows)
    assert report.frames == len(rows)
    assert (report.recorded, report.synthesised, report.held) == tuple(map(made.count, "rsh"))
    assert (report.cuts, report.repeats, report.damaged) == (0, 0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        SLOW,
        SMOOTH,
        replace(SMOOTH, trim_in=Fraction(1, 10)),
        replace(SLOW, trim_in=Fraction(1, 8), trim_out=Fraction(31, 100)),
        replace(SLOW, rate=Fraction(25), trim_out=Fraction(1, 3)),
        replace(SLOW, trim_in=Fraction(39, 100), trim_out=Fraction(9)),
    ],
)
@pytest.mark.parametrize("clip", ["constant", "film", "ntsc film", "late"])
def test_the_estimate_is_what_is_made(tmp_path: Path, clip: str, asked: ConversionSettings) -> None:
    source, target = CLIPS[clip](tmp_path / "in.mp4"), tmp_path / "out.mp4"
    try:
        report = convert(source, target, asked, Blend())
    except SettingsRefused:
        assert clip == "late" and asked.trim_in  # that clip is too short for this trim
        return
    expected = estimate(probe(source), asked)
    assert (report.frames, report.synthesised) == (expected.frames, expected.new_frames)
    assert report.duration == float(expected.duration)


def test_a_trim_converts_its_part_alone_on_the_grid_of_the_recorded_frames(
    tmp_path: Path, interpolator: Interpolator, written: list[Planes]
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    settings = replace(SLOW, trim_in=Fraction(7, 60), trim_out=Fraction(3, 10))
    assert mapped(source, tmp_path, settings, interpolator) == "rsss" * 6
    rows = list(read_rows(tmp_path / "map.json"))
    assert rows[0].source_time == Fraction(3, 30)  # the frame on screen at the trim's start
    recorded = frames_of(source)
    for row, planes in zip(rows, written, strict=True):
        if row.kind == "recorded":
            assert np.array_equal(planes[0], recorded[3 + row.left].planes[0])


def test_a_trim_of_a_variable_rate_begins_at_the_frame_then_on_screen(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.variable_rate(tmp_path / "in.mp4")
    times = [frame.pts for frame in frames_of(source)]
    settings = replace(SLOW, trim_in=(times[4] + times[5]) / 2, trim_out=times[8])
    mapped(source, tmp_path, settings, interpolator)
    rows = list(read_rows(tmp_path / "map.json"))
    assert unsure(rows) == frame_map(times[4:], times[8], settings.rate, settings.slowness)


def test_a_millisecond_clock_still_meets_its_recorded_frames(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.moving(tmp_path / "in.mkv", rate=Fraction(30000, 1001), frames=8, sound=False)
    settings = ConversionSettings(Fraction(30000, 1001), Fraction(2))
    assert mapped(source, tmp_path, settings, interpolator) == "rs" * 7 + "rh"


def test_the_map_names_rate_slowness_and_model(tmp_path: Path, interpolator: Interpolator) -> None:
    source = clips.two_frames(tmp_path / "in.mp4")
    mapped(source, tmp_path, SLOW, interpolator)
    assert read_head(tmp_path / "map.json") == {
        "rate": "30",
        "slowness": "4",
        "model": interpolator.weights_name,
        "digest": interpolator.digest,
    }
    rows = list(read_rows(tmp_path / "map.json"))
    assert [row.confidence is not None for row in rows] == [k == "s" for k in kinds(rows)]


# Which pixels


def ten_bit_422(path: Path) -> Path:
    return clips.render(path, clips.pan(6), pixel_format="yuv422p10le")


@pytest.mark.parametrize(
    "clip",
    [clips.moving, clips.rotated, clips.ten_bit, clips.full_chroma, clips.full_range, ten_bit_422],
)
def test_recorded_frames_reach_the_encoder_to_the_very_code(
    tmp_path: Path, interpolator: Interpolator, written: list[Planes], clip: Callable[..., Path]
) -> None:
    source = clip(tmp_path / "in.mp4")
    mapped(source, tmp_path, SLOW, interpolator)
    recorded = frames_of(source)
    rows = list(read_rows(tmp_path / "map.json"))
    for row, planes in zip(rows, written, strict=True):
        if row.kind != "synthesised":
            for given, own in zip(planes, recorded[row.shown].planes, strict=True):
                assert np.array_equal(given, own)
    assert kinds(rows).count("r") == len(recorded)


def test_a_flat_field_pan_keeps_its_brightness_from_frame_to_frame(
    tmp_path: Path, interpolator: Interpolator, written: list[Planes]
) -> None:
    pictures = clips.flat_field_pan(6, width=256, height=144)
    source = clips.render(tmp_path / "in.mp4", pictures)
    assert "sss" in mapped(source, tmp_path, SLOW, interpolator)
    for plane in range(3):
        means = np.array([planes[plane].mean() for planes in written])
        assert np.abs(np.diff(means)).max() < 0.25


def test_where_nothing_moves_the_new_frames_equal_the_recorded_ones(
    tmp_path: Path, interpolator: Interpolator, written: list[Planes]
) -> None:
    # One corner changes, so that the frames are no repeats; the rest stands still.
    pictures = [clips.pan(1, width=192, height=128)[0] for _ in range(3)]
    for k, picture in enumerate(pictures):
        picture[:16, :16] = 60 + 40 * k
    source = clips.render(tmp_path / "in.mp4", pictures, options={"crf": "0"})
    assert mapped(source, tmp_path, SLOW, interpolator).startswith("rsssrsss")
    for planes in written[1:4]:
        still = planes[0][64:].astype(int) - written[0][0][64:]
        assert np.abs(still).mean() < 1


def test_a_scene_cut_holds_and_no_frame_mixes_the_scenes(
    tmp_path: Path, interpolator: Interpolator, written: list[Planes]
) -> None:
    pictures = [
        clips.to_bytes(np.roll(texture(144, 256, seed=k // 4).permute(1, 2, 0).numpy(), 3 * k, 1))
        for k in range(8)
    ]
    source = clips.render(tmp_path / "in.mp4", pictures)
    report = convert(
        source, tmp_path / "out.mp4", SLOW, interpolator, frame_map=tmp_path / "map.json"
    )
    rows = list(read_rows(tmp_path / "map.json"))
    assert report.cuts == 1
    assert kinds(rows) == "rsss" * 3 + "rhhh" + "rsss" * 3 + "rhhh"
    recorded = frames_of(source)
    for row in rows[12:17]:
        shown = recorded[3 if row.t < Fraction(1, 2) and row.left == 3 else 4]
        assert np.array_equal(written[row.index][0], shown.planes[0])


def test_repeated_frames_are_held_and_counted(tmp_path: Path, interpolator: Interpolator) -> None:
    pictures = clips.repeats(9, every=3, width=256, height=144)
    source = clips.render(tmp_path / "in.mp4", pictures)
    report = convert(
        source, tmp_path / "out.mp4", SLOW, interpolator, frame_map=tmp_path / "map.json"
    )
    assert report.repeats == 3
    assert kinds(list(read_rows(tmp_path / "map.json"))) == (
        "rsssrhhhrsss" * 2 + "rsss" + "rhhh" + "rhhh"
    )


# What survives to the file


@pytest.mark.parametrize(
    "clip",
    [clips.rotated, clips.ten_bit, clips.full_range, clips.anamorphic, clips.full_chroma],
)
def test_shape_depth_and_colour_survive_to_the_file(
    tmp_path: Path, interpolator: Interpolator, clip: Callable[..., Path]
) -> None:
    source, target = clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    convert(source, target, SMOOTH, interpolator)
    before, after = probe(source), probe(target)
    assert (after.bit_depth, after.pixel_format) == (before.bit_depth, before.pixel_format)
    assert (after.width, after.height) == (before.width, before.height)
    assert after.sample_aspect_ratio == before.sample_aspect_ratio
    assert after.colour == before.colour
    assert after.rotation == 0


def test_a_turned_portrait_comes_out_upright(tmp_path: Path, interpolator: Interpolator) -> None:
    source, target = clips.rotated(tmp_path / "in.mp4", degrees=90), tmp_path / "out.mp4"
    convert(source, target, SLOW, interpolator)
    assert (probe(target).width, probe(target).height) == (64, 96)
    upright = np.rot90(clips.pan(1)[0], -1) @ [0.2126, 0.7152, 0.0722]
    shown = frames_of(target)[0].planes[0].astype(float)
    assert np.corrcoef(upright.ravel(), shown.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("codec", "container", "size"), [("h264", "mp4", (96, 64)), ("vp9", "webm", (95, 63))]
)
def test_odd_sizes_are_kept_or_padded(
    tmp_path: Path, interpolator: Interpolator, codec: str, container: str, size: tuple[int, int]
) -> None:
    source, target = clips.odd_size(tmp_path / "in.webm"), tmp_path / f"out.{container}"
    settings = replace(SMOOTH, codec=codec, container=container)
    report = convert(source, target, settings, interpolator)
    info = probe(target)
    assert (info.width, info.height, info.frames) == (*size, report.frames)


def test_an_unspecified_colour_stays_unspecified(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(3), colour=(0, 2, 2, 2))
    convert(source, tmp_path / "out.mp4", SMOOTH, interpolator)
    colour = probe(tmp_path / "out.mp4").colour
    assert replace(colour, range="unspecified") == ColourTags()


# Sound


def test_kept_sound_stays_with_its_picture(tmp_path: Path, interpolator: Interpolator) -> None:
    source, target = flash_and_click(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    report = convert(source, target, SMOOTH, interpolator)
    assert report.audio.action == "copied"
    assert flash_time(target) == pytest.approx(1, abs=1 / 60)
    assert click_time(target) == pytest.approx(1, abs=1 / 60)
    assert sound_of(target).size / clips.AUDIO_RATE == pytest.approx(1.5, abs=0.03)


def test_trimmed_sound_stays_with_its_picture(tmp_path: Path, interpolator: Interpolator) -> None:
    source, target = flash_and_click(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    settings = replace(SMOOTH, trim_in=Fraction(51, 100))
    assert convert(source, target, settings, interpolator).audio.action == "encoded"
    assert flash_time(target) == pytest.approx(0.5, abs=1 / 60)
    assert click_time(target) == pytest.approx(0.5, abs=1 / 60)


def test_the_sound_of_a_trimmed_variable_rate_begins_with_its_first_picture(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    # The trim begins late in a frame that stays for 0.4 s: the picture begins with that frame.
    pictures = [np.full((48, 64, 3), 230 if k == 12 else 30 + k, np.uint8) for k in range(20)]
    pts = [3000 * k + 33_000 * (k > 5) for k in range(20)]
    flash = pts[12] / 90_000
    source = clips.render(
        tmp_path / "in.mp4",
        pictures,
        pts=pts,
        time_base=Fraction(1, 90_000),
        audio=clips.clicks(1.1, [flash]),
    )
    target = tmp_path / "out.mp4"
    settings = replace(SMOOTH, trim_in=Fraction(1, 2))
    convert(source, target, settings, interpolator)
    assert flash_time(target) == pytest.approx(flash - 5 / 30, abs=1 / 60)
    assert click_time(target) == pytest.approx(flash - 5 / 30, abs=1 / 60)


def test_slowed_sound_lasts_as_long_as_the_picture_at_its_own_pitch(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source, target = clips.moving(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    report = convert(source, target, SLOW, interpolator)
    assert report.audio.action == "stretched"
    sound = sound_of(target)
    assert sound.size / clips.AUDIO_RATE == pytest.approx(report.duration, abs=0.03)
    assert pitch(sound) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("asked", [SLOW, SMOOTH])
def test_dropped_and_absent_sound_leave_a_silent_file(
    tmp_path: Path, interpolator: Interpolator, asked: ConversionSettings
) -> None:
    silent = clips.moving(tmp_path / "silent.mp4", sound=False)
    loud = clips.moving(tmp_path / "loud.mp4")
    for source, audio in ((silent, "auto"), (loud, "drop")):
        target = tmp_path / "out.mp4"
        report = convert(source, target, replace(asked, audio=audio), interpolator)
        assert report.audio.action == "none"
        assert probe(target).audio is None


# Progress, stopping, failing


def test_progress_rises_to_the_total_and_the_report_is_json(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    seen: list[Progress] = []
    report = convert(source, tmp_path / "out.mp4", SLOW, interpolator, on_progress=seen.append)
    done = [progress.frames_done for progress in seen]
    assert done == sorted(done)
    assert seen[-1].frames_done == seen[-1].frames_total == report.frames
    assert {progress.frames_total for progress in seen} == {report.frames}
    assert seen[-1].seconds_left == 0
    assert all(progress.seconds_left > 0 for progress in seen[:-1])
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert 0 < report.model_seconds < report.seconds
    assert report.confidence is not None and 0 <= report.confidence <= 1


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("frames", [0, 1, 20])
def test_cancelling_midway_leaves_no_file_and_no_thread(
    tmp_path: Path, interpolator: Interpolator, frames: int
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    done = 0

    def note(progress: Progress) -> None:
        nonlocal done
        done = progress.frames_done

    with pytest.raises(Cancelled):
        convert(
            source,
            tmp_path / "out.mp4",
            SLOW,
            interpolator,
            on_progress=note,
            should_cancel=lambda: done >= frames,
            frame_map=tmp_path / "map.json",
        )
    assert frames <= done <= frames + AT_ONCE
    assert listing(tmp_path) == {"in.mp4"}
    assert not threads() & {"decode", "encode"}


def failing(error: Exception) -> Callable[..., None]:
    def write(*_: Any) -> None:
        raise error

    return write


@pytest.mark.parametrize(
    "error", [DiskFull(), EngineError("encoder_failed", "The encoder failed."), MemoryError()]
)
def test_an_encoder_that_fails_leaves_no_file(
    tmp_path: Path, interpolator: Interpolator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    monkeypatch.setattr(Encoder, "write", failing(error))
    with pytest.raises(type(error)):
        convert(source, tmp_path / "out.mp4", SLOW, interpolator, frame_map=tmp_path / "map.json")
    assert listing(tmp_path) == {"in.mp4"}
    assert not threads() & {"decode", "encode"}


def test_a_full_disk_under_the_frame_map_is_said_in_plain_words(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    (tmp_path / ".map.json.partial").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="free some space"):
        convert(source, tmp_path / "out.mp4", SLOW, interpolator, frame_map=tmp_path / "map.json")
    assert listing(tmp_path) == {"in.mp4"}


def test_a_folder_that_cannot_be_written_is_said_in_plain_words(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    with pytest.raises(EngineError, match="could not be written") as caught:
        convert(source, tmp_path / "nowhere" / "out.mp4", SLOW, interpolator)
    assert caught.value.code == "unwritable"


def test_the_result_takes_its_name_only_when_it_is_whole(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source, target = clips.moving(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_bytes(b"the result of an earlier run")
    seen = set()

    def note(progress: Progress) -> None:
        seen.add(target.read_bytes()[:3])

    convert(source, target, SLOW, interpolator, on_progress=note)
    assert seen == {b"the"}
    assert probe(target).frames == 48
    assert listing(tmp_path) == {"in.mp4", "out.mp4"}


def test_a_file_that_breaks_off_is_held_to_its_announced_end_and_reported(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(12), options={"g": "1"})
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        packets = [(p.pos, p.size) for p in file.demux(video=0) if p.size]
    for position, size in packets[8:]:
        assert position is not None
        content[position : position + size] = b"\xff" * size
    source.write_bytes(content)
    report = convert(
        source, tmp_path / "out.mp4", SLOW, interpolator, frame_map=tmp_path / "map.json"
    )
    rows = list(read_rows(tmp_path / "map.json"))
    assert report.damaged > 0
    assert kinds(rows) == "rsss" * 7 + "r" + "h" * 19


def test_a_file_or_settings_that_do_not_do_are_refused_before_anything_is_written(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    text = tmp_path / "in.mp4"
    text.write_text("no video")
    with pytest.raises(MediaRefused):
        convert(text, tmp_path / "out.mp4", SLOW, interpolator)
    clips.moving(text)
    with pytest.raises(SettingsRefused):
        convert(text, tmp_path / "out.mp4", replace(SLOW, slowness=Fraction(0)), interpolator)
    assert listing(tmp_path) == {"in.mp4"}


# Hold-out figures, in the report


def test_the_report_has_figures_beside_those_of_blending(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(9, width=256, height=144))
    quality = convert(source, tmp_path / "out.mp4", SLOW, interpolator).quality
    assert quality.psnr is not None and quality.blend_psnr is not None
    assert quality.psnr > quality.blend_psnr
    assert quality.worst_psnr == min(sample.psnr for sample in quality.samples)


def test_the_span_of_a_trim_starts_at_the_frame_then_shown(tmp_path: Path) -> None:
    info = probe(clips.late_start(tmp_path / "in.mp4"))
    part = span(info, replace(SLOW, trim_in=Fraction(1, 25), trim_out=Fraction(1, 10)))
    assert (part.start, part.end) == (5 + Fraction(1, 30), Fraction(51, 10))
