"""The data folder: where everything that one installation keeps lies, and its secret key."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

FOLDERS = ("mail", "media", "static", "tmp", "valkey")

# `sun_path` of a unix socket holds 108 bytes on Linux and 104 on macOS, with a closing zero.
LONGEST_SOCKET_PATH = 103


def prepare(data_dir: Path) -> None:
    """Makes the data folder and its parts, readable by their owner alone."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in FOLDERS:
        (data_dir / folder).mkdir(mode=0o700, exist_ok=True)


def queue_socket(data_dir: Path) -> Path:
    """Path of the embedded Valkey's unix socket for this data folder.

    It lies in the data folder unless that path is too long for a socket; then in the user's
    runtime folder (else a private one under the temporary folder), named by a digest of the data
    folder, so that two installations never share one. The server makes the parent folder.
    """
    inside = data_dir.resolve() / "valkey" / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "slomo" if runtime else Path("/tmp") / f"slomo-{os.getuid()}"
    return folder / f"{digest}.sock"


def secret_key(data_dir: Path) -> str:
    """The key that signs sessions and links: made once, then kept in `data_dir/secret_key`.

    Web server and worker may start at the same moment; linking a finished file into place makes
    one of them the winner and never shows a half-written key.
    """
    path = data_dir / "secret_key"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=".secret_key-") as draft:
            draft.write(secrets.token_urlsafe(64))
            draft.flush()
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)  # temporary files are made with mode 600
    return path.read_text()
