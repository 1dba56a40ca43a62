"""Files that appear complete or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from inference.engine.errors import FULL_DISK, DiskFull, EngineError


@contextlib.contextmanager
def published(*finals: Path) -> Iterator[list[Path]]:
    """Temporary paths to write to; they take their final names, in order, if the block succeeds.

    Raises:
        EngineError: `disk_full` or `unwritable`, for an OSError in the block.
    """
    # Beside the final names: renaming is only atomic within a file system.
    partials = [final.with_name(f".{final.name}.partial") for final in finals]
    try:
        for partial in partials:
            partial.touch()  # a folder that cannot be written to is told here, and told as such
        yield partials
        for partial, final in zip(partials, finals, strict=True):
            _publish(partial, final)
    except OSError as error:
        if error.errno in FULL_DISK:
            raise DiskFull from error
        raise EngineError(
            "unwritable", f"The result could not be written ({error.strerror or error})."
        ) from error
    finally:
        for leftover in partials:
            leftover.unlink(missing_ok=True)


def _publish(written: Path, final: Path) -> None:
    """Make sure the bytes are on the disk before the name says so."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(final)
