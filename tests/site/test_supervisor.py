"""The whole site as one command: it starts, survives its parts dying, and ends without a trace."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.conftest import CHECKOUT


@dataclass
class Site:
    """A `manage.py serve` and what it has said so far."""

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
        found = [one for one in self.family() if words in " ".join(one.cmdline())]
        return min(found, key=psutil.Process.create_time)


def serve(data_dir: Path) -> Site:
    environment = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "DATABASE_URL")}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", "0"],
        cwd=CHECKOUT,
        env=environment | {"SLOMO_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Site(process)


def address_of(line: str) -> str:
    return next(word for word in line.split() if word.startswith("http"))


def gone(processes: list[psutil.Process], *, within: float = 10.0) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = serve(tmp_path / "site")
    yield running
    family = running.family() if running.process.poll() is None else []
    running.process.kill()
    running.process.wait()
    assert gone(family)


def test_it_serves_survives_the_loss_of_its_parts_and_stops_without_a_trace(site: Site) -> None:
    address = address_of(site.hears("Slomo is at"))
    assert urllib.request.urlopen(f"{address}/healthz").status == 200

    # A second one on the same data folder is refused in words.
    folder = Path(psutil.Process(site.process.pid).environ()["SLOMO_DATA_DIR"])
    second = serve(folder)
    assert second.process.wait(timeout=60) != 0
    assert second.process.stdout is not None
    assert "already running on the data folder" in second.process.stdout.read()

    # What dies is started again.
    for name, words in (("worker-1", "manage.py worker"), ("valkey", "valkey-server")):
        site.of(words).kill()
        site.hears(f"{name} ended")
    assert urllib.request.urlopen(f"{address}/healthz").status == 200

    family = site.family()
    asked = time.monotonic()
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(timeout=20) == 0
    print(f"stopped after {time.monotonic() - asked:.1f} s")
    assert gone(family, within=1)


def test_a_killed_supervisor_takes_everything_along(site: Site) -> None:
    site.hears("Slomo is at")
    family = site.family()
    assert len(family) >= 4
    site.process.kill()
    assert gone(family)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = os.environ | {"SLOMO_DATA_DIR": str(tmp_path / "site")}
        result = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode != 0
    assert f"Port {port} is in use" in result.stderr
