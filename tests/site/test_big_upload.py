"""A big file over a line that keeps breaking, to a web server that keeps dying."""

import hashlib
import http.client
import random
import shutil
import socket
import struct
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from slomo_site.demo.client import Pages
from tests.engine import clips
from tests.site.running import Site, address_of, command_line, manage

SIZE = 300_000_000
CUTS = 20
PIECE = "application/offset+octet-stream"
KILLED_AT = {7: "a web process", 14: "the web server"}  # instead of the line, at these cuts
MOST_MEMORY = 200_000_000  # bytes of one web process


class Line:
    """Requests of the protocol with a token, each over a connection of its own."""

    def __init__(self, url: str, token: str) -> None:
        self.host = urlsplit(url).netloc
        self.headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}

    def ask(self, method: str, path: str, **headers: str) -> Any:
        """The answer, waiting where the web server is just starting or the upload is locked."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._once(method, path, headers)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def _once(self, method: str, path: str, headers: dict[str, str]) -> Any:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, headers=self.headers | named)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def begin_piece(self, place: str, offset: int, size: int) -> http.client.HTTPConnection:
        """A connection that has promised the bytes from `offset` on."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.putrequest("PATCH", place)
        about = {"Content-Type": PIECE, "Upload-Offset": str(offset)}
        for name, text in (self.headers | about | {"Content-Length": str(size)}).items():
            connection.putheader(name, text)
        connection.endheaders()
        return connection


def peak_memory(site: Site) -> int:
    """Bytes that the largest web process has ever had resident."""
    peaks = []
    for process in site.family():
        if "gunicorn" in command_line(process):
            status = Path(f"/proc/{process.pid}/status").read_text()
            peaks.append(int(status.split("VmHWM:")[1].split()[0]) * 1024)
    return max(peaks)


def break_off(connection: http.client.HTTPConnection, *, rudely: bool) -> None:
    """Closes the connection: with a reset that drops what is on its way, or with a farewell."""
    if rudely:
        linger = struct.pack("ii", 1, 0)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def settled_offset(line: Line, place: str) -> int:
    """Where the upload is once nobody writes to it any more: an empty piece is then accepted."""
    while True:
        offset = line.ask("HEAD", place).headers["Upload-Offset"]
        empty = {"Upload_Offset": offset, "Content_Type": PIECE, "Content_Length": "0"}
        if line.ask("PATCH", place, **empty).status == 204:
            return int(offset)
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc (Linux)")
def test_300_mb_cut_20_times_arrive_byte_for_byte_in_little_memory(
    tmp_path: Path,
) -> None:
    if shutil.disk_usage(tmp_path).free < 4 * SIZE:
        pytest.skip("needs 1.2 GB of disk")
    big_clip = clips.padded(tmp_path / "big.mp4", size=SIZE)
    chance = random.Random(20)
    with manage(tmp_path / "site", "serve", "--port", "0", "--workers", "0") as site:
        url = address_of(site.hears("Slomo is at"))
        pages = Pages(url)
        pages.join(None)
        line = Line(url, pages.token(name="test"))
        answer = line.ask("POST", "/api/v1/uploads/", Upload_Length=str(SIZE))
        assert answer.status == 201
        place = answer.headers["Location"]

        began, offset, peak = time.monotonic(), 0, 0
        with big_clip.open("rb") as file:
            for number, cut in enumerate(sorted(chance.sample(range(SIZE), CUTS))):
                connection = line.begin_piece(place, offset, SIZE - offset)
                file.seek(offset)
                while (left := cut - file.tell()) > 0:
                    connection.sock.sendall(file.read(min(left, 1 << 20)))
                if number in KILLED_AT:
                    peak = max(peak, peak_memory(site))
                    web = [one for one in site.family() if "gunicorn" in command_line(one)]
                    server = site.of("gunicorn")
                    (server if number == 14 else next(p for p in web if p != server)).kill()
                break_off(connection, rudely=bool(number % 2))
                before, offset = offset, settled_offset(line, place)
                assert before <= offset <= cut, number
                if number % 2 == 0 and number not in KILLED_AT:
                    assert offset == cut, "what was sent to the end was not kept"
            connection = line.begin_piece(place, offset, SIZE - offset)
            connection.sock.sendfile(file, offset)
            last = connection.getresponse()
            assert last.status == 204, last.read()
        took = time.monotonic() - began
        peak = max(peak, peak_memory(site))
        request = urllib.request.Request(f"{url}{last.headers['Slomo-Video']}file/")
        request.add_header("Authorization", line.headers["Authorization"])
        with urllib.request.urlopen(request) as stored, big_clip.open("rb") as sent:
            assert (
                hashlib.file_digest(stored, "sha256").digest()
                == hashlib.file_digest(sent, "sha256").digest()
            )
        peak = max(peak, peak_memory(site))
    print(f"sent in {took:.1f} s, {peak / 1e6:.0f} MB in the largest web process")
    assert peak < MOST_MEMORY
