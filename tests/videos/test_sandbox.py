import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from videos import confined, sandbox
from videos.sandbox import Limits, OverrunError


def _python(code: str, *, cwd: Path, limits: Limits = sandbox.DEFAULT_LIMITS) -> sandbox.Finished:
    return sandbox.run([sys.executable, "-c", code], cwd=cwd, limits=limits, writes=[cwd])


def test_a_command_that_ends_well_gives_its_output_and_status(tmp_path: Path) -> None:
    done = _python(
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", cwd=tmp_path
    )
    assert done == sandbox.Finished(3, "out\n", "err\n")


def test_the_child_sees_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgres://hush")
    assert "hush" not in _python("import os; print(dict(os.environ))", cwd=tmp_path).output


def test_the_child_cannot_have_more_than_its_limits(tmp_path: Path) -> None:
    code = """
import resource as r
for kind in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE, r.RLIMIT_CORE):
    print(*r.getrlimit(kind))
"""
    limits = Limits(cpu_seconds=7, address_space=1 << 30, file_size=1 << 20, open_files=32)
    lines = _python(code, cwd=tmp_path, limits=limits).output.splitlines()
    assert lines == [f"{n} {n}" for n in (7, 1 << 30, 1 << 20, 32, 0)]


def test_memory_beyond_the_limit_is_refused_to_the_child(tmp_path: Path) -> None:
    done = _python("bytearray(1 << 30)", cwd=tmp_path, limits=Limits(address_space=512 << 20))
    assert done.returncode == 1
    assert "MemoryError" in done.errors


def test_output_without_end_stops_at_the_limit_on_file_size(tmp_path: Path) -> None:
    code = "import os\nwhile True: os.write(1, bytes(65536))"
    done = _python(code, cwd=tmp_path, limits=Limits(file_size=1 << 20))
    assert done.returncode != 0
    assert len(done.output) <= 1 << 20


def test_a_child_that_hangs_is_killed_at_the_deadline_with_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(note)!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    began = time.monotonic()
    with pytest.raises(OverrunError):
        _python(code, cwd=tmp_path, limits=Limits(seconds=5))
    assert time.monotonic() - began < 45  # not the minute that both would sleep
    assert _gone(int(note.read_text()))


def test_a_child_that_only_computes_is_stopped_by_its_cpu_limit(tmp_path: Path) -> None:
    with pytest.raises(OverrunError):
        _python("while True: pass", cwd=tmp_path, limits=Limits(cpu_seconds=1))


OPENING = """
import sys
for path in sys.argv[1:]:
    try:
        print(open(path).read())
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.skipif(confined.landlock_version() < 1, reason="this kernel has no Landlock")
def test_the_child_reads_no_file_but_those_named(tmp_path: Path) -> None:
    named, other = tmp_path / "named", tmp_path / "other"
    named.write_text("upload")
    other.write_text("secret")
    link = tmp_path / "link"
    link.symlink_to(other)
    command = [sys.executable, "-c", OPENING, *map(str, (named, other, link, "/etc/passwd"))]
    free = subprocess.run(command, capture_output=True, text=True, check=True)
    assert free.stdout.splitlines()[:3] == ["upload", "secret", "secret"]
    done = sandbox.run(command, cwd=tmp_path, reads=[named])
    assert done.output.splitlines() == ["upload", *3 * ["PermissionError"]]


@pytest.mark.skipif(confined.landlock_version() < 1, reason="this kernel has no Landlock")
def test_the_child_writes_only_where_it_may(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    command = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('x')"]
    done = sandbox.run(
        [*command, str(tmp_path / "mine" / "new")], cwd=tmp_path, writes=[tmp_path / "mine"]
    )
    assert done.returncode == 0
    done = sandbox.run([*command, str(tmp_path / "new")], cwd=tmp_path, writes=[tmp_path / "mine"])
    assert "PermissionError" in done.errors
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(confined.landlock_version() < 4, reason="this kernel's Landlock lacks TCP")
def test_the_child_reaches_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        command = [sys.executable, "-c", f"import socket; socket.create_connection({address}, 5)"]
        assert subprocess.run(command).returncode == 0
        server.accept()[0].close()
        done = sandbox.run(command, cwd=tmp_path)
        assert "Error" in done.errors
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_decoders_find_only_a_few_processors_to_start_threads_for(tmp_path: Path) -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not tie a process to processors")
    code = "import os; print(len(os.sched_getaffinity(0)))"
    assert _python(code, cwd=tmp_path, limits=Limits(processors=1)).output == "1\n"


def test_what_a_child_leaves_running_ends_with_it(tmp_path: Path) -> None:
    code = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
"""
    assert _gone(int(_python(code, cwd=tmp_path).output))


def test_a_crash_is_told_by_its_signal(tmp_path: Path) -> None:
    done = _python("import os; os.abort()", cwd=tmp_path)
    assert done.returncode == -signal.SIGABRT


def _gone(pid: int) -> bool:
    """Whether the process ends; a zombie that nobody has reaped yet has."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
