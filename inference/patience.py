"""Waits for a database that is away for a moment: restarted, failing over, locked by a backup."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, connections

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0

T = TypeVar("T")


def patiently(work: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Does `work`, again and again while the database is away, for up to `seconds`.

    For work that may be repeated: a commit whose answer was lost is done again. Inside a
    transaction nothing can be repeated, and the first error is raised.

    Raises:
        OperationalError, InterfaceError: it stayed away.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() >= deadline:
                raise
        connections.close_all()
        time.sleep(PAUSE_SECONDS)
