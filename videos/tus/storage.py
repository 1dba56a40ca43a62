"""The bytes of uploads on their way: one file each, which one request at a time may write to.

The file is the truth about how much has arrived, so a web server that is killed loses nothing.
The kernel lets go of its lock then, too. It is private to the site: no address leads here.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from videos.errors import PieceRefused, UploadGone


def folder() -> Path:
    """Where the files are; beside the media, so that a finished one need not be copied."""
    return Path(settings.SLOMO_DATA_DIR) / "uploads"


def size(upload_id: uuid.UUID) -> int:
    """How many bytes have arrived."""
    try:
        return _path(upload_id).stat().st_size
    except FileNotFoundError:
        return 0


def remove(upload_id: uuid.UUID) -> None:
    """Removes the file; whoever is writing to it finds out by `Received.removed`."""
    _path(upload_id).unlink(missing_ok=True)
    _finished_path(upload_id).unlink(missing_ok=True)


def ids() -> set[uuid.UUID]:
    """The uploads that have a file here."""
    return {uuid.UUID(path.stem) for path in folder().glob("*")}


class Received:
    """The file of one upload, open for the one who may write to it."""

    def __init__(self, upload_id: uuid.UUID, descriptor: int) -> None:
        self._id = upload_id
        self._descriptor = descriptor

    @property
    def removed(self) -> bool:
        """Whether the file was removed since it was opened."""
        return os.fstat(self._descriptor).st_nlink == 0

    def cut(self, length: int) -> None:
        """Keeps the first `length` bytes, and writes on from there."""
        os.ftruncate(self._descriptor, length)
        os.lseek(self._descriptor, length, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Adds `data`; once this returns, only a crash of the machine could lose it."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    @contextmanager
    def finished(self, name: str) -> Iterator["UploadedFile[bytes]"]:
        """The complete file as a form would deliver it, to be moved away or left.

        It is a second link to the same bytes: should the web server be killed while it is moved
        into the library, the upload is still whole and can be finished again.

        Raises:
            UploadGone: it was removed meanwhile.
        """
        os.fsync(self._descriptor)
        path = _finished_path(self._id)
        path.unlink(missing_ok=True)
        try:
            os.link(_path(self._id), path)
        except FileNotFoundError:
            raise UploadGone from None
        try:
            with path.open("rb") as file:
                yield _Finished(path, file, name=name)
        finally:
            path.unlink(missing_ok=True)


class _Finished(UploadedFile):  # type: ignore[type-arg]
    """A file that the storage may move instead of copying it."""

    def __init__(self, path: Path, file: BinaryIO, *, name: str) -> None:
        super().__init__(file=file, name=name, size=os.fstat(file.fileno()).st_size)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


@contextmanager
def writing(upload_id: uuid.UUID) -> Iterator[Received]:
    """The upload's file, for one at a time.

    Raises:
        PieceRefused: 423, someone else has it.
    """
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(_path(upload_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PieceRefused(
                423,
                "upload_busy",
                "This upload is being sent by another tab or program, or is just being checked. "
                "Wait a moment, then go on from where it is.",
            ) from None
        yield Received(upload_id, descriptor)
    finally:
        os.close(descriptor)


def _path(upload_id: uuid.UUID) -> Path:
    return folder() / str(upload_id)


def _finished_path(upload_id: uuid.UUID) -> Path:
    return folder() / f"{upload_id}.finished"
