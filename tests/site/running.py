"""The whole site as its own processes, for tests that use it from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.conftest import CHECKOUT


@dataclass
class Site:
    """A running command and what it has said so far."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def hears(self, words: str) -> str:
        """Reads on to the line with `words`; at the end of output it fails."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it never said {words!r}: {''.join(self.said)}")

    def family(self) -> list[psutil.Process]:
        """Every process it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def of(self, words: str) -> psutil.Process:
        """The oldest process whose command line has `words`."""
        found = [one for one in self.family() if words in command_line(one)]
        return min(found, key=psutil.Process.create_time)


@contextmanager
def manage(data_dir: Path, *command: str, **environment: str) -> Iterator[Site]:
    """Runs a command of `manage.py` that starts the site, which keeps everything in `data_dir`.

    Where `environment` names no database and no queue, these are the embedded ones.
    """
    inherited = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "DATABASE_URL")}
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=CHECKOUT,
        env=inherited | {"SLOMO_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    site = Site(process)
    try:
        yield site
    finally:
        family = site.family() if process.poll() is None else []
        process.kill()
        process.wait()
    assert gone(family)


def serve(data_dir: Path) -> AbstractContextManager[Site]:
    """`manage.py serve` on a free port."""
    return manage(data_dir, "serve", "--port", "0")


def address_of(line: str) -> str:
    return next(word for word in line.split() if word.startswith("http"))


def command_line(process: psutil.Process) -> str:
    """Its command line; nothing where it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def gone(processes: list[psutil.Process], *, within: float = 60.0) -> bool:
    """Whether they end; a zombie that nobody has reaped yet has."""
    deadline = time.monotonic() + within
    while any(map(_lives, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
