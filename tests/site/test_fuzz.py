"""A short run of the fuzzer on clips made here; `make fuzz` is the long one, on awkward files."""

import os
import signal
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from tests.engine import clips
from tests.fuzz import harness
from tests.fuzz.conversion import CONVERTED, DIED, HUNG, Converter
from videos import services

CASES = 24


def test_damaged_videos_end_accepted_or_refused_with_a_reason(member: User, tmp_path: Path) -> None:
    made = [
        clips.moving(tmp_path / "a.mp4", frames=6),
        clips.variable_rate(tmp_path / "b.mov", frames=6),
        clips.odd_size(tmp_path / "c.webm", frames=4),
        clips.ten_bit(tmp_path / "d.mkv", frames=3),
        clips.render(tmp_path / "e.avi", clips.pan(6), codec="mpeg4", options={}),
        clips.moving(tmp_path / "f.ts", frames=6),
    ]
    files = [path.read_bytes() for path in made]
    client = Client(raise_request_exception=False)
    client.force_login(member)
    tally = harness.run(client, files, range(CASES), seed=2, keep=tmp_path)
    assert tally.failures == []
    assert tally.deaths == []
    # Else the damage would be too little or too much to tell anything.
    assert sum(tally.uploads.values()) == CASES
    assert tally.uploads["accepted"] > CASES / 5
    assert tally.uploads["accepted"] < CASES - CASES / 5
    assert tally.conversions["converted"] > 0


def test_the_same_seed_makes_the_same_damage() -> None:
    files = [bytes(range(256)) * 16, b"ftyp" * 1000]
    first = [harness.case(files, 1, number) for number in range(50)]
    assert first == [harness.case(files, 1, number) for number in range(50)]
    assert first != [harness.case(files, 2, number) for number in range(50)]
    assert len({*first, *files}) > 45


def test_an_error_that_nobody_expected_is_a_failure(
    member: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: Path) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(services, "probe", stumble)
    client = Client(raise_request_exception=False)
    client.force_login(member)
    tally = harness.run(client, [b"bytes" * 100], range(1), seed=1, keep=tmp_path)
    assert [failure[:6] for failure in tally.failures] == ["0: 500"]
    assert (tmp_path / "1-0.bin").exists()


def test_a_child_that_hangs_or_dies_is_noticed_and_replaced(tmp_path: Path) -> None:
    clip = clips.moving(tmp_path / "clip.mp4", frames=3)
    converter = Converter(deadline=0)
    assert converter.outcome(clip) == HUNG
    converter.deadline = 120
    assert converter.outcome(tmp_path / "none.mp4") == "unreadable"
    child = converter.pid
    assert child is not None
    os.kill(child, signal.SIGSEGV)
    assert converter.outcome(clip) == f"{DIED}: -11"
    assert converter.outcome(clip) == CONVERTED
    converter.close()
