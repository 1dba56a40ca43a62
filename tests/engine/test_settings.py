"""What may be asked of a conversion, and what it will then make."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.errors import SettingsRefused
from inference.engine.settings import ConversionSettings, estimate, span
from inference.engine.timeline import frame_map
from inference.engine.video.frames import ColourTags
from inference.engine.video.probe import VideoInfo

SLOW = ConversionSettings(Fraction(30), Fraction(8))
RATES = [Fraction(r) for r in (24, 25, 30, 50, 60, 120, 240)] + [
    Fraction(24000, 1001),
    Fraction(30000, 1001),
    Fraction(60000, 1001),
]


def video(
    *, frames: int = 60, rate: Fraction = Fraction(30), start: Fraction = Fraction(0)
) -> VideoInfo:
    """A clip of constant rate, as the probe describes it."""
    return VideoInfo(
        container="mp4",
        codec="h264",
        pixel_format="yuv420p",
        bit_depth=8,
        width=96,
        height=64,
        rotation=0,
        mirrored=False,
        sample_aspect_ratio=Fraction(1),
        frame_rate=rate,
        variable_rate=False,
        on_grid=True,
        start=start,
        duration=frames / rate,
        frames=frames,
        interlaced=False,
        colour=ColourTags(),
        audio=None,
        size=1000,
    )


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"rate": Fraction(0)}, "bad_rate", "between 1 and 960"),
        ({"rate": Fraction(961)}, "bad_rate", "between 1 and 960"),
        ({"rate": Fraction(10**12 + 1, 10**11)}, "bad_rate", "30000/1001"),
        ({"rate": Fraction(241), "codec": "av1"}, "bad_rate", "240"),
        ({"slowness": Fraction(1, 2)}, "bad_slowness", "between 1 and 64"),
        ({"slowness": Fraction(65)}, "bad_slowness", "between 1 and 64"),
        ({"trim_in": Fraction(-1)}, "bad_trim", "2.00 s"),
        ({"trim_in": Fraction(2)}, "bad_trim", "2.00 s"),
        ({"trim_in": Fraction(1), "trim_out": Fraction(1)}, "bad_trim", "after the start"),
        ({"trim_out": Fraction(0)}, "bad_trim", "after the start"),
        ({"audio": "loud"}, "bad_audio", "auto, keep, stretch, drop"),
        ({"audio": "keep"}, "bad_audio", "stretch or drop"),
        ({"codec": "mpeg2"}, "bad_codec", "h264, hevc, av1, vp9"),
        ({"container": "avi"}, "encoder_refused", "mp4 or mov or mkv"),
        ({"codec": "vp9", "container": "mov"}, "encoder_refused", "webm or mp4 or mkv"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_limit_or_the_fix(
    change: dict[str, object], code: str, words: str
) -> None:
    with pytest.raises(SettingsRefused) as caught:
        replace(SLOW, **change).check(video())  # type: ignore[arg-type]
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.message.endswith(".")


def test_a_pixel_shape_that_the_container_cannot_say_is_refused() -> None:
    wide = replace(video(), sample_aspect_ratio=Fraction(4, 3))
    with pytest.raises(SettingsRefused, match="Choose MP4"):
        replace(SLOW, codec="vp9", container="webm").check(wide)


@pytest.mark.parametrize(
    "asked",
    [
        SLOW,
        ConversionSettings(Fraction(960), Fraction(1), audio="keep"),
        ConversionSettings(Fraction(1), Fraction(64), audio="stretch"),
        replace(SLOW, trim_in=Fraction(0), trim_out=Fraction(100)),
        replace(SLOW, rate=Fraction(30000, 1001), slowness=Fraction(5, 2)),
        replace(SLOW, codec="vp9", container="webm"),
    ],
)
def test_what_fits_passes(asked: ConversionSettings) -> None:
    asked.check(video())


def test_settings_go_through_json_and_back() -> None:
    full = ConversionSettings(
        rate=Fraction(30000, 1001),
        slowness=Fraction(5, 2),
        trim_in=Fraction(1, 3),
        trim_out=Fraction(3, 2),
        audio="drop",
        codec="av1",
        container="mkv",
    )
    for one in (SLOW, full):
        assert ConversionSettings.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize(
    ("audio", "slowness", "mode"),
    [
        ("auto", 1, "keep"),
        ("auto", 4, "stretch"),
        ("keep", 1, "keep"),
        ("stretch", 1, "keep"),
        ("stretch", 4, "stretch"),
        ("drop", 1, None),
    ],
)
def test_sound_is_stretched_where_the_picture_is_slower(
    audio: str, slowness: int, mode: str | None
) -> None:
    assert replace(SLOW, audio=audio, slowness=Fraction(slowness)).audio_mode == mode


def test_a_span_without_trim_is_the_whole_clip() -> None:
    info = video(start=Fraction(5))
    part = span(info, SLOW)
    assert (part.start, part.end) == (5, 7)


def test_a_span_starts_when_the_frame_then_shown_began_and_ends_within_the_clip() -> None:
    info = video(start=Fraction(5))
    part = span(info, replace(SLOW, trim_in=Fraction(1, 25), trim_out=Fraction(99)))
    assert (part.start, part.end) == (5 + Fraction(1, 30), 7)


def test_eight_times_slower_makes_seven_new_frames_in_each_pair() -> None:
    made = estimate(video(frames=10), SLOW)
    assert (made.frames, made.new_frames, made.duration) == (80, 63, Fraction(80, 30))


def test_film_to_60() -> None:
    made = estimate(
        video(frames=24, rate=Fraction(24)), ConversionSettings(Fraction(60), Fraction(1))
    )
    # 12 of the 24 frames meet the grid; after the last one, at 57.5, two are held.
    assert (made.frames, made.new_frames, made.duration) == (60, 46, 1)


@given(
    frames=st.integers(1, 60),
    rate=st.sampled_from(RATES),
    start=st.fractions(-2, 100, max_denominator=90_000),
    wanted=st.one_of(st.sampled_from(RATES), st.fractions(1, 240, max_denominator=100)),
    slowness=st.one_of(
        st.sampled_from([Fraction(s) for s in (1, 2, 4, 8)]),
        st.fractions(1, 10, max_denominator=12),
    ),
    data=st.data(),
)
def test_the_estimate_is_the_frame_map_of_any_constant_rate_and_trim(
    frames: int,
    rate: Fraction,
    start: Fraction,
    wanted: Fraction,
    slowness: Fraction,
    data: st.DataObject,
) -> None:
    info = video(frames=frames, rate=rate, start=start)
    points = st.one_of(st.none(), st.fractions(0, 1, max_denominator=1000))
    ends = [
        None if p is None else p * info.duration for p in (data.draw(points), data.draw(points))
    ]
    asked = ConversionSettings(wanted, slowness, *ends)
    try:
        asked.check(info)
    except SettingsRefused as refused:
        assert refused.code == "bad_trim"
        return

    part = span(info, asked)
    times = [start + i / rate for i in range(frames)]
    rows = frame_map([t for t in times if t >= part.start], part.end, wanted, slowness)
    made = estimate(info, asked)
    assert made.frames == len(rows)
    assert made.duration == len(rows) / wanted
    assert made.new_frames == sum(row.kind == "synthesised" for row in rows)


def test_settings_are_worked_with_without_loading_the_network() -> None:
    code = "import sys, inference.engine.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
