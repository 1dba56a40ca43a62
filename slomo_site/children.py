"""Child processes that are started again when they die."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.processes import die_with_parent, kill_group

STOP_SECONDS = 5.0  # to end by itself when asked to
LONGEST_PAUSE = 30.0  # seconds between two starts of a child that keeps dying
STEADY_SECONDS = 60  # a child that lived this long starts again without delay


@dataclass
class Child:
    """A command to be kept running.

    Each leads a session and process group of its own, so that a Ctrl-C in the terminal reaches
    only the parent, and gets a SIGTERM from the kernel when the thread that started it ends.

    Attributes:
        name: for people, and of its log file.
        log: file that its output is appended to.
        folder: where it runs.
        pass_fds: file descriptors it inherits.
        failures: how often it has died lately.
    """

    name: str
    command: list[str]
    log: Path
    folder: Path
    pass_fds: tuple[int, ...] = ()
    failures: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    _started: float = 0.0
    _start_at: float = field(default_factory=time.monotonic)

    def start(self) -> "subprocess.Popen[bytes]":
        """Starts it now."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self.pass_fds,
                start_new_session=True,
                preexec_fn=_follow_parent,
            )
        self._started = time.monotonic()
        return self.process

    def keep(self, say: Callable[[str], None]) -> None:
        """Starts it if it does not run and its time has come; tells `say` when it has died."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                self.start()
        elif (code := self.process.poll()) is not None:
            kill_group(self.process.pid)  # what it may have left behind
            self.process = None
            self.failures = 1 if now - self._started > STEADY_SECONDS else self.failures + 1
            pause = min(LONGEST_PAUSE, 2.0 ** (self.failures - 1) - 1)
            self._start_at = now + pause
            when = f" in {pause:.0f} s" if pause else ""
            say(f"{self.name} ended (exit code {code}) and starts again{when}. See {self.log}.")


def end(children: Sequence[Child]) -> None:
    """Asks all to end, waits a while, and kills what is left of them."""
    processes = [child.process for child in children if child.process is not None]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        kill_group(process.pid)
        process.wait()


def _follow_parent() -> None:
    die_with_parent(signal.SIGTERM)
