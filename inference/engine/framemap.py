"""The frame map as files: JSON for programs and the player, WebVTT for any other player.

JSON: one object; its `rows` come last, one row a line, so that both writing and reading are a
stream. Times are exact fractions of a second, as strings ("1001/30000").
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from .timeline import Row

_ROWS = '"rows": ['


def row_to_dict(row: Row) -> dict[str, Any]:
    """A row as JSON-safe values; `shown` is the recorded frame seen, None where synthesised."""
    return {
        "frame": row.index,
        "source_time": str(row.source_time),
        "left": row.left,
        "t": str(row.t),
        "kind": row.kind,
        "shown": None if row.kind == "synthesised" else row.shown,
        "confidence": None if row.confidence is None else round(row.confidence, 4),
    }


def row_from_dict(data: Mapping[str, Any]) -> Row:
    """The row that `row_to_dict` wrote."""
    return Row(
        data["frame"],
        Fraction(data["source_time"]),
        data["left"],
        Fraction(data["t"]),
        data["kind"],
        data["confidence"],
    )


class FrameMapWriter:
    """Writes the JSON frame map row by row.

    Args:
        path: the file to write.
        head: JSON-safe facts placed before the rows; must hold `rate` ("30" or "30000/1001").
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self._file = path.open("w", encoding="utf-8")
        opening = json.dumps(dict(head))[:-1]
        self._file.write(f"{opening}, {_ROWS}")
        self._separator = "\n"

    def write(self, row: Row) -> None:
        """Append one row."""
        self._file.write(self._separator + json.dumps(row_to_dict(row)))
        self._separator = ",\n"

    def close(self) -> None:
        """End the document and the file."""
        self._file.write("\n]}\n")
        self._file.close()

    def __enter__(self) -> "FrameMapWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextlib.contextmanager
def writing(path: Path | None, head: Mapping[str, Any]) -> Iterator[Callable[[Row], None]]:
    """A function that takes the rows of a frame map, and writes them where there is a path."""
    if path is None:
        yield lambda row: None
        return
    with FrameMapWriter(path, head) as writer:
        yield writer.write


def read_head(path: Path) -> dict[str, Any]:
    """The facts before the rows: rate, slowness, source."""
    with path.open(encoding="utf-8") as file:
        head: dict[str, Any] = json.loads(file.readline().rstrip() + "]}")
    del head["rows"]
    return head


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON frame map, one at a time."""
    with path.open(encoding="utf-8") as file:
        next(file)
        for line in file:
            if line.startswith("{"):
                yield row_from_dict(json.loads(line.rstrip().removesuffix(",")))


def webvtt(rows: Iterable[Row], rate: Fraction) -> Iterator[str]:
    """The frame map as WebVTT text: one cue for each run of equal kind, in pieces.

    Runs keep the file small (a cue a frame would make players crawl); the JSON has every frame.
    """
    yield "WEBVTT\n"
    run: Row | None = None
    last: Row | None = None
    for row in rows:
        if run is not None and last is not None and row.kind != run.kind:
            yield _cue(run, last, rate)
            run = None
        run, last = run or row, row
    if run is not None and last is not None:
        yield _cue(run, last, rate)


def _cue(first: Row, last: Row, rate: Fraction) -> str:
    begin, end = _clock(first.index / rate), _clock((last.index + 1) / rate)
    source = f"source {float(first.source_time):.4f} s"
    if last is not first:
        source += f" to {float(last.source_time):.4f} s"
    return f"\n{begin} --> {end}\n{first.kind.upper()} {source}\n"


def _clock(seconds: Fraction) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
