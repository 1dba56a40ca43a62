"""A short run of the fuzzer on clips made here; `make fuzz` is the long one, on awkward files."""

from pathlib import Path

from django.test import Client

from accounts.models import User
from tests.engine import clips
from tests.fuzz import harness

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
