"""Runs a command that reads a hostile file, with limits it cannot lift.

The child is a new process group and begins as the script `confined`, which gives up the network
and all files but those named here, lowers its own limits and then becomes the command.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("confined.py")

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
    """What the child may use: seconds on the clock and of CPU, bytes, descriptors, CPUs."""

    seconds: int = 60
    cpu_seconds: int = 60
    address_space: int = 4 << 30
    file_size: int = 16 << 20
    open_files: int = 64
    processors: int = 4


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Finished:
    """How the child ended: `returncode` as in `subprocess`, and the ends of what it wrote."""

    returncode: int
    output: str
    errors: str


class OverrunError(Exception):
    """The child used up its time (or the machine's memory) and was killed, with its children."""


def run(
    command: list[str],
    *,
    cwd: Path,
    limits: Limits = DEFAULT_LIMITS,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
) -> Finished:
    """Run `command` within `limits`.

    Its output goes to files, so that the limit on file size bounds what the parent reads. Where
    the kernel can see to it there is no network, and the child opens nothing but the system's
    libraries, `reads` and `writes` (each a file, or a folder with all in it); of `cwd` it may
    learn names, so that Python finds modules there.

    Raises:
        OverrunError: it took longer than `limits.seconds`, or more CPU time than allowed.
    """
    installed = (sys.prefix, sys.base_prefix, sys.base_exec_prefix)
    places = {"reads": [*installed, *reads], "writes": writes, "lists": [cwd]}
    wishes = asdict(limits) | {kind: list(map(str, paths)) for kind, paths in places.items()}
    launcher = [sys.executable, "-I", "-S", str(_SCRIPT), json.dumps(wishes), *command]
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
