from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.timeline import Row, Timeline, frame_map, regularise, snap

RATES = [Fraction(r) for r in (24, 25, 30, 50, 60, 120, 240)] + [
    Fraction(24000, 1001),
    Fraction(30000, 1001),
    Fraction(60000, 1001),
]


def constant(count: int, rate: Fraction, start: Fraction = Fraction(0)) -> list[Fraction]:
    return [start + i / rate for i in range(count)]


def whole(
    timestamps: list[Fraction], step: Fraction, rate: Fraction, slowness: Fraction
) -> list[Row]:
    return frame_map(timestamps, timestamps[-1] + step, rate, slowness)


def kinds(rows: list[Row]) -> str:
    return "".join(row.kind[0] for row in rows)


@st.composite
def clips(draw: st.DrawFn) -> tuple[list[Fraction], Fraction]:
    """Timestamps and end of a clip: constant or variable rate, any start, one frame or more."""
    start = draw(st.fractions(-2, 100, max_denominator=90_000))
    if draw(st.booleans()):
        rate = draw(st.sampled_from(RATES))
        times = constant(draw(st.integers(1, 40)), rate, start)
        return times, times[-1] + 1 / rate
    steps = draw(st.lists(st.integers(1, 9000), min_size=1, max_size=40))
    times = [start]
    for step in steps:
        times.append(times[-1] + Fraction(step, 90_000))
    return times[:-1], times[-1]


slownesses = st.one_of(
    st.sampled_from([Fraction(s) for s in (1, 2, 4, 8)]),
    st.fractions(1, 10, max_denominator=12),
)
rates = st.one_of(st.sampled_from(RATES), st.fractions(1, 240, max_denominator=1001))


@given(clip=clips(), rate=rates, slowness=slownesses, data=st.data())
def test_any_clip_and_mode_gives_a_sorted_map_of_the_right_length(
    clip: tuple[list[Fraction], Fraction], rate: Fraction, slowness: Fraction, data: st.DataObject
) -> None:
    times, end = clip
    marks = st.frozensets(st.integers(1, len(times)), max_size=5)
    cuts, repeats = data.draw(marks), data.draw(marks)
    rows = frame_map(times, end, rate, slowness, cuts, repeats)

    assert [row.index for row in rows] == list(range(len(rows)))
    wanted = (end - times[0]) * slowness
    assert len(rows) == 1 or abs(len(rows) / rate - wanted) <= Fraction(1, 2) / rate
    for row in rows:
        assert row.source_time == times[0] + row.index / (rate * slowness)
        assert times[row.left] <= row.source_time
        assert 0 <= row.t < 1
        last = row.left == len(times) - 1
        if not last:
            assert row.source_time < times[row.left + 1]
            gap = times[row.left + 1] - times[row.left]
            assert times[row.left] + row.t * gap == row.source_time
        assert (row.kind == "recorded") == (row.source_time == times[row.left])
        if row.kind == "synthesised":
            assert not last
            assert row.left + 1 not in cuts | repeats
        assert row.shown < len(times)


@given(clip=clips(), rate=rates, slowness=slownesses)
def test_a_recorded_frame_on_the_output_grid_appears_at_its_own_time(
    clip: tuple[list[Fraction], Fraction], rate: Fraction, slowness: Fraction
) -> None:
    times, end = clip
    rows = frame_map(times, end, rate, slowness)
    for index, time in enumerate(times):
        k = (time - times[0]) * rate * slowness
        if k.denominator == 1 and k < len(rows):
            row = rows[int(k)]
            assert (row.kind, row.left, row.t, row.shown) == ("recorded", index, 0, index)


def test_eight_times_slower_puts_seven_new_frames_in_each_pair_and_holds_the_last() -> None:
    rows = whole(constant(3, Fraction(30)), Fraction(1, 30), Fraction(30), Fraction(8))
    assert kinds(rows) == "r" + "s" * 7 + "r" + "s" * 7 + "r" + "h" * 7
    assert [row.t for row in rows[:8]] == [Fraction(i, 8) for i in range(8)]


def test_film_to_60_keeps_every_second_recorded_frame_and_the_duration() -> None:
    rows = whole(constant(24, Fraction(24)), Fraction(1, 24), Fraction(60), Fraction(1))
    assert len(rows) == 60
    recorded = [row for row in rows if row.kind == "recorded"]
    assert [row.left for row in recorded] == list(range(0, 24, 2))
    assert [row.t for row in rows[:5]] == [
        0,
        Fraction(2, 5),
        Fraction(4, 5),
        Fraction(1, 5),
        Fraction(3, 5),
    ]


