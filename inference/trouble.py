"""Trouble of the site, not of the video, during a conversion: how it is noticed and told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference.engine.errors import FULL_DISK, DiskFull

# Seconds between heartbeats, and without one until an attempt counts as lost. Together with the
# reconciler's round a dead worker is noticed within half a minute.
HEARTBEAT_SECONDS = 3.0
LOST_AFTER_SECONDS = 20.0

MAX_LOSSES = 2  # attempts lost before the next one is the last


@dataclass(frozen=True)
class Trouble:
    """What ended an attempt through no fault of the video, so that another may go well."""

    code: str
    message: str


WORKER_LOST = Trouble(
    "worker_lost",
    "The conversion was interrupted several times: the process that worked on it ended "
    "unexpectedly. Start it again; if that repeats, please tell whoever runs this site.",
)
STALLED = Trouble(
    "stalled",
    "The conversion stopped making progress several times. Try a shorter part of the video; if "
    "that does not help, please tell whoever runs this site.",
)
STORAGE_AWAY = Trouble(
    "storage_away",
    "The result could not be stored. Start the conversion again later; if that repeats, please "
    "tell whoever runs this site.",
)
DATABASE_AWAY = Trouble(
    "database_away",
    "The site could not reach its database for too long. Start the conversion again later.",
)
OUT_OF_MEMORY = Trouble(
    "out_of_memory",
    "The machine ran out of memory during the conversion, even with the smallest batches and "
    "tiles. Try a smaller clip.",
)


class NotStored(Exception):
    """The storage did not take a file, or did not give one."""


@contextmanager
def storage() -> Iterator[None]:
    """Tells the storage's trouble, of whichever kind it is, from the conversion's.

    Raises:
        DiskFull: there is no room.
        NotStored: anything else.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise DiskFull from error
        raise NotStored from error
