"""A line to the site that can be cut, because a browser's own "offline" lets uploads go on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from urllib.parse import urlsplit


class Line:
    """Passes on what comes to `url`, to and from the site, while it is `up`."""

    def __init__(self, site_url: str, listener: socket.socket) -> None:
        self.url = f"http://localhost:{listener.getsockname()[1]}"
        self.up = True
        self._site = (urlsplit(site_url).hostname, urlsplit(site_url).port)
        self._listener = listener
        self._open: list[socket.socket] = []
        self._lock = Lock()

    def cut(self) -> None:
        """Ends every connection, and lets none through until `up` is true again."""
        with self._lock:
            self.up = False
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def run(self) -> None:
        """Serves until the listener is closed."""
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self.up:
                    browser.close()
                    continue
                site = socket.create_connection(self._site)
                self._open += [browser, site]
            for source, target in ((browser, site), (site, browser)):
                Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(site_url: str) -> Iterator[Line]:
    """A line to the site."""
    with socket.create_server(("localhost", 0)) as listener:
        line = Line(site_url, listener)
        Thread(target=line.run, daemon=True).start()
        yield line
        line.cut()
        listener.shutdown(socket.SHUT_RDWR)
