"""A conversion in segments is the conversion in one piece, whoever made them and in what order."""

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from inference.engine.convert import convert
from inference.engine.errors import Cancelled, EngineError, PartDamaged, SettingsRefused
from inference.engine.interpolator import Interpolator, Synthesis
from inference.engine.pipeline import Progress
from inference.engine.plan import SHORTEST_SEGMENT, Plan, plan
from inference.engine.quality import psnr
from inference.engine.segments import convert_segment, join, sidecar
from inference.engine.settings import ConversionSettings
from inference.engine.video.decode import Decoder, coded_luma, frame_times
from inference.engine.video.encode import Encoder
from inference.engine.video.frames import Planes
from inference.engine.video.probe import probe
from tests.engine import clips
from tests.engine.test_convert import Blend

TIMINGS = ("seconds", "model_seconds", "new_frames_per_second")
SMOOTH = ConversionSettings(Fraction(24), Fraction(1))
FILM_TO_TV = ConversionSettings(Fraction(25), Fraction(1))
SLOW = ConversionSettings(Fraction(10), Fraction(4))
FRACTION = ConversionSettings(Fraction(24000, 1001), Fraction(5, 2))
SEGMENT = 15
"""Output frames."""


class Mix(Blend):
    """Stands in where the network's own pictures don't matter: each time has its own."""

    def interpolate(
        self, frame0: Tensor, frame1: Tensor, timesteps: Sequence[float], **_: object
    ) -> Synthesis:
        t = torch.tensor(timesteps).view(-1, 1, 1, 1)
        sure = [abs(time - float(frame0[0, 0, 0])) for time in timesteps]
        return Synthesis((1 - t) * frame0 + t * frame1, sure)


def twelve(path: Path) -> Path:
    return clips.moving(path, frames=48, rate=12)


def film(path: Path) -> Path:
    return clips.moving(path, frames=72, rate=Fraction(24000, 1001))


def thirty(path: Path) -> Path:
    return clips.moving(path, frames=40)


def variable(path: Path) -> Path:
    return clips.variable_rate(path, frames=45)


def cuts(path: Path) -> Path:
    return clips.render(path, clips.cuts(45, every=7))


def on_threes(path: Path) -> Path:
    return clips.render(path, clips.repeats(60, every=3), options={"g": "20"})


def rotated(path: Path) -> Path:
    return clips.render(path, clips.pan(40, height=128), rotation=90)


def ten_bit(path: Path) -> Path:
    return clips.ten_bit(path, frames=40)


def late(path: Path) -> Path:
    return clips.late_start(path, frames=40)


def still_in_the_middle(path: Path) -> Path:
    """Held-out frames that fall due in the still must wait until it moves again."""
    moving = clips.pan(60)
    return clips.render(path, moving[:20] + 20 * [moving[19]] + moving[20:40])


@dataclass
class Made:
    """A conversion and its report without what time has to do with it."""

    file: Path
    frame_map: Path
    report: dict[str, Any]


def whole(folder: Path, source: Path, settings: ConversionSettings, model: Interpolator) -> Made:
    """In one piece."""
    made = Made(folder / f"one.{settings.container}", folder / "one.json", {})
    report = convert(source, made.file, settings, model, frame_map=made.frame_map).to_dict()
    made.report = {key: value for key, value in report.items() if key not in TIMINGS}
    return made


def parts_of(folder: Path, work: Plan) -> list[Path]:
    return [folder / f"part-{segment.index}" for segment in work.segments]


def make_parts(folder: Path, source: Path, work: Plan, model: Interpolator) -> list[Path]:
    """All segments, the last one first, by a plan that went through a database."""
    work = Plan.from_dict(json.loads(json.dumps(work.to_dict())))
    parts = parts_of(folder, work)
    for index in reversed(range(len(parts))):
        convert_segment(source, parts[index], work, index, model)
    return parts


def joined(folder: Path, source: Path, work: Plan, parts: list[Path]) -> Made:
    made = Made(folder / f"two.{work.settings.container}", folder / "two.json", {})
    report = join(parts, source, made.file, work, frame_map=made.frame_map).to_dict()
    made.report = {key: value for key, value in report.items() if key not in TIMINGS}
    return made


