"""What the worker's child may take: its own limits, and the parent's eye on its memory."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from inference import limits
from inference.attempts import Attempt
from inference.child import Child, ChildDied
from tests.conftest import CHECKOUT


def test_the_child_has_no_core_dump_no_endless_file_and_goes_first() -> None:
    code = """
import resource as r
from pathlib import Path
from inference import limits
limits.take_on()
for kind in (r.RLIMIT_CORE, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE):
    print(*r.getrlimit(kind))
score = Path("/proc/self/oom_score_adj")
print(score.read_text().strip() if score.exists() else 1000)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    most = (0, limits.LARGEST_FILE, limits.MOST_OPEN_FILES)
    assert done.stdout.splitlines() == [*(f"{n} {n}" for n in most), "1000"]


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group file system of our own, with this process's group in it."""
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path)
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
    except OSError:
        pytest.skip("this system has no control groups")
    (tmp_path / group).mkdir(parents=True, exist_ok=True)
    return tmp_path


def test_a_container_with_less_memory_than_the_machine_counts(cgroups: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert limits.available() == machine
    (cgroups / "memory.max").write_text("max\n")
    assert limits.available() == machine
    (cgroups / "memory.max").write_text("1048576\n")
    assert limits.available() == 1 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_memory_is_measured_as_it_is_held() -> None:
    assert not limits.exceeds_memory(os.getpid())
    assert not limits.exceeds_memory(2**22 + 1)  # no such process


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_a_child_that_takes_too_much_is_killed_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child()
    child.begin(Attempt(uuid.uuid4(), 1))
    assert not child.finished(within=0)
    monkeypatch.setattr(limits, "MEMORY_SHARE", 0.0)
    with pytest.raises(ChildDied) as death:
        child.finished(within=0)
    assert death.value.for_memory
    assert not child.is_alive()
