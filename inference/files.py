"""Where a conversion's files are: its work folder on this machine and its place in the storage.

Each attempt has a folder of its own in both, named by its number, so that attempts never touch
each other's files and what an attempt leaves behind can be removed without asking it. The parts of
a conversion that is made in segments are in `segments/`, for they outlive the attempt.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

logger = logging.getLogger(__name__)

STORED = "conversions"
SEGMENTS = "segments"


def stored_folder(conversion_id: uuid.UUID, part: int | str = "") -> str:
    """Storage name of the conversion's folder, or of an attempt's or the segments' in it."""
    folder = f"{STORED}/{conversion_id}"
    return folder if part == "" else f"{folder}/{part}"


def segment_folder(index: int, attempt: int) -> str:
    """Where one attempt at a segment keeps its files, below the conversion's folder."""
    return f"{SEGMENTS}/{index}-{attempt}"


def work_root() -> Path:
    """The folder of all work folders; by default on the same filesystem as the media."""
    return Path(settings.SLOMO_DATA_DIR) / "work"


@contextmanager
def work_folder(conversion_id: uuid.UUID, part: int | str) -> Iterator[Path]:
    """A fresh folder for unfinished files of an attempt, or a segment; removed at the end."""
    folder = work_root() / str(conversion_id) / str(part)
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder)
    try:
        yield folder
    finally:
        _remove_work(conversion_id, part)


def _make(folder: Path) -> None:
    """Makes it with its parents, which whoever is just done removes where they are empty."""
    for tries_left in reversed(range(10)):
        try:
            folder.mkdir(parents=True)
            return
        except (FileNotFoundError, FileExistsError):
            if not tries_left:
                raise


def local_copy(name: str, folder: Path) -> Path:
    """Path of a stored file on this machine: its own where the storage is local, else a copy."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / Path(name).name
        with default_storage.open(name) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, length=1 << 20)
        return copy


class _Finished(File):  # type: ignore[type-arg]
    """A local file that a local storage may move into place instead of copying it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def store(path: Path, conversion_id: uuid.UUID, part: int | str) -> str:
    """Puts a finished local file into the stored folder of an attempt, or a segment's.

    Returns its storage name.
    """
    name = f"{stored_folder(conversion_id, part)}/{path.name}"
    with path.open("rb") as content:
        return default_storage.save(name, _Finished(content, name=str(path)))


def discard(conversion_id: uuid.UUID, part: int | str = "") -> None:
    """Removes what the conversion, an attempt at it, or segments have on disk and in storage."""
    _remove_work(conversion_id, part)
    _remove_stored(stored_folder(conversion_id, part))


def discard_quietly(conversion_id: uuid.UUID, part: int | str = "") -> None:
    """Likewise; what a storage that is away does not let go of is left to the reconciler."""
    try:
        discard(conversion_id, part)
    except Exception:
        logger.exception("Files are left over", extra={"job": conversion_id})


def attempts_with_files() -> Iterator[tuple[uuid.UUID, int]]:
    """Conversion id and number of every attempt that has a work folder or stored files."""
    return ((pk, int(part)) for pk, part in _parts_with_files() if part != SEGMENTS)


def conversions_with_segments() -> Iterator[uuid.UUID]:
    """Ids of conversions that have parts of segments somewhere."""
    return (pk for pk, part in _parts_with_files() if part == SEGMENTS)


def _parts_with_files() -> Iterator[tuple[uuid.UUID, str]]:
    for conversion_folder in _folders(work_root()):
        for folder in _folders(conversion_folder):
            yield uuid.UUID(conversion_folder.name), folder.name
    for conversion in _stored_folders(STORED):
        for part in _stored_folders(f"{STORED}/{conversion}"):
            yield uuid.UUID(conversion), part


def _folders(folder: Path) -> list[Path]:
    """The folders in it; none where it is gone, as it may be at any moment."""
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _remove_work(conversion_id: uuid.UUID, part: int | str) -> None:
    folder = work_root() / str(conversion_id)
    shutil.rmtree(folder / str(part), ignore_errors=True)
    for parent in (folder / SEGMENTS, folder):
        with suppress(OSError):  # gone, or another's folder is in it
            parent.rmdir()


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