def in_segments(
    folder: Path, source: Path, settings: ConversionSettings, model: Interpolator
) -> tuple[Plan, Made]:
    work = plan(source, settings, frames_per_segment=SEGMENT)
    return work, joined(folder, source, work, make_parts(folder, source, work, model))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, Planes]]:
    """Every picture that is handed to the encoder, by the number of the output frame."""
    pictures: dict[int, Planes] = {}
    honest = Encoder.write

    def write(self: Encoder, planes: Planes) -> None:
        pictures[len(pictures)] = planes
        honest(self, planes)

    monkeypatch.setattr(Encoder, "write", write)
    return pictures


def times(path: Path, kind: str) -> list[tuple[Any, ...]]:
    """What is shown when, what is decoded when, and of sound every byte."""
    with av.open(str(path)) as file:
        streams = getattr(file.streams, kind)
        found = [p for stream in streams for p in file.demux(stream) if p.size]
        shown = sorted(p.pts for p in found)
        sound = (bytes(p) if kind == "audio" else b"" for p in found)
        rest = ((p.dts, p.duration, p.time_base) for p in found)
        return list(zip(shown, rest, sound, strict=True))


def keyframes(path: Path) -> list[int]:
    """Their places in the file, counted in frames."""
    with av.open(str(path)) as file:
        return [k for k, p in enumerate(p for p in file.demux(video=0) if p.size) if p.is_keyframe]


def header(path: Path) -> list[Any]:
    """What the file says of itself."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        context = video.codec_context
        return [
            *(file.duration, file.start_time, video.time_base, video.start_time, video.duration),
            *(video.average_rate, video.frames, video.sample_aspect_ratio, context.codec_tag),
            *(context.extradata, context.pix_fmt, context.color_range, context.colorspace),
            *(context.color_primaries, context.color_trc, context.width, context.height),
        ]


def check_alike(one: Made, two: Made) -> None:
    """All but the encoder's noise."""
    assert times(two.file, "video") == times(one.file, "video")
    assert times(two.file, "audio") == times(one.file, "audio")
    assert header(two.file) == header(one.file)
    assert two.frame_map.read_bytes() == one.frame_map.read_bytes()
    # The few frames that fidelity looks at lie in other groups of pictures here.
    noise = [made.report.pop("fidelity") for made in (one, two)]
    assert noise[0] == pytest.approx(noise[1], abs=2.5)
    assert two.report == one.report


WITH_THE_NETWORK = ("slow", "cuts")
CASES = {
    "smooth": (twelve, SMOOTH),
    "fractional": (film, FILM_TO_TV),
    "slow": (thirty, SLOW),
    "slow by a fraction": (thirty, FRACTION),
    "variable rate": (variable, FRACTION),
    "variable rate, slow": (variable, SLOW),
    "cuts": (cuts, SLOW),
    "repeats": (on_threes, SLOW),
    "a still": (still_in_the_middle, SLOW),
    "late start": (late, SLOW),
    "turned": (rotated, SLOW),
    "10 bit": (ten_bit, replace(SLOW, codec="hevc")),
    "trimmed": (twelve, replace(SMOOTH, trim_in=Fraction(9, 10), trim_out=Fraction(37, 10))),
    "trimmed variable rate": (
        variable,
        replace(SLOW, trim_in=Fraction(1, 2), trim_out=Fraction(2)),
    ),
    "sound dropped": (twelve, replace(SMOOTH, audio="drop")),
    "MKV": (thirty, replace(SLOW, container="mkv")),
    "HEVC": (thirty, replace(SLOW, codec="hevc", container="mov")),
    "VP9": (thirty, replace(SLOW, codec="vp9", container="webm")),
    "AV1": (thirty, replace(SLOW, codec="av1")),
}


