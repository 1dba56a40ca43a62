"""The default weights as a file: where it is and what it calls itself. Needs no torch."""

import hashlib
from pathlib import Path

from safetensors import safe_open

DEFAULT = Path(__file__).resolve().parents[1] / "weights" / "compact.safetensors"


def identity(path: Path = DEFAULT) -> tuple[str, str]:
    """Name and SHA-256 (hexadecimal) of a weights file of ours.

    Raises:
        OSError, SafetensorError: there is none, or it is damaged.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with safe_open(path, framework="numpy") as file:
        return (file.metadata() or {}).get("name") or path.stem, digest
