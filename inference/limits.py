"""What the worker's child may take of the machine while it decodes strangers' files.

It cannot be confined as the probe is: it needs the database, the storage and perhaps a GPU, whose
driver reserves more address space than there is memory, so that a limit on that would be wrong.
Instead the parent looks at the memory the child really has. What the probe let pass is known to be
small; this is for what it could not see.
"""

import os
import resource
from contextlib import suppress
from pathlib import Path

LARGEST_FILE = 64 << 30
MOST_OPEN_FILES = 1024
MEMORY_SHARE = 0.8
"""Of the machine's memory, or the container's: the rest is for those who answer visitors."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUPS = Path("/sys/fs/cgroup")


def take_on() -> None:
    """Lower this process's own limits, for good."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, MOST_OPEN_FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lower, lower))
    with suppress(OSError):  # if the kernel must choose whom to kill, then not the web server
        Path("/proc/self/oom_score_adj").write_text("1000")


def exceeds_memory(pid: int) -> bool:
    """Whether process `pid` has more memory than it may; False where the system does not say."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return False
    return resident > MEMORY_SHARE * available()


def available() -> int:
    """Bytes of memory of this machine, or of the container if that has less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * _PAGE]
    with suppress(OSError):
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
        for folder in (_CGROUPS / group, *(_CGROUPS / group).parents):
            with suppress(OSError, ValueError):  # "max", or not a control group at all
                limits.append(int((folder / "memory.max").read_text()))
    return min(limits)
