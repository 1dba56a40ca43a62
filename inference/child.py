"""The worker's long-lived child: the only process that loads the model.

The parent stays small and free of torch, so it can always answer, beat and kill. Parent and child
talk over a pipe. An attempt goes one way; a sign of life now and then comes back, `Divided` if the
conversion is long, and in the end the `Outcome`. Anything else that reaches the child while it
works means "stop", even the end of the pipe when the parent is gone.
"""

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from inference import limits
from inference.processes import die_with_parent, kill_group

if TYPE_CHECKING:
    from inference.attempts import Attempt
    from inference.segments import SegmentAttempt
    from inference.trouble import Trouble

_STOP = "stop"
_ALIVE = "alive"
ALIVE_SECONDS = 1.0

# How a child ends itself when it ran out of memory: what it holds is best let go of entirely.
_OUT_OF_MEMORY_EXIT = 77


@dataclass(frozen=True)
class Divided:
    """The conversion is laid out in so many segments, which others may help with."""

    segments: int


@dataclass(frozen=True)
class Outcome:
    """The attempt is over: settled in the row, or in `trouble` that another may not have."""

    trouble: "Trouble | None"


class ChildDied(Exception):
    """The child ended in the middle of its work.

    Attributes:
        for_memory: whether it gave up for lack of memory, or the kernel killed it, or something
            at its time, for that.
    """

    def __init__(self, exit_code: int | None, *, for_memory: bool) -> None:
        super().__init__(f"exit code {exit_code}")
        self.for_memory = for_memory


class Child:
    """The parent's end. Starting one starts the process, which then loads the model."""

    def __init__(self) -> None:
        # spawn: a fork would copy the parent's threads' locks in whatever state they are.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        self._oom_kills = 0
        self._heard_at = time.monotonic()
        self.busy = False
        self.trouble: Trouble | None = None
        self.segments = 1

    @property
    def pid(self) -> int:
        """Its process id, and that of its process group."""
        assert self._process.pid is not None
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can still take work."""
        return self._process.is_alive()

    def begin(self, attempt: "Attempt | SegmentAttempt") -> None:
        """Hands over an attempt. Raises ChildDied."""
        self.busy = True
        self.trouble = None
        self.segments = 1
        self._oom_kills = _oom_kills()
        self._heard_at = time.monotonic()
        try:
            self._connection.send(attempt)
        except OSError:
            raise self._death() from None

    def finished(self, within: float) -> bool:
        """Waits up to `within` seconds for the end of the attempt, which may be in `trouble`.

        Raises ChildDied.
        """
        try:
            while self._connection.poll(within):
                message = self._connection.recv()
                self._heard_at = time.monotonic()
                if isinstance(message, Divided):
                    self.segments = message.segments
                if isinstance(message, Outcome):
                    self.busy = False
                    self.trouble = message.trouble
                    break
                within = 0.0
        except (EOFError, OSError):
            raise self._death() from None
        if self.busy and limits.exceeds_memory(self.pid):
            self.kill()
            raise ChildDied(None, for_memory=True)
        return not self.busy

    def silent_seconds(self) -> float:
        """How long it has shown no progress."""
        return time.monotonic() - self._heard_at

    def stop(self) -> None:
        """Asks it to stop after the frames it is at."""
        with suppress(OSError):
            self._connection.send(_STOP)

    def kill(self) -> None:
        """Ends it, and whatever it started, at once."""
        kill_group(self.pid)
        self._process.join()
        self._connection.close()
        self.busy = False

    def _death(self) -> ChildDied:
        self._process.join(1)
        exit_code = self._process.exitcode
        for_memory = exit_code == _OUT_OF_MEMORY_EXIT or (
            exit_code == -signal.SIGKILL and _oom_kills() > self._oom_kills
        )
        self.kill()
        return ChildDied(exit_code, for_memory=for_memory)


def _oom_kills() -> int:
    """How many processes the kernel has killed for lack of memory; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _serve(connection: Connection, parent: int) -> None:
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    if os.getppid() != parent:
        return
    limits.take_on()

    import django

    django.setup()

    from inference import runner

    runner.warm_up()
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if message == _STOP:  # it came when the attempt was already over
            continue
        try:
            trouble = runner.run(
                message,
                should_stop=_Ear(connection),
                announce=lambda segments: connection.send(Divided(segments)),
            )
        except MemoryError:
            sys.exit(_OUT_OF_MEMORY_EXIT)
        connection.send(Outcome(trouble))


class _Ear:
    """Asked between frames whether to stop; being asked is a sign of life, which it passes on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + ALIVE_SECONDS
            with suppress(OSError):  # the parent is gone, which counts as a stop
                self._connection.send(_ALIVE)
        return self._connection.poll()
