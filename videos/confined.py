"""Becomes a command that reads a hostile file, after giving up what that has no need of.

`sandbox` runs this very file as a script; as such it imports only the standard library. Where the
kernel is too old for a namespace or for Landlock, the rest still holds: nothing here is the only
wall. (Doing this between fork and exec instead would run Python code in the forked child of a
threaded server, which may deadlock.)
"""

import ctypes
import json
import os
import random
import resource
import stat
import struct
import sys
from contextlib import suppress
from typing import Any

_LINUX = sys.platform == "linux"

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # <sched.h>
_PR_SET_NO_NEW_PRIVS = 38  # <sys/prctl.h>

# <linux/landlock.h>; the numbers of the calls are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_FILE_RIGHTS = {
    1: 13,
    2: 14,
    3: 15,
    4: 15,
}  # bits by version of the interface; 16 from the fifth on
_TCP, _SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals

# What any program needs to start.
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/null"),
    *("/sys/devices/system/cpu", "/nix/store", "/gnu/store"),
)


def become(wishes: dict[str, Any], command: list[str]) -> None:
    """Replace this process by `command`.

    Args:
        wishes: the fields of `sandbox.Limits`; `reads` and `writes` name files and folders (with
            all below them), `lists` folders of which only the names may be read.
    """
    _limit(resource.RLIMIT_CPU, wishes["cpu_seconds"])
    _limit(resource.RLIMIT_AS, wishes["address_space"])
    _limit(resource.RLIMIT_FSIZE, wishes["file_size"])
    _limit(resource.RLIMIT_NOFILE, wishes["open_files"])
    _limit(resource.RLIMIT_CORE, 0)
    if _LINUX:
        processors = os.sched_getaffinity(0)
        few = random.sample(sorted(processors), min(wishes["processors"], len(processors)))
        os.sched_setaffinity(0, few)  # decoders start a thread for each, with frames of its own
        leave_network()
        restrict_files(
            reads=[*_SYSTEM, *wishes["reads"]],
            writes=[*wishes["writes"], "/dev/null"],
            lists=wishes["lists"],
        )
    os.execv(command[0], command)


def leave_network() -> bool:
    """Move to a network without any interface; False where this system does not allow it."""
    libc = ctypes.CDLL(None)
    # Root had better not enter a user namespace: it would lose the right to read others' files.
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    return bool(libc.unshare(flags) == 0)


def restrict_files(*, reads: list[str], writes: list[str], lists: list[str]) -> bool:
    """From here on open only what is named (see `become`), and no TCP connection.

    False where this system has no Landlock.
    """
    version = landlock_version()
    if version < 1:
        return False
    libc = ctypes.CDLL(None)
    handled = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    fields = [handled, *([_TCP] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    reading = _EXECUTE | _READ_FILE | _READ_DIR
    for paths, rights in ((reads, reading), (writes, handled & ~_EXECUTE), (lists, _READ_DIR)):
        for path in paths:
            with suppress(FileNotFoundError):
                _allow(libc, ruleset, path, rights & handled)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    restricted = libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return bool(restricted == 0)


def landlock_version() -> int:
    """Version of the kernel's Landlock; below 1 where there is none, from 4 on it knows TCP."""
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, 1)) if _LINUX else 0


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _ON_FILES
    libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0)
    os.close(place)


def _limit(kind: int, amount: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    with suppress(ValueError, OSError):  # macOS knows RLIMIT_AS but does not let it be set
        resource.setrlimit(kind, (amount, amount))


if __name__ == "__main__":
    become(json.loads(sys.argv[1]), sys.argv[2:])
