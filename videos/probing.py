"""Finds out what an uploaded file is, in a child process that may come to grief over it."""

import json
import logging
import re
import sys
import tempfile
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.conf import settings

from videos import sandbox
from videos.errors import UploadRefused
from videos.files import CONTENT_TYPES

logger = logging.getLogger(__name__)

REFUSED = 2
"""Exit status of the engine's probe when it says no, with the reason as JSON."""

AT_ONCE = 4
"""Probes in one web process: each may take what `sandbox.Limits` says; the next one waits."""

_LONGEST_ANSWER = 1 << 16  # characters
_LARGEST = 2**31 - 1  # what a database column holds

_RATIO = re.compile(r"\d{1,18}/\d{1,18}", re.ASCII)


_turns = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Probed:
    """A file that is a video: its facts (`VideoInfo.to_dict()`), checked, and its poster (JPEG)."""

    info: dict[str, Any]
    container: str
    duration: float
    width: int
    height: int
    frame_rate: Fraction
    frames: int
    poster: bytes


def probe(path: Path) -> Probed:
    """Probe the file at `path` and make its poster; no decoder runs in this process.

    Raises:
        UploadRefused: with the engine's own code and sentence, or `probe_timeout` or
            `probe_failed` where the child overran its limits or died.
    """
    with tempfile.TemporaryDirectory(prefix="slomo-probe-") as folder:
        poster = Path(folder) / "poster.jpg"
        source = path.absolute()
        command = [sys.executable, "-m", "inference.engine", "probe", str(source)]
        try:
            with _turns:
                child = sandbox.run(
                    [*command, "--poster", str(poster)],
                    cwd=settings.BASE_DIR,
                    reads=[source, settings.BASE_DIR / "inference"],
                    writes=[poster.parent],
                )
        except sandbox.OverrunError:
            raise UploadRefused(
                "probe_timeout",
                "Reading this file took more time than a proper video needs, so it was stopped. "
                "Export it again as an ordinary MP4 and try once more.",
            ) from None
        try:
            if len(child.output) > _LONGEST_ANSWER:
                raise ValueError("too long an answer")
            answer = json.loads(child.output)
            if child.returncode == REFUSED:
                raise UploadRefused(answer["error"]["code"], answer["error"]["message"])
            return _checked(answer, poster.read_bytes())
        except (ArithmeticError, KeyError, OSError, TypeError, ValueError):
            logger.warning("probe ended with %s: %s", child.returncode, child.errors[-2000:])
            raise UploadRefused(
                "probe_failed",
                "This file could not be read as a video; it may be damaged. "
                "Export it again as an ordinary MP4 and try once more.",
            ) from None


def _checked(info: dict[str, Any], poster: bytes) -> Probed:
    """The facts in our own types: what a child says that read a hostile file is a claim."""
    if info["container"] not in CONTENT_TYPES:
        raise ValueError(f"unknown container {info['container']!r}")
    return Probed(
        info=info,
        container=info["container"],
        duration=float(_ratio(info["duration"])),
        width=_count(info["width"]),
        height=_count(info["height"]),
        frame_rate=_ratio(info["frame_rate"]),
        frames=_count(info["frames"]),
        poster=poster,
    )


def _count(number: int) -> int:
    if not 0 < int(number) <= _LARGEST:
        raise ValueError(f"not a count: {number}")
    return int(number)


def _ratio(text: str) -> Fraction:
    # `Fraction` itself also reads "1e999999999", and would work on that for hours.
    if not _RATIO.fullmatch(text):
        raise ValueError(f"not a ratio: {text[:50]!r}")
    return Fraction(text)
