"""What the headers of a tus request say, and the words for those that say nothing of use."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from videos.errors import PieceRefused

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum,expiration"
CHECKSUMS = ("sha1", "sha256")
BODY_TYPE = "application/offset+octet-stream"

# More than any file has, and still a number that every database can hold.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Checksum:
    """What a piece must add up to, by one of `CHECKSUMS`."""

    algorithm: str
    digest: bytes

    def start(self) -> "hashlib._Hash":
        """A hash to feed the piece to."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def number(headers: Mapping[str, str], name: str) -> int:
    """The whole number in the header `name`.

    Raises:
        PieceRefused: 400, it is missing or is none.
    """
    text = headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise _unreadable(f"The header {name} must be a whole number of bytes.")
    return int(text)


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Upload-Metadata: words by key.

    Raises:
        PieceRefused: 400, it is not written as the protocol says.
    """
    found = {}
    for pair in filter(None, map(str.strip, headers.get("Upload-Metadata", "").split(","))):
        key, _, value = pair.partition(" ")
        found[key] = _decoded(value, "Upload-Metadata").decode(errors="replace")
    return found


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Upload-Checksum, or None where the sender gives none.

    Raises:
        PieceRefused: 400, the algorithm is not ours or the digest cannot be one.
    """
    if "Upload-Checksum" not in headers:
        return None
    algorithm, _, value = headers["Upload-Checksum"].partition(" ")
    if algorithm not in CHECKSUMS:
        raise _unreadable(f"Upload-Checksum must be by one of: {', '.join(CHECKSUMS)}.")
    asked = Checksum(algorithm, _decoded(value, "Upload-Checksum"))
    if len(asked.digest) != asked.start().digest_size:
        raise _unreadable(f"The digest in Upload-Checksum is not one of {algorithm}.")
    return asked


def body_size(headers: Mapping[str, str]) -> int:
    """Content-Length; a request without a body has none.

    Raises:
        PieceRefused: 411, the body comes without its length; 415, it is not a piece of a file.
    """
    if "Transfer-Encoding" in headers:
        raise PieceRefused(
            411, "length_required", "Send each piece with its Content-Length, not chunked."
        )
    if headers.get("Content-Type") != BODY_TYPE:
        raise PieceRefused(
            415, "unsupported_media_type", f"A piece must have the Content-Type {BODY_TYPE}."
        )
    return number(headers, "Content-Length") if headers.get("Content-Length") else 0


def _decoded(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(f"The values in {header} must be base64.") from None


def _unreadable(message: str) -> PieceRefused:
    return PieceRefused(400, "invalid_header", message)
