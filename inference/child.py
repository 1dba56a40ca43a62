"""The worker's long-lived child: the only process that loads the model.

The parent stays small and free of torch, so it can always answer, beat and kill. Parent and child
talk over a pipe: an attempt goes one way, `None` back when it is over. Anything else that reaches
the child while it works means "stop", even the end of the pipe when the parent is gone.
"""

import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from inference.processes import die_with_parent, kill_group

if TYPE_CHECKING:
    from inference.attempts import Attempt

_STOP = "stop"


class ChildDied(Exception):
    """The child ended in the middle of its work.

    Attributes:
        for_memory: whether the kernel killed it, or something at its time, for lack of memory.
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
        self.busy = False

    @property
    def pid(self) -> int:
        """Its process id, and that of its process group."""
        assert self._process.pid is not None
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can still take work."""
        return self._process.is_alive()

    def begin(self, attempt: "Attempt") -> None:
        """Hands over an attempt. Raises ChildDied."""
        self.busy = True
        self._oom_kills = _oom_kills()
        try:
            self._connection.send(attempt)
        except OSError:
            raise self._death() from None

    def finished(self, within: float) -> bool:
        """Waits up to `within` seconds for the end of the attempt. Raises ChildDied."""
        try:
            if self._connection.poll(within):
                self._connection.recv()
                self.busy = False
        except (EOFError, OSError):
            raise self._death() from None
        return not self.busy

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
        for_memory = exit_code == -signal.SIGKILL and _oom_kills() > self._oom_kills
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
        runner.run(message, should_stop=connection.poll)
        connection.send(None)
