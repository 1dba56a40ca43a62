"""Backup and restore of everything members have: the rows, and the files that rows name.

A backup is a folder that `sha256sum -c SHA256SUMS` can check:

    SHA256SUMS              what belongs to the backup; replaced in one step at the very end
    rows-<time>.jsonl       one moment of the database, the same from SQLite and PostgreSQL
    release-<time>.json     which migrations these rows are of
    media/…                 the files, under their names in the storage

The rows are read first, at one moment, and the files after it. A file is written once and never
changed, so what a row names is either there or was deleted meanwhile; then the rows are read
again. What is left out is of the moment: sessions, uploads on their way, and half-made segments.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts.models import User
from inference.attempts import Attempt
from inference.models import Conversion
from inference.states import State

SUMS = "SHA256SUMS"
MEDIA = "media"
LOCK = ".lock"

LEFT_OUT = {
    "auth.Permission",  # made by `migrate`, as are the content types
    "contenttypes.ContentType",
    "inference.Segment",
    "inference.Segmentation",
    "sessions.Session",
    "videos.Upload",
}

Sums = dict[str, str]


class BackupRefused(Exception):
    """It cannot be done; the message says why and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What a backup has, or what a restore brought back.

    Attributes:
        files: how many.
        bytes: of them that were copied this time.
        missing: names of files that rows name and that are not there.
    """

    files: int
    bytes: int
    missing: list[str]


# Backup


def back_up(target: Path) -> Outcome:
    """Makes `target` a backup of this library, or brings the one that is there up to date.

    May be interrupted at any point: an earlier backup stays whole until the new one is.

    Raises:
        BackupRefused: `target` has something else in it, or is being backed up into.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (target / SUMS).exists() and any(target.iterdir()):
        raise BackupRefused(f"{target} is neither empty nor a backup. Name another folder.")
    (target / SUMS).touch()  # an interrupted first backup is one that has nothing yet
    with _alone(target / LOCK, f"Another backup into {target} is under way."):
        return _back_up(target)


def _back_up(target: Path) -> Outcome:
    earlier = _read_sums(target)
    stamp = f"{timezone.now():%Y%m%dT%H%M%S%fZ}"
    rows, release = target / f"rows-{stamp}.jsonl", target / f"release-{stamp}.json"
    rows.touch(mode=0o600)  # digests of passwords are in it
    (target / MEDIA).mkdir(mode=0o700, exist_ok=True)
    release.write_text(json.dumps({"format": 1, "migrations": _migrations()}, indent=1))
    missing: set[str] = set()
    copied = 0
    while True:
        names = _write_rows(rows)
        sums: Sums = {}
        gone = set()
        for name in sorted(names):
            entry = f"{MEDIA}/{name}"
            if entry in earlier and (target / entry).exists():
                sums[entry] = earlier[entry]
                continue
            try:
                sums[entry], size = _copy_out(name, target / entry)
            except FileNotFoundError:
                gone.add(name)
            else:
                copied += size
        if gone <= missing:
            break  # none, or rows have named them twice: lost, not deleted meanwhile
        missing, earlier = gone, earlier | sums
    files = len(sums)
    sums |= {path.name: _digest(path) for path in (rows, release)}
    _commit(target, sums)
    return Outcome(files, copied, sorted(gone))


def _write_rows(path: Path) -> set[str]:
    """One moment of the database into `path`; the names of the files that its rows name."""
    kept = [
        model
        for model in apps.get_models()
        if model._meta.managed and model._meta.label not in LEFT_OUT
    ]
    ordered = serializers.sort_dependencies([(None, kept)], allow_cycles=True)
    with _moment(), path.open("w", encoding="utf-8") as file:
        rows = (row for model in ordered for row in model._base_manager.order_by("pk").iterator())
        serializers.serialize(
            "jsonl", rows, stream=file, cls=_ExactEncoder, use_natural_foreign_keys=True
        )
        file.flush()
        os.fsync(file.fileno())
        return set(_named_files())