@pytest.mark.parametrize("case", list(CASES))
def test_segments_joined_are_the_conversion_in_one_piece(
    tmp_path: Path, interpolator: Interpolator, case: str
) -> None:
    clip, settings = CASES[case]
    source = clip(tmp_path / "in.mp4")
    model = interpolator if case in WITH_THE_NETWORK else Mix()
    one = whole(tmp_path, source, settings, model)
    work, two = in_segments(tmp_path, source, settings, model)
    assert len(work.segments) >= 3
    check_alike(one, two)
    assert {segment.first for segment in work.segments} <= set(keyframes(two.file))


def test_where_a_clip_is_cut_does_not_matter(tmp_path: Path) -> None:
    # Each of these boundaries lies elsewhere among the cuts and repeats.
    pictures = clips.cuts(90, every=11)
    for k in range(4, 90, 5):
        pictures[k] = pictures[k - 1]
    source = clips.render(tmp_path / "in.mp4", pictures, audio=clips.sine(3))
    settings = ConversionSettings(Fraction(4), Fraction(8))
    one = whole(tmp_path, source, settings, Mix())
    assert one.report["cuts"] > 5 and one.report["repeats"] > 5 and one.report["quality"]["samples"]
    for frames in (8, 12, 20, 28):
        work = plan(source, settings, frames_per_segment=frames)
        two = joined(tmp_path, source, work, make_parts(tmp_path, source, work, Mix()))
        assert two.frame_map.read_bytes() == one.frame_map.read_bytes()
        assert two.report["quality"] == one.report["quality"]
        for name in ("cuts", "repeats", "held", "recorded", "synthesised", "confidence"):
            assert two.report[name] == one.report[name]


@pytest.mark.parametrize("clip", [thirty, variable, cuts])
def test_the_pictures_that_reach_the_encoders_are_the_very_same(
    tmp_path: Path,
    interpolator: Interpolator,
    written: dict[int, Planes],
    clip: Callable[[Path], Path],
) -> None:
    source = clip(tmp_path / "in.mp4")
    whole(tmp_path, source, SLOW, interpolator)
    in_one_piece = dict(written)
    written.clear()
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    for segment in work.segments:
        convert_segment(source, tmp_path / "part", work, segment.index, interpolator)
    assert len(written) == len(in_one_piece)
    for number, planes in written.items():
        for own, other in zip(planes, in_one_piece[number], strict=True):
            assert np.array_equal(own, other)


@pytest.mark.parametrize(("codec", "container"), [("h264", "mp4"), ("vp9", "webm")])
def test_a_seam_costs_no_more_quality_than_any_keyframe(
    tmp_path: Path, written: dict[int, Planes], codec: str, container: str
) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(97, width=256, height=144))
    settings = replace(SMOOTH, rate=Fraction(15), slowness=Fraction(2))
    settings = replace(settings, codec=codec, container=container)
    one = whole(tmp_path, source, settings, Mix())
    truth = [written[k][0] for k in range(len(written))]
    work, two = in_segments(tmp_path, source, settings, Mix())
    assert len(work.segments) >= 3
    figures = [
        [psnr(a, b) for a, b in zip(coded_luma(made.file, truth[0].dtype), truth, strict=True)]
        for made in (one, two)
    ]
    in_one_piece, in_pieces = (np.array(values) for values in figures)
    # A fresh encoder spends a little less at first, and these segments are no more than that.
    assert in_pieces.mean() > in_one_piece.mean() - 1
    assert in_pieces.min() > in_one_piece.min() - 0.5
    for segment in work.segments[1:]:
        around = slice(segment.first - 3, segment.first + 3)
        assert in_pieces[around].min() > in_one_piece.min() - 0.5
    between = [
        psnr(a, b)
        for a, b in zip(*(coded_luma(m.file, truth[0].dtype) for m in (one, two)), strict=True)
    ]
    assert min(between) > 45


# What is planned