def test_an_hour_of_ntsc_film_to_60_does_not_drift() -> None:
    rate = Fraction(24000, 1001)
    count = 86_313
    timeline = Timeline(Fraction(60), Fraction(1), Fraction(0))
    total = timeline.total(count / rate)
    assert abs(total / Fraction(60) - count / rate) <= Fraction(1, 120)
    assert total == 215_998


def test_240_recorded_frames_a_second_played_at_60_are_all_recorded() -> None:
    rows = whole(constant(12, Fraction(240)), Fraction(1, 240), Fraction(60), Fraction(4))
    assert kinds(rows) == "r" * 12


def test_a_lower_output_rate_picks_recorded_frames() -> None:
    rows = whole(constant(10, Fraction(60)), Fraction(1, 60), Fraction(30), Fraction(1))
    assert [row.left for row in rows] == [0, 2, 4, 6, 8]


def test_variable_rate_synthesises_by_each_pairs_own_gap() -> None:
    times = [Fraction(0), Fraction(1, 30), Fraction(1, 10), Fraction(2, 15)]
    rows = frame_map(times, Fraction(1, 6), Fraction(60), Fraction(1))
    assert kinds(rows) == "rsrsssrsrh"
    assert [row.t for row in rows[2:6]] == [Fraction(i, 4) for i in range(4)]


def test_a_single_frame_is_held_for_its_duration() -> None:
    rows = frame_map([Fraction(5)], Fraction(5) + Fraction(1, 25), Fraction(50), Fraction(2))
    assert kinds(rows) == "rhhh"
    assert {row.shown for row in rows} == {0}


def test_a_frame_without_duration_still_gives_one_frame() -> None:
    assert kinds(frame_map([Fraction(0)], Fraction(0), Fraction(30), Fraction(1))) == "r"


def test_two_frames_have_one_pair() -> None:
    assert kinds(whole(constant(2, Fraction(25)), Fraction(1, 25), Fraction(25), Fraction(4))) == (
        "rsssrhhh"
    )


def test_a_start_offset_changes_source_times_and_nothing_else() -> None:
    offset = Fraction(1001, 24000)
    plain = whole(constant(5, Fraction(24)), Fraction(1, 24), Fraction(60), Fraction(2))
    moved = whole(constant(5, Fraction(24), offset), Fraction(1, 24), Fraction(60), Fraction(2))
    assert [row.source_time - offset for row in moved] == [row.source_time for row in plain]
    assert [(r.left, r.t, r.kind) for r in moved] == [(r.left, r.t, r.kind) for r in plain]


def test_a_trim_that_ends_between_frames_ends_there() -> None:
    rows = frame_map(constant(4, Fraction(30)), Fraction(11, 100), Fraction(30), Fraction(8))
    assert len(rows) == 26
    assert kinds(rows)[-2:] == "rh"


def test_across_a_cut_the_nearer_frame_is_held() -> None:
    times = constant(3, Fraction(30))
    rows = frame_map(times, Fraction(1, 10), Fraction(30), Fraction(4), cuts={1})
    assert kinds(rows) == "rhhhrsssrhhh"
    assert [row.shown for row in rows[:5]] == [0, 0, 1, 1, 1]


def test_a_repeated_frame_is_held() -> None:
    times = constant(3, Fraction(30))
    rows = frame_map(times, Fraction(1, 10), Fraction(30), Fraction(2), repeats={2})
    assert kinds(rows) == "rsrhrh"


@given(
    rate=st.sampled_from(RATES),
    start=st.fractions(0, 10, max_denominator=48_000),
    count=st.integers(1, 400),
)
def test_times_rounded_to_milliseconds_return_to_their_grid(
    rate: Fraction, start: Fraction, count: int
) -> None:
    tick = Fraction(1, 1000)
    times = constant(count, rate, start)
    rounded = [round(time / tick) * tick for time in times]
    grid = regularise(rounded, tick, rate)
    assert grid == constant(count, rate, rounded[0])
    assert grid == [snap(t, start=rounded[0], rate=rate, time_base=tick) for t in rounded]


@pytest.mark.parametrize("times", [[], [Fraction(0), Fraction(1, 30), Fraction(1, 12)]])
def test_times_off_the_grid_stay_as_they_are(times: list[Fraction]) -> None:
    assert regularise(times, Fraction(1, 1000), Fraction(30)) == times


def test_a_dropped_frame_leaves_a_gap_on_the_grid() -> None:
    times = [Fraction(0), Fraction(33, 1000), Fraction(100, 1000)]
    assert regularise(times, Fraction(1, 1000), Fraction(30)) == [
        Fraction(0),
        Fraction(1, 30),
        Fraction(1, 10),
    ]
