import json
from fractions import Fraction
from pathlib import Path

from inference.engine.framemap import FrameMapWriter, read_head, read_rows, webvtt
from inference.engine.timeline import Row, frame_map


def sample() -> list[Row]:
    times = [Fraction(i * 1001, 30000) for i in range(3)]
    rows = frame_map(times, Fraction(3003, 30000), Fraction(30000, 1001), Fraction(2), cuts={2})
    rows[1] = Row(rows[1].index, rows[1].source_time, 0, rows[1].t, "synthesised", 0.875)
    return rows


def test_a_written_map_reads_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    with FrameMapWriter(path, {"rate": "30000/1001", "slowness": "2"}) as writer:
        for row in sample():
            writer.write(row)
    assert list(read_rows(path)) == sample()
    assert read_head(path) == {"rate": "30000/1001", "slowness": "2"}


def test_the_map_is_one_plain_json_document(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    with FrameMapWriter(path, {"rate": "30000/1001"}) as writer:
        for row in sample():
            writer.write(row)
    document = json.loads(path.read_text())
    assert [row["kind"] for row in document["rows"]] == [row.kind for row in sample()]
    assert document["rows"][1] == {
        "frame": 1,
        "source_time": "1001/60000",
        "left": 0,
        "t": "1/2",
        "kind": "synthesised",
        "shown": None,
        "confidence": 0.875,
    }


def test_a_map_without_rows_is_still_a_document(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    FrameMapWriter(path, {"rate": "30"}).close()
    assert json.loads(path.read_text()) == {"rate": "30", "rows": []}
    assert list(read_rows(path)) == []
    assert read_head(path) == {"rate": "30"}


def test_webvtt_has_one_cue_for_each_run_of_a_kind() -> None:
    text = "".join(webvtt(sample(), Fraction(30000, 1001)))
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.033\nRECORDED source 0.0000 s\n")
    assert text.count("-->") == 6
    assert "00:00:00.100 --> 00:00:00.133\nHELD source 0.0500 s\n" in text


def test_webvtt_of_no_rows_is_an_empty_file_of_its_kind() -> None:
    assert "".join(webvtt([], Fraction(30))) == "WEBVTT\n"
