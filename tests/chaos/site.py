"""The site under attack: started like an operator's, with its parts to be found and killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from slomo_site import datadir
from tests.conftest import CHECKOUT


class Site:
    """`manage.py serve` on a data folder, on the same port after every restart."""

    def __init__(self, data_dir: Path, *, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._data_dir = data_dir
        self._options = ["--port", str(self._port), "--workers", str(workers)]
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the supervisor, again and again while the one before is still going down."""
        while True:
            with (self._data_dir / "supervisor.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "manage.py", "serve", *self._options],
                    cwd=CHECKOUT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            # It has the folder and the port once it has started a child of its own.
            while self.process.poll() is None:
                if self.processes():
                    return
                time.sleep(0.1)

    def stop(self) -> float:
        """Ends it as an operator does; returns how many seconds that took."""
        asked = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=60)
        return time.monotonic() - asked

    def processes(self) -> list[psutil.Process]:
        """Every process of the site."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    # What can be killed. Each says whether there was anything to kill.

    def kill_child(self, dice: random.Random) -> bool:
        return self._kill("spawn_main", dice)

    def kill_worker(self, dice: random.Random) -> bool:
        return self._kill("manage.py worker", dice)

    def kill_web(self, dice: random.Random) -> bool:
        """Gunicorn's master or the process that serves, whichever the dice say."""
        return self._kill("gunicorn", dice)

    def kill_queue(self, dice: random.Random) -> bool:
        return self._kill("valkey-server", dice)

    def kill_queue_and_its_last_second(self, dice: random.Random) -> bool:
        """As a power cut would: what had not reached the disk is gone."""
        os.kill(self.process.pid, signal.SIGSTOP)  # or it would start the next one meanwhile
        try:
            killed = self.kill_queue(dice)
            folder = self._data_dir / "valkey" / "appendonlydir"
            for journal in folder.glob("*.incr.aof"):
                size = journal.stat().st_size
                os.truncate(journal, max(0, size - dice.randrange(1, 4000)))
        finally:
            os.kill(self.process.pid, signal.SIGCONT)
        return killed

    def kill_supervisor(self, dice: random.Random) -> bool:
        self.process.kill()
        self.process.wait()
        time.sleep(dice.uniform(0, 2))
        self.start()
        return True

    def _kill(self, words: str, dice: random.Random) -> bool:
        found = []
        for process in self.processes():
            try:
                if words in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        if not found:
            return False
        try:
            dice.choice(found).kill()
        except psutil.NoSuchProcess:
            return False
        return True


def left_over(data_dir: Path, *, after: float = 15.0) -> list[psutil.Process]:
    """Processes `in_use`, that is, which have not ended `after` so many seconds either."""
    deadline = time.monotonic() + after
    while (found := in_use(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def in_use(data_dir: Path) -> list[psutil.Process]:
    """Processes, of this site or left over by it, that have its data folder or queue open."""
    socket_path = str(datadir.queue_socket(data_dir))
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            mine = environment.get("SLOMO_DATA_DIR") == str(data_dir)
            if process.pid != os.getpid() and (mine or socket_path in " ".join(process.cmdline())):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