class _ExactEncoder(DjangoJSONEncoder):
    """With microseconds, which Django's own drops: rows are in order by them."""

    def default(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else super().default(value)


@contextmanager
def _moment() -> Iterator[None]:
    """Reads inside all see the database as it is now, while others go on writing."""
    if connection.vendor == "sqlite":
        # By hand: `atomic` would take the lock for writing, and members would wait.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _named_files() -> Iterator[str]:
    """Storage names of all files that rows name."""
    for model in apps.get_models():
        fields = [f.name for f in model._meta.concrete_fields if isinstance(f, models.FileField)]
        if fields:
            for row in model._default_manager.values_list(*fields).iterator():
                yield from filter(None, row)


def _copy_out(name: str, path: Path) -> tuple[str, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    digest = hashlib.sha256()
    with default_storage.open(name) as source, draft.open("wb") as copy:
        for chunk in source.chunks():
            digest.update(chunk)
            copy.write(chunk)
        os.fsync(copy.fileno())
    draft.rename(path)
    return digest.hexdigest(), path.stat().st_size


def _commit(target: Path, sums: Sums) -> None:
    """The new backup takes the place of an earlier one; what that alone had is removed."""
    draft = target / f"{SUMS}.part"
    with draft.open("w") as file:
        file.writelines(f"{digest}  {entry}\n" for entry, digest in sorted(sums.items()))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(target / SUMS)
    for folder, _, names in os.walk(target, topdown=False):
        for path in (Path(folder) / name for name in names):
            if path.relative_to(target).as_posix() not in {SUMS, LOCK, *sums}:
                path.unlink()
        if Path(folder) != target and not any(Path(folder).iterdir()):
            Path(folder).rmdir()


# Restore


def restore(source: Path, *, despite_damage: bool = False) -> Outcome:
    """Fills an empty library from the backup in `source`; nothing else may run meanwhile.

    Rows come last and all at once, so what is interrupted never looks restored. Conversions that
    were on their way wait again.

    Args:
        despite_damage: bring back what is whole where files of the backup are damaged or gone.

    Raises:
        BackupRefused: it is no backup, of another release or damaged, or there is something here.
    """
    # A running site would clear away files that have no row yet.
    folder = Path(settings.SLOMO_DATA_DIR)
    with _alone(folder / "supervisor.lock", f"Slomo is running on {folder}. Stop it first."):
        return _restore(source, despite_damage)


def _restore(source: Path, despite_damage: bool) -> Outcome:
    if not (source / SUMS).exists():
        raise BackupRefused(f"{source} is no backup: there is no {SUMS} in it.")
    sums = _read_sums(source)
    rows, release = (_only(source, sums, part) for part in ("rows-*.jsonl", "release-*.json"))
    call_command("migrate", verbosity=0, interactive=False)
    _check_release(json.loads(release.read_text())["migrations"])
    _check_empty()
    entries = [entry for entry in sums if entry.startswith(f"{MEDIA}/")]
    damaged = [entry for entry in entries if not _is_whole(source / entry, sums[entry])]
    if damaged and not despite_damage:
        raise BackupRefused(
            f"{len(damaged)} of the backup's files are damaged or gone: {_some(damaged)}. "
            "Nothing was restored; --despite-damage restores the rest."
        )
    brought: list[str] = []
    size = 0
    try:
        for entry in sorted(set(entries) - set(damaged)):
            size += _copy_in(source / entry, entry.removeprefix(f"{MEDIA}/"), brought)
        with transaction.atomic():
            call_command("loaddata", str(rows), verbosity=0)
            _wait_again()
            missing = sorted(set(_named_files()) - set(brought))
    except BaseException:
        _take_away(brought)
        raise
    return Outcome(len(brought), size, missing)


def _only(source: Path, sums: Sums, pattern: str) -> Path:
    found = [source / entry for entry in sums if PurePosixPath(entry).match(pattern)]
    if len(found) != 1 or not _is_whole(found[0], sums[found[0].name]):
        raise BackupRefused(f"The backup's {pattern} is damaged or gone; take an earlier backup.")
    return found[0]


def _check_release(theirs: list[str]) -> None:
    ours = set(_migrations())
    if ours != set(theirs):
        newer, older = sorted(set(theirs) - ours), sorted(ours - set(theirs))
        what = f"has {_some(newer)}" if newer else f"lacks {_some(older)}"
        raise BackupRefused(
            "The backup is of another release, whose database has other tables: it "
            f"{what}. Restore it with the release that made it, then upgrade."
        )


def _check_empty() -> None:
    if User.objects.exists():
        raise BackupRefused(
            "There are members in this database, and a backup is restored into an empty one only. "
            "Point SLOMO_DATA_DIR, or DATABASE_URL, at a new one."
        )
    if name := next(_stored_files(), None):
        raise BackupRefused(
            f"There are files in the media folder, such as {name}, and a backup is restored into "
            "an empty one only. Point SLOMO_DATA_DIR at a new folder."
        )


def _stored_files(folder: str = "") -> Iterator[str]:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}{name}" for name in names)
    for name in folders:
        yield from _stored_files(f"{folder}{name}/")


def _copy_in(path: Path, name: str, brought: list[str]) -> int:
    with path.open("rb") as file:
        stored = default_storage.save(name, File(file))
    brought.append(stored)
    if stored != name:
        raise BackupRefused(f"Something else has just written {name}. Stop the site first.")
    return path.stat().st_size


def _take_away(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)


def _wait_again() -> None:
    """No worker has these any more. The reconciler puts on the queue what waits."""
    begun = Conversion.objects.filter(state__in=(State.RUNNING, State.CANCELLING))
    for pk, number in begun.values_list("pk", "attempt"):
        attempt = Attempt(pk, number)
        attempt.give_back()
        attempt.close()


# Both


@contextmanager
def _alone(lock: Path, refusal: str) -> Iterator[None]:
    """Holds the lock on a file, which need not exist.

    Raises:
        BackupRefused: someone else holds it; with this message.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(refusal) from None
        yield


def _migrations() -> list[str]:
    return sorted(
        f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
    )


def _read_sums(folder: Path) -> Sums:
    lines = (folder / SUMS).read_text().splitlines()
    return {entry: digest for digest, _, entry in (line.partition("  ") for line in lines)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path) == digest


def _some(names: list[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
