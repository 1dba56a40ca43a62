"""What becomes of an upload when the child that probes it misbehaves."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from videos import probing, sandbox
from videos.errors import UploadRefused
from videos.sandbox import Finished

FACTS = {
    "container": "mp4",
    "duration": "2/5",
    "width": 96,
    "height": 64,
    "frame_rate": "30/1",
    "frames": 12,
}


def _child(monkeypatch: pytest.MonkeyPatch, *, ends: Finished | Exception) -> None:
    """Make the child end as told, after it has written a poster."""

    def run(command: list[str], **_: Any) -> Finished:
        Path(command[-1]).write_bytes(b"a picture")
        if isinstance(ends, Exception):
            raise ends
        return ends

    monkeypatch.setattr(sandbox, "run", run)


def test_the_facts_of_a_child_that_ends_well_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    _child(monkeypatch, ends=Finished(0, json.dumps(FACTS), ""))
    probed = probing.probe(Path("clip"))
    assert (probed.container, probed.duration, probed.poster) == ("mp4", 0.4, b"a picture")


def test_a_child_killed_over_the_file_means_a_refusal_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _child(monkeypatch, ends=sandbox.OverrunError())
    with pytest.raises(UploadRefused, match="stopped") as refusal:
        probing.probe(Path("clip"))
    assert refusal.value.code == "probe_timeout"


@pytest.mark.parametrize(
    "ends",
    [
        Finished(-signal.SIGSEGV, "", ""),
        Finished(1, "", "MemoryError"),
        Finished(0, "not JSON", ""),
        Finished(0, "[]", ""),
        Finished(0, json.dumps({**FACTS, "container": "../../html"}), ""),
        Finished(0, json.dumps({**FACTS, "frame_rate": "1/0"}), ""),
        Finished(0, json.dumps({**FACTS, "duration": "1e999999999"}), ""),
        Finished(0, json.dumps({**FACTS, "width": None}), ""),
        Finished(0, json.dumps({**FACTS, "height": -1}), ""),
        Finished(0, json.dumps({**FACTS, "frames": 10**30}), ""),
        Finished(0, json.dumps({**FACTS, "codec": "x" * 100_000}), ""),
        Finished(probing.REFUSED, "usage: …", ""),
        Finished(probing.REFUSED, '{"error": "no"}', ""),
    ],
)
def test_a_child_that_dies_or_lies_means_a_refusal_and_no_error_page(
    monkeypatch: pytest.MonkeyPatch, ends: Finished
) -> None:
    _child(monkeypatch, ends=ends)
    with pytest.raises(UploadRefused, match="could not be read as a video") as refusal:
        probing.probe(Path("clip"))
    assert refusal.value.code == "probe_failed"


def test_only_a_few_uploads_are_probed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    most = 0

    def run(command: list[str], **_: Any) -> Finished:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        time.sleep(0.05)
        running.pop()
        Path(command[-1]).write_bytes(b"a picture")
        return Finished(0, json.dumps(FACTS), "")

    monkeypatch.setattr(sandbox, "run", run)
    with ThreadPoolExecutor(3 * probing.AT_ONCE) as pool:
        probed = list(pool.map(probing.probe, 3 * probing.AT_ONCE * [Path("clip")]))
    assert len(probed) == 3 * probing.AT_ONCE
    assert most == probing.AT_ONCE
