"""Stored files: how they are called for people, and how they go when their row goes."""

from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath

from django.core.files.storage import Storage, default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile

# What we serve a file as, by the suffix we stored it under, which for videos is the probe's name
# of the container. Neither ever comes from the user.
CONTENT_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "ts": "video/mp2t",
    "mpeg": "video/mpeg",
    "flv": "video/x-flv",
    "wmv": "video/x-ms-wmv",
    "ogv": "video/ogg",
    "jpg": "image/jpeg",
}


def content_type(file: FieldFile) -> str:
    """The content type to serve `file` with, from our own list by the suffix we gave it."""
    return CONTENT_TYPES.get(_suffix(file).lstrip("."), "application/octet-stream")


def download_name(title: str, file: FieldFile) -> str:
    """`title` with the suffix of `file`, free of the characters that mean a folder somewhere."""
    return "".join("-" if c in '/\\:*?"<>|' else c for c in title) + _suffix(file)


def delete(*files: FieldFile) -> None:
    """Remove `files` from their storage, and their folder with the last one in it.

    Fields that hold no file are passed over.
    """
    for file in files:
        if file.name:
            _delete(file.storage, file.name)


def clear(folder: str) -> None:
    """Remove the files in the stored folder `folder`, which need not exist."""
    with suppress(FileNotFoundError):
        for name in default_storage.listdir(folder)[1]:
            default_storage.delete(f"{folder}/{name}")


def delete_on_commit(*files: FieldFile) -> None:
    """Do `delete` once the transaction is committed.

    For `post_delete` receivers, so that a row that goes by whatever way (the page, the API, the
    admin site, its owner's removal) takes its files along, and one whose deletion is rolled back
    keeps them.
    """
    transaction.on_commit(partial(delete, *files), robust=True)


def _delete(storage: Storage, name: str) -> None:
    storage.delete(name)
    with suppress(OSError):  # the folder holds another file, or the storage has no folders
        storage.delete(str(PurePosixPath(name).parent))


def _suffix(file: FieldFile) -> str:
    return PurePosixPath(file.name or "").suffix
