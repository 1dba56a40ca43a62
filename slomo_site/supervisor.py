"""Runs the whole site on one machine: queue server, web server, workers, reconciler.

One thread starts every child and starts again what dies; another brings rows, queue and files
back into agreement. Nothing outlives the supervisor, even when it is killed.
"""

import contextlib
import fcntl
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

from django.conf import settings
from django.core.management import call_command

from inference.queue import workers_listening
from inference.reconciler import RECONCILE_SECONDS, in_peace, keep_order, reconcile
from slomo_site import datadir, valkey
from slomo_site.children import Child, end

HOST = "127.0.0.1"


class SupervisorError(Exception):
    """The site cannot be started; the message says why and what to do."""


class Supervisor:
    """The running site. A context manager: `with Supervisor(port=0) as site: … site.url`.

    Args:
        port: of the web server on this machine; 0 takes any free one.
        workers: how many conversions run at a time; 0 leaves them to other machines.
        say: told what a person at the terminal should know.
    """

    def __init__(
        self, *, port: int = 8000, workers: int = 1, say: Callable[[str], None] = print
    ) -> None:
        self._port = port
        self._workers = workers
        self._say = say
        self._data_dir = Path(settings.SLOMO_DATA_DIR)
        self._logs = self._data_dir / "logs"
        self._embedded = not settings.REDIS_URL
        self._children: list[Child] = []
        self._resources = contextlib.ExitStack()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Supervisor":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the site, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    def start(self) -> None:
        """Takes the data folder, brings the database up to date and starts everything.

        Raises:
            SupervisorError: the data folder or the port is taken.
        """
        try:
            lock = self._lock()
            listener = self._listen()
            self._logs.mkdir(mode=0o700, exist_ok=True)
            call_command("migrate", verbosity=0, interactive=False)
            self._plan(lock, listener)
        except BaseException:
            self._resources.close()
            raise
        for work in (self._keep_children, self._keep_order):
            thread = threading.Thread(target=work)
            thread.start()
            self._threads.append(thread)

    def wait_until_ready(self, timeout: float = 120.0) -> None:
        """Returns once pages are served and every worker listens.

        Raises:
            SupervisorError: that does not happen in `timeout` seconds, or a child keeps dying.
        """
        deadline = time.monotonic() + timeout
        while not (self._answers() and workers_listening() >= self._workers):
            if self._stopping.is_set():
                raise SupervisorError("The site was stopped while it started.")
            failing = next((child for child in self._children if child.failures > 2), None)
            if failing or time.monotonic() > deadline:
                what = f"{failing.name} keeps ending" if failing else "it takes too long"
                raise SupervisorError(f"The site does not start: {what}. See {self._logs}.")
            time.sleep(0.1)

    def wait(self) -> None:
        """Returns after `request_stop`."""
        while not self._stopping.wait(1):
            pass

    def request_stop(self) -> None:
        """Has everything end; safe in a signal handler. `stop` does that and waits."""
        self._stopping.set()

    def stop(self) -> None:
        """Ends every child, within some ten seconds, and lets go of the data folder."""
        self.request_stop()
        for thread in self._threads:
            thread.join()
        self._resources.close()

    # Getting hold of things

    def _lock(self) -> IO[str]:
        """Holds the data folder against a second supervisor."""
        lock = self._resources.enter_context((self._data_dir / "supervisor.lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SupervisorError(
                f"Slomo is already running on the data folder {self._data_dir}. Stop it first, or "
                "choose another folder with SLOMO_DATA_DIR."
            ) from None
        return lock

    def _listen(self) -> socket.socket:
        """The web server's socket, held here so that the address outlives its restarts."""
        listener = self._resources.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, self._port))
        except OSError:
            raise SupervisorError(
                f"Port {self._port} is in use. Choose another with --port, or 0 for any."
            ) from None
        listener.listen(128)
        self._port = listener.getsockname()[1]
        return listener

    def _plan(self, lock: IO[str], listener: socket.socket) -> None:
        if self._embedded:
            command = valkey.command(
                socket=datadir.queue_socket(self._data_dir), folder=self._data_dir / "valkey"
            )
            # It keeps the lock too: a supervisor that was killed leaves the folder taken until
            # its queue server is gone.
            self._add("valkey", command, lock.fileno())
        gunicorn = [sys.executable, "-m", "gunicorn", "slomo_site.wsgi"]
        gunicorn += ["--bind", f"fd://{listener.fileno()}", "--worker-class", "gthread"]
        # An upload keeps a thread busy for as long as its line is slow.
        gunicorn += ["--threads", "32", "--graceful-timeout", "3", "--no-control-socket"]
        self._add("web", gunicorn, listener.fileno())
        for number in range(1, self._workers + 1):
            self._add(f"worker-{number}", [sys.executable, "manage.py", "worker"])

    def _add(self, name: str, command: list[str], *pass_fds: int) -> None:
        log = self._logs / f"{name}.log"
        folder = Path(settings.BASE_DIR)
        self._children.append(Child(name, command, log=log, folder=folder, pass_fds=pass_fds))

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
        except urllib.error.HTTPError:  # ALLOWED_HOSTS need not have this address
            return True
        except OSError:
            return False
        return True

    # The thread of the children. Theirs alone: the kernel ends them with the thread they are of.

    def _keep_children(self) -> None:
        servers = [child for child in self._children if child.name == "valkey"]
        others = [child for child in self._children if child not in servers]
        try:
            for server in servers:
                process = server.start()
                valkey.wait_until_answers(datadir.queue_socket(self._data_dir), process)
                # No worker of this queue outlived the last supervisor: what runs is lost.
                in_peace(partial(reconcile, lost_after=timedelta(0)))
            while not self._stopping.is_set():
                for child in servers + others:
                    child.keep(self._say)
                self._stopping.wait(0.2)
        finally:
            self._stopping.set()
            end(others)
            end(servers)

    # The thread of the reconciler

    def _keep_order(self) -> None:
        if not self._stopping.wait(RECONCILE_SECONDS):
            keep_order(self._stopping.wait)
