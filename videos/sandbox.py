"""Runs a command that reads a hostile file, with limits it cannot lift.

The parent starts this very file as a script in a new process group; it lowers its own limits
and then becomes the command. (Setting them between fork and exec instead would run Python code
in the forked child of a threaded server, which may deadlock.) As a script it imports only the
standard library.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# What the child sees of the environment: no secret, no address; few threads and memory arenas,
# whose reserved address space would count against the limit.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


@dataclass(frozen=True)
class Limits:
    """What the child may use: seconds on the clock and of CPU, bytes, file descriptors."""

    seconds: int = 60
    cpu_seconds: int = 60
    address_space: int = 4 << 30
    file_size: int = 16 << 20
    open_files: int = 64


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Finished:
    """How the child ended: `returncode` as in `subprocess`, and the ends of what it wrote."""

    returncode: int
    output: str
    errors: str


class OverrunError(Exception):
    """The child used up its time (or the machine's memory) and was killed, with its children."""


def run(command: list[str], *, cwd: Path, limits: Limits = DEFAULT_LIMITS) -> Finished:
    """Run `command` within `limits`.

    Its output goes to files, so that the limit on file size bounds what the parent reads.

    Raises:
        OverrunError: it took longer than `limits.seconds`, or more CPU time than allowed.
    """
    numbers = (limits.cpu_seconds, limits.address_space, limits.file_size, limits.open_files)
    launcher = [sys.executable, "-I", "-S", __file__, *map(str, numbers), *command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            launcher,
            cwd=cwd,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            returncode = child.wait(timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise OverrunError from None
        finally:
            # The group outlives its leader where that started others, so it goes in any case.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise OverrunError
        output.seek(0)
        errors.seek(0)
        return Finished(
            returncode,
            output.read().decode(errors="replace"),
            errors.read().decode(errors="replace"),
        )


def _limit(kind: int, amount: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    with suppress(ValueError, OSError):  # macOS knows RLIMIT_AS but does not let it be set
        resource.setrlimit(kind, (amount, amount))


def _become(cpu_seconds: int, address_space: int, file_size: int, open_files: int) -> None:
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_AS, address_space)
    _limit(resource.RLIMIT_FSIZE, file_size)
    _limit(resource.RLIMIT_NOFILE, open_files)
    _limit(resource.RLIMIT_CORE, 0)


if __name__ == "__main__":
    _become(*map(int, sys.argv[1:5]))
    os.execv(sys.argv[5], sys.argv[5:])
