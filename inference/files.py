"""Where a conversion's files are: its work folder on this machine and its place in the storage.

Each attempt has a folder of its own in both, named by its number, so that attempts never touch
each other's files and what an attempt leaves behind can be removed without asking it.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile

STORED = "conversions"


def stored_folder(conversion_id: uuid.UUID, attempt: int | None = None) -> str:
    """Storage name of the conversion's folder, or of one attempt's."""
    folder = f"{STORED}/{conversion_id}"
    return folder if attempt is None else f"{folder}/{attempt}"


def work_root() -> Path:
    """The folder of all work folders; by default on the same filesystem as the media."""
    return Path(settings.SLOMO_DATA_DIR) / "work"


@contextmanager
def work_folder(conversion_id: uuid.UUID, attempt: int) -> Iterator[Path]:
    """A fresh folder for one attempt's unfinished files, removed at the end."""
    folder = work_root() / str(conversion_id) / str(attempt)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove_work(conversion_id, attempt)


def local_copy(file: FieldFile, folder: Path) -> Path:
    """Path of the file on this machine: its own where the storage is local, else a copy."""
    try:
        return Path(file.path)
    except NotImplementedError:
        copy = folder / Path(str(file.name)).name
        with file.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, length=1 << 20)
        return copy


class _Finished(File):  # type: ignore[type-arg]
    """A local file that a local storage may move into place instead of copying it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def store(path: Path, conversion_id: uuid.UUID, attempt: int) -> str:
    """Puts a finished local file into the attempt's stored folder; returns its storage name."""
    name = f"{stored_folder(conversion_id, attempt)}/{path.name}"
    with path.open("rb") as content:
        return default_storage.save(name, _Finished(content, name=str(path)))


def discard(conversion_id: uuid.UUID, attempt: int | None = None) -> None:
    """Removes what the conversion, or one attempt at it, has on disk and in the storage."""
    _remove_work(conversion_id, attempt)
    _remove_stored(stored_folder(conversion_id, attempt))


def attempts_with_files() -> Iterator[tuple[uuid.UUID, int]]:
    """Conversion id and number of every attempt that has a work folder or stored files."""
    for folder in work_root().glob("*/*/"):
        yield uuid.UUID(folder.parent.name), int(folder.name)
    for conversion in _stored_folders(STORED):
        for attempt in _stored_folders(f"{STORED}/{conversion}"):
            yield uuid.UUID(conversion), int(attempt)


def _remove_work(conversion_id: uuid.UUID, attempt: int | None) -> None:
    folder = work_root() / str(conversion_id)
    shutil.rmtree(folder if attempt is None else folder / str(attempt), ignore_errors=True)
    with suppress(OSError):  # gone, or another attempt's folder is in it
        folder.rmdir()


def _stored_folders(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[0]
    except FileNotFoundError:
        return []


def _remove_stored(folder: str) -> None:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    for name in folders:
        _remove_stored(f"{folder}/{name}")
    default_storage.delete(folder)
