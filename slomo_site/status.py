"""The status page for staff: what waits, who works, what fails, what room there is, what runs.

It is read when something is wrong, so each part stands alone: what does not answer says so, and
the rest is there all the same.
"""

import functools
import importlib.metadata
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
from django.conf import settings
from django.contrib import admin
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError
from safetensors import SafetensorError

from inference import figures
from inference.engine import weights_file
from inference.queue import get_queue
from inference.trouble import LOST_AFTER_SECONDS

RECENT = timedelta(days=7)
MOST_UNDER_WAY = 50
LOW = 0.1  # of a disk that is still free

PACKAGES = ("django", "torch", "av", "rq", "redis", "gunicorn")


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """How the site is, at this moment."""
    context = {
        **admin.site.each_context(request),
        "title": "Status",
        "now": timezone.now(),
        "states": [(state.label, count) for state, count in figures.by_state().items()],
        "oldest": figures.oldest_waiting(),
        "speed": figures.speed(),
        "under_way": figures.under_way()[:MOST_UNDER_WAY],
        "silent_before": timezone.now() - timedelta(seconds=LOST_AFTER_SECONDS),
        "failures": figures.failures(within=RECENT),
        "recent": RECENT,
        "queue": _queue(),
        "disks": disks(),
        "database": _database(),
        "versions": versions(),
    }
    return TemplateResponse(request, "admin/status.html", context)


@dataclass(frozen=True)
class Server:
    """A server that the site stands on: what it is, and how many milliseconds it took to answer."""

    name: str
    milliseconds: float


@dataclass(frozen=True)
class Queue:
    """The queue's server, the ids that wait there, and the workers that listen to it."""

    server: Server
    depth: int
    workers: list[figures.WorkerFacts]


def _queue() -> Queue | None:
    """None where it does not answer."""
    try:
        queue = get_queue()
        took = _milliseconds(queue.connection.ping)
        facts = queue.connection.info("server")
        name = facts.get("server_name", "redis").capitalize()
        version = facts.get("valkey_version") or facts["redis_version"]
        return Queue(Server(f"{name} {version}", took), queue.count, figures.workers())
    except RedisError:
        return None


def _database() -> Server:
    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    connection.ensure_connection()
    version = ".".join(str(part) for part in connection.get_database_version())
    return Server(f"{connection.display_name} {version}", _milliseconds(ask))


def _milliseconds(ask: Callable[[], object]) -> float:
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000


@dataclass(frozen=True)
class Disk:
    """The disk a folder is on. Its sizes are in bytes, None where this machine has no such disk."""

    what: str
    folder: str
    total: int | None = None
    free: int | None = None

    @property
    def used(self) -> int:
        """Bytes, by whomever."""
        return (self.total or 0) - (self.free or 0)

    @property
    def low(self) -> bool:
        """Whether someone should make room."""
        return self.total is not None and self.free is not None and self.free < LOW * self.total


def disks() -> list[Disk]:
    """Those of the data folder and of the media."""
    data = _disk("Data folder", Path(settings.SLOMO_DATA_DIR))
    try:
        return [data, _disk("Media", Path(default_storage.path("")))]
    except NotImplementedError:
        return [data, Disk("Media", settings.STORAGES["default"]["BACKEND"])]


def _disk(what: str, folder: Path) -> Disk:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return Disk(what, f"{folder}, which cannot be read")
    return Disk(what, str(folder), usage.total, usage.free)


@functools.cache
def versions() -> list[tuple[str, str]]:
    """What this process runs, by name. That of torch is read, not imported: it is large."""
    found: list[tuple[str, Any]] = [("Slomo", _version("slomo")), ("Weights", _weights())]
    found += [("Python", platform.python_version())]
    found += [(name, _version(name)) for name in PACKAGES]
    found += [("FFmpeg in av", av.ffmpeg_version_info)]
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _weights() -> str:
    try:
        name, digest = weights_file.identity()
    except (OSError, SafetensorError) as error:
        return f"cannot be read: {error}"
    return f"{name}, SHA-256 {digest}"
