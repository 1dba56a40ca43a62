"""Web servers as operators run them, and requests byte for byte as an attacker may write them."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.conftest import CHECKOUT
from tests.inference.conftest import database_url

HOST = "slomo.example"


@dataclass(frozen=True)
class Response:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Server:
    """Where a server listens; `certificate` is the one it shows where it speaks TLS, and
    `plain_port` then the one where it does not."""

    port: int
    certificate: Path | None = None
    plain_port: int = 0

    def connect(self) -> socket.socket:
        """A connection to it."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=90)
        if self.certificate is None:
            return plain
        context = ssl.create_default_context(cafile=self.certificate)
        return context.wrap_socket(plain, server_hostname=HOST)

    def ask(
        self,
        target: str | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
    ) -> Response:
        """The answer to a request for exactly these bytes as the target."""
        with self.connect() as connection:
            connection.sendall(
                head(method, target, {"Content-Length": len(body), **(headers or {})})
            )
            connection.sendall(body)
            return read(connection, method)


def head(method: str, target: str | bytes, headers: Mapping[str, object]) -> bytes:
    """The head of a request."""
    target = target if isinstance(target, bytes) else target.encode()
    lines = {"Host": HOST, "Connection": "close", **headers}
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return method.encode() + b" " + target + b" HTTP/1.1\r\n" + fields.encode() + b"\r\n"


def read(connection: socket.socket, method: str = "GET") -> Response:
    """The answer that comes on this connection."""
    answer = http.client.HTTPResponse(connection, method=method)
    answer.begin()
    return Response(answer.status, answer.headers, answer.read())


@contextmanager
def gunicorn(data_dir: Path, **environment: str) -> Iterator[Server]:
    """The site on the tests' database, its files in `data_dir`."""
    listener = socket.create_server(("127.0.0.1", 0))
    (data_dir / "media").mkdir(parents=True, exist_ok=True)
    # Not where the test's queue is: the server outlives the test.
    known = {k: v for k, v in os.environ.items() if k != "REDIS_URL" and k[:6] != "SLOMO_"}
    command = [sys.executable, "-m", "gunicorn", "slomo_site.wsgi", "--worker-class", "gthread"]
    command += ["--threads", "4", "--no-control-socket", "--bind", f"fd://{listener.fileno()}"]
    with (data_dir / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=known
            | {
                "ALLOWED_HOSTS": HOST,
                "DATABASE_URL": database_url(),
                "SECRET_KEY": settings.SECRET_KEY,
                "SLOMO_DATA_DIR": str(data_dir),
                **environment,
            },
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(listener.getsockname()[1])
    finally:
        process.terminate()
        process.wait(timeout=30)
        listener.close()


@contextmanager
def nginx(folder: Path, site: Server, media: Path) -> Iterator[Server]:
    """A real nginx with docs/nginx.conf in front of `site`; skips where there is none."""
    # Debian keeps it where only root's PATH looks.
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx on this machine")
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine, to make nginx a certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    plain_port, port = _free_ports(2)
    (folder / "site.conf").write_text(
        _filled_in(
            (CHECKOUT / "docs/nginx.conf").read_text(),
            {
                "listen 80;": f"listen 127.0.0.1:{plain_port};",
                "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
                "/etc/ssl/slomo.example.pem": str(certificate),
                "/etc/ssl/slomo.example.key": str(key),
                "http://127.0.0.1:8000": f"http://127.0.0.1:{site.port}",
                "/srv/slomo/media/": f"{media}/",
            },
        )
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        # Of one process: workers would leave the user whose files these are.
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
        "events {} http { access_log off;"
        + "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        + f"include {folder}/site.conf; }}"
    )
    process = subprocess.Popen(
        [program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    )
    try:
        _wait_for(port, process)
        yield Server(port, certificate, plain_port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _filled_in(text: str, values: dict[str, str]) -> str:
    for sample, value in values.items():
        assert text.count(sample) == 1, f"docs/nginx.conf should say {sample} once"
        text = text.replace(sample, value)
    return text


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx did not start")
