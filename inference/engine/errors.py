"""What the engine refuses, and why: every error has a stable code and a sentence for a person."""

import errno
from typing import Any

# What the system says where there is no room, or no more than a limit allows.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class EngineError(Exception):
    """An engine operation could not be done.

    Args:
        code: stable slug, for programs (`too_long`).
        message: a sentence for a person, naming the limit or the fix.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["EngineError"], tuple[Any, ...]]:
        """Errors cross process borders; the default would lose the second argument."""
        return type(self), (self.code, self.message)


class MediaRefused(EngineError):
    """The file is not a video this product can work with."""


class WeightsRefused(EngineError):
    """The file does not hold weights of the expected network."""


class SettingsRefused(EngineError):
    """The conversion asked for does not fit the video or the formats."""


class Cancelled(EngineError):
    """The caller asked the conversion to stop."""

    def __init__(self, code: str = "cancelled", message: str = "Stopped on request.") -> None:
        super().__init__(code, message)


class OutOfMemory(EngineError):
    """The frame does not fit the device's memory, even tiled."""


class DiskFull(EngineError):
    """There is no room for what is being written."""

    def __init__(
        self,
        code: str = "disk_full",
        message: str = "The disk is full: free some space, then start again.",
    ) -> None:
        super().__init__(code, message)


class PartDamaged(EngineError):
    """A segment of a conversion has to be made again.

    Attributes:
        index: which one, counted from 0.
    """

    def __init__(self, index: int) -> None:
        super().__init__(
            "part_damaged", f"Segment {index + 1} is missing or damaged and must be made again."
        )
        self.index = index

    def __reduce__(self) -> tuple[type[EngineError], tuple[Any, ...]]:
        return type(self), (self.index,)
