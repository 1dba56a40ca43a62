"""A short storm; `make chaos` is the long one."""

import os
import re
import subprocess
import sys

from tests.conftest import CHECKOUT


def test_whatever_is_killed_every_job_ends_and_ends_once() -> None:
    storm = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--jobs", "12", "--minutes", "3", "--seed", "4"],
        cwd=CHECKOUT,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        check=False,
    )
    print(storm.stdout)
    assert storm.returncode == 0, storm.stdout + storm.stderr
    assert "nothing wrong" in storm.stdout
    assert "12 jobs asked for" in storm.stdout
    assert re.search(r"^killed: [1-9]", storm.stdout, re.MULTILINE)
