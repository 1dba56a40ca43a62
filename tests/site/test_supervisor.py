"""The whole site as one command: it starts, survives its parts dying, and ends without a trace."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import CHECKOUT
from tests.site.running import Site, address_of, gone, serve


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve(tmp_path / "site") as running:
        yield running


def test_it_serves_survives_the_loss_of_its_parts_and_stops_without_a_trace(site: Site) -> None:
    address = address_of(site.hears("Slomo is at"))
    assert urllib.request.urlopen(f"{address}/healthz").status == 200

    # A second one on the same data folder is refused in words.
    folder = Path(psutil.Process(site.process.pid).environ()["SLOMO_DATA_DIR"])
    with serve(folder) as second:
        assert second.process.wait(timeout=120) != 0
        second.hears("already running on the data folder")

    # What dies is started again.
    for name, words in (("worker-1", "manage.py worker"), ("valkey", "valkey-server")):
        site.of(words).kill()
        site.hears(f"{name} ended")
    assert urllib.request.urlopen(f"{address}/healthz").status == 200

    family = site.family()
    asked = time.monotonic()
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(timeout=60) == 0
    print(f"stopped after {time.monotonic() - asked:.1f} s")
    assert gone(family, within=10)


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
