"""What the library refuses, and why: each error has a stable code and a sentence for a person."""

from accounts.errors import DomainError

EMPTY_FILE = "This file is empty. Was it still being copied?"


class UploadRefused(DomainError):
    """The file does not come in: it is too large, not a video, or not one we can work with."""

    status = 422


class DetailsRefused(DomainError):
    """The title or the tags of a video can't be as they were given."""

    status = 422