@pytest.mark.parametrize("case", ["smooth", "slow by a fraction", "variable rate", "trimmed"])
def test_segments_cover_every_frame_once_and_begin_at_recorded_frames(
    tmp_path: Path, case: str
) -> None:
    clip, settings = CASES[case]
    source = clip(tmp_path / "in.mp4")
    work = plan(source, settings, frames_per_segment=SEGMENT)
    times = frame_times(source, probe(source))
    assert work.segments[0].first == 0
    for before, after in zip(work.segments, work.segments[1:], strict=False):
        assert (before.last, before.end) == (after.first, after.begin)
        assert after.begin in times and after.context in times
        assert sum(after.context <= time < after.begin for time in times) <= 13
        assert SHORTEST_SEGMENT <= before.frames <= 2 * SEGMENT
    assert work.segments[-1].end is None
    assert [segment.index for segment in work.segments] == list(range(len(work.segments)))


def test_a_plan_is_the_same_whenever_it_is_made_and_survives_json(tmp_path: Path) -> None:
    source = variable(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    again = Plan.from_dict(json.loads(json.dumps(work.to_dict())))
    assert again == work == plan(source, SLOW, frames_per_segment=SEGMENT)
    assert again.digest == work.digest
    assert plan(source, FRACTION, frames_per_segment=SEGMENT).digest != work.digest


def test_what_is_short_or_has_few_frames_is_one_segment(tmp_path: Path) -> None:
    assert len(plan(twelve(tmp_path / "short.mp4"), SMOOTH).segments) == 1
    two = clips.two_frames(tmp_path / "two.mp4")
    slowest = ConversionSettings(Fraction(30), Fraction(64))
    work = plan(two, slowest, frames_per_segment=SEGMENT)
    assert [(s.first, s.last) for s in work.segments] == [(0, 64), (64, 128)]


def test_planning_refuses_what_converting_refuses(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        plan(thirty(tmp_path / "in.mp4"), replace(SLOW, slowness=Fraction(0)))


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.ts", "in.mpg"])
def test_a_late_segment_is_not_decoded_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    source = clips.render(
        tmp_path / name, clips.pan(200), rate=25, codec=codec, options={"g": "12"}
    )
    one = whole(tmp_path, source, FILM_TO_TV, Mix())
    decoded = 0
    honest = Decoder._decoded

    def count(self: Decoder, *rest: Any) -> Iterator[av.VideoFrame]:
        nonlocal decoded
        for picture in honest(self, *rest):
            decoded += 1
            yield picture

    work = plan(source, FILM_TO_TV, frames_per_segment=50)
    parts = make_parts(tmp_path, source, work, Mix())
    monkeypatch.setattr(Decoder, "_decoded", count)
    convert_segment(source, parts[-1], work, len(parts) - 1, Mix())
    # A second before the frames that are looked back to, from the keyframe before that.
    assert decoded <= work.segments[-1].frames + 13 + 25 + 25
    check_alike(one, joined(tmp_path, source, work, parts))


# What is lost, and what is wrong


def test_a_segment_made_again_is_the_same_file(tmp_path: Path, interpolator: Interpolator) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, interpolator)
    before, result = parts[1].read_bytes(), joined(tmp_path, source, work, parts).file.read_bytes()
    parts[1].unlink()
    with pytest.raises(PartDamaged) as caught:
        join(parts, source, tmp_path / "broken.mp4", work)
    assert (caught.value.index, caught.value.code) == (1, "part_damaged")
    assert not list(tmp_path.glob("*broken*"))
    convert_segment(source, parts[1], work, 1, interpolator)
    assert parts[1].read_bytes() == before
    assert joined(tmp_path, source, work, parts).file.read_bytes() == result


def cut_short(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-100])


def overwrite(part: Path) -> None:
    part.write_bytes(bytes(part.stat().st_size))


def without_facts(part: Path) -> None:
    sidecar(part).unlink()


def facts_cut_short(part: Path) -> None:
    sidecar(part).write_text(sidecar(part).read_text()[:-20])


def of_another_segment(part: Path) -> None:
    other = part.with_name("part-0")
    part.write_bytes(other.read_bytes())
    sidecar(part).write_bytes(sidecar(other).read_bytes())


