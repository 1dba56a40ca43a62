"""Carries a worker's progress into the row of what it has, and learns there when to stop."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connections
from django.db.models import F

from inference.attempts import Attempt
from inference.engine.errors import Cancelled
from inference.engine.pipeline import Progress
from inference.segments import SegmentAttempt

# Progress reaches the row at most this often: every write locks the whole of an SQLite database.
PROGRESS_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Beat:
    """Heartbeats with progress, for an attempt at a conversion or at one of its segments."""

    def __init__(self, attempt: Attempt | SegmentAttempt, should_stop: Callable[[], bool]) -> None:
        self._attempt = attempt
        self._asked_to_stop = should_stop
        self._lost = False
        self._next = time.monotonic()

    def should_stop(self) -> bool:
        """Asked for, or the row is no longer this attempt's."""
        return self._lost or self._asked_to_stop()

    def due(self) -> bool:
        """Whether it is time for another write; says so once."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PROGRESS_SECONDS
        return True

    def write(self, **progress: Any) -> None:
        """Writes progress columns; a database that is away only loses them."""
        try:
            self._lost = not self._attempt.heartbeat(**progress)
        except DatabaseError:
            logger.warning("Progress could not be written", exc_info=True)
            connections.close_all()


class Reporter(Beat):
    """The progress of a conversion, of all its stages."""

    def __call__(self, progress: Progress) -> None:
        if self.due():
            self.write(
                stage=progress.stage,
                frames_done=progress.frames_done,
                frames_total=progress.frames_total,
                frames_per_second=progress.new_frames_per_second,
                seconds_left=progress.seconds_left,
            )

    def stage(self, name: str) -> None:
        """Another kind of work has begun, which does not count frames."""
        self.write(stage=name, seconds_left=None, frames_done=F("frames_total"))

    def check(self) -> None:
        """Raises Cancelled where the attempt should stop."""
        if self.should_stop():
            raise Cancelled
