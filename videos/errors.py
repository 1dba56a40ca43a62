"""What the library refuses, and why: each error has a stable code and a sentence for a person."""

from accounts.errors import DomainError

EMPTY_FILE = "This file is empty. Was it still being copied?"


class UploadRefused(DomainError):
    """The file does not come in: it is too large, not a video, or not one we can work with."""

    status = 422


class DetailsRefused(DomainError):
    """The title or the tags of a video can't be as they were given."""

    status = 422


class PieceRefused(DomainError):
    """A step of an upload in pieces cannot be done; the protocol says which status means what."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class UploadGone(PieceRefused):
    """The upload is no longer there, or ended while a piece of it was on its way."""

    def __init__(self) -> None:
        super().__init__(
            410,
            "upload_gone",
            "This upload was cancelled or has expired. Send the file again from the start.",
        )