def of_another_codec(part: Path) -> None:
    """The facts are right, the pictures are not."""
    facts = json.loads(sidecar(part).read_text())
    source = part.with_name("in.mp4")
    work = plan(source, replace(SLOW, codec="vp9"), frames_per_segment=SEGMENT)
    convert_segment(source, part, work, facts["index"], Mix())
    sidecar(part).write_text(json.dumps({**facts, "size": part.stat().st_size}))


@pytest.mark.parametrize(
    "harm",
    [
        *(cut_short, overwrite, without_facts, facts_cut_short, of_another_segment),
        of_another_codec,
    ],
)
def test_a_damaged_segment_is_named_and_nothing_is_published(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    harm(parts[1])
    with pytest.raises(PartDamaged, match="Segment 2") as caught:
        join(parts, source, tmp_path / "out.mp4", work, frame_map=tmp_path / "out.json")
    assert pickle.loads(pickle.dumps(caught.value)).index == 1
    assert not list(tmp_path.glob("*out*"))
    convert_segment(source, parts[1], work, 1, Mix())
    join(parts, source, tmp_path / "out.mp4", work)


def test_parts_of_another_plan_are_not_joined(tmp_path: Path) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    other = plan(source, replace(SLOW, audio="drop"), frames_per_segment=SEGMENT)
    with pytest.raises(PartDamaged) as caught:
        join(parts, source, tmp_path / "out.mp4", other)
    assert caught.value.index == 0


def test_segments_of_different_weights_are_not_mixed(tmp_path: Path) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    other = Mix()
    other.digest = "of newer weights"
    convert_segment(source, parts[2], work, 2, other)
    with pytest.raises(EngineError, match="weights") as caught:
        join(parts, source, tmp_path / "out.mp4", work)
    assert caught.value.code == "weights_differ"


def test_another_source_is_refused(tmp_path: Path) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    other = tmp_path / "other.mp4"
    for code in ("unreadable", "source_changed"):
        for attempt in (
            lambda: convert_segment(other, tmp_path / "part", work, 0, Mix()),
            lambda: join(parts, other, tmp_path / "out.mp4", work),
        ):
            with pytest.raises(EngineError) as caught:
                attempt()
            assert caught.value.code == code
        other.write_bytes(source.read_bytes() + b"more")


def test_a_source_that_breaks_off_is_held_to_its_end_by_every_segment(tmp_path: Path) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(60), options={"g": "1"})
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        places = [(p.pos, p.size) for p in file.demux(video=0) if p.size]
    for position, size in places[20:]:
        assert position is not None
        content[position : position + size] = b"\xff" * size
    source.write_bytes(content)
    one = whole(tmp_path, source, SLOW, Mix())
    _, two = in_segments(tmp_path, source, SLOW, Mix())
    assert one.report["damaged"] > 0
    for made in (one, two):
        del made.report["damaged"]  # what fails depends on what was decoded before
    check_alike(one, two)


# Progress and stopping


def test_progress_counts_the_segment_and_then_the_joining(tmp_path: Path) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    seen: list[Progress] = []
    convert_segment(source, parts[1], work, 1, Mix(), on_progress=seen.append)
    frames = work.segments[1].frames
    assert [p.frames_done for p in seen] == list(range(1, frames + 1))
    assert {p.frames_total for p in seen} == {frames}
    seen.clear()
    join(parts, source, tmp_path / "out.mp4", work, on_progress=seen.append)
    assert [p.frames_done for p in seen] == list(range(work.frames))
    assert {(p.frames_total, p.stage) for p in seen} == {(work.frames, "joining")}


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    source = thirty(tmp_path / "in.mp4")
    work = plan(source, SLOW, frames_per_segment=SEGMENT)
    parts = make_parts(tmp_path, source, work, Mix())
    before = set(tmp_path.rglob("*"))
    with pytest.raises(Cancelled):
        convert_segment(source, tmp_path / "new", work, 1, Mix(), should_cancel=lambda: True)
    with pytest.raises(Cancelled):
        join(parts, source, tmp_path / "out.mp4", work, should_cancel=lambda: True)
    assert set(tmp_path.rglob("*")) == before
