"""Sends damaged files through the site, one after another, and counts how they end."""

import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from django.core.files.storage import default_storage
from django.test import Client

from tests.fuzz.conversion import DIED, HUNG, UNNAMED, Converter
from tests.fuzz.mutations import mutate
from videos.models import Video

UPLOAD_DEADLINE = 90.0
"""Seconds: the probe's own limit, and room for a busy machine."""


@dataclass
class Tally:
    """How the cases ended.

    Attributes:
        uploads: by the code of the refusal, or `accepted`.
        conversions: of those accepted, likewise.
        failures: what must never happen, with the number of the case.
        deaths: cases over which only the conversion's child died.
        slowest: seconds of the slowest upload.
        peak: most memory of a conversion's child, bytes.
    """

    uploads: Counter[str] = field(default_factory=Counter)
    conversions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    slowest: float = 0.0
    peak: int = 0

    def __str__(self) -> str:
        def lines(counts: Counter[str]) -> str:
            return "".join(f"  {number:6} {code}\n" for code, number in counts.most_common())

        return (
            f"uploads\n{lines(self.uploads)}conversions of those accepted\n"
            f"{lines(self.conversions)}slowest upload {self.slowest:.1f} s, most memory of a "
            f"conversion {self.peak >> 20} MiB\n{len(self.deaths)} deaths of a conversion's child, "
            f"{len(self.failures)} failures"
        )


def case(files: Sequence[bytes], seed: int, number: int) -> bytes:
    """The damaged file of one case."""
    return mutate(files, Random(f"{seed}:{number}"))


def run(
    client: Client,
    files: Sequence[bytes],
    numbers: Iterable[int],
    *,
    seed: int,
    keep: Path | None = None,
) -> Tally:
    """Upload each case as the member signed in with `client`, and convert what is accepted.

    Args:
        client: one that answers with 500 as a browser sees it (`raise_request_exception=False`).
        keep: a folder for the files behind failures and deaths.
    """
    tally, converter = Tally(), Converter()
    try:
        for number in numbers:
            data = case(files, seed, number)
            before = len(tally.failures) + len(tally.deaths)
            _one(client, data, number, tally, converter)
            if keep is not None and len(tally.failures) + len(tally.deaths) > before:
                (keep / f"{seed}-{number}.bin").write_bytes(data)
    finally:
        converter.close()
    tally.peak = converter.peak
    return tally


def _one(client: Client, data: bytes, number: int, tally: Tally, converter: Converter) -> None:
    file = io.BytesIO(data)
    file.name = "clip.mp4"
    began = time.monotonic()
    answer = client.post("/api/v1/videos/", {"file": file})
    seconds = time.monotonic() - began
    tally.slowest = max(tally.slowest, seconds)
    if seconds > UPLOAD_DEADLINE:
        tally.failures.append(f"{number}: the upload took {seconds:.0f} s")
    try:
        body = answer.json()
        if answer.status_code != 201:
            error = body["error"]
            tally.uploads[error["code"]] += 1
            named = error["message"].endswith(".") and answer.status_code in (400, 422)
            if not named or (error["code"] == "validation_failed" and data):
                tally.failures.append(f"{number}: {answer.status_code} {error}")
            return
    except (KeyError, TypeError, json.JSONDecodeError):
        tally.failures.append(f"{number}: {answer.status_code} without a reason")
        return
    tally.uploads["accepted"] += 1
    video = Video.objects.get(pk=body["id"])
    outcome = converter.outcome(Path(default_storage.path(str(video.file.name))))
    tally.conversions[outcome.partition(":")[0]] += 1
    if outcome.startswith((HUNG, UNNAMED)):
        tally.failures.append(f"{number}: {outcome}")
    elif outcome.startswith(DIED):
        tally.deaths.append(f"{number}: {outcome}")
    page = client.get(f"/api/v1/videos/{video.pk}/")
    if page.status_code != 200:
        tally.failures.append(f"{number}: its details answer {page.status_code}")
    client.delete(f"/api/v1/videos/{video.pk}/")
