"""Ties a process to its parent, so that no orphan outlives a killed one."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>

# Loaded here, not in the function: between fork and exec, where it may run, nothing may be loaded.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Has the kernel send this process `sig` when the thread that started it ends.

    Linux only; elsewhere a child must notice by itself. The caller checks `os.getppid()` where it
    matters that the parent may have died before this call.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, sig)


def kill_group(pid: int) -> None:
    """Kills the process group that `pid` leads, and `pid` itself should it not lead one yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
