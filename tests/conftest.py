"""Fixtures every package's tests share.

Each test gets a data folder of its own and a queue address that leads nowhere; it asks for `valkey`
when it needs the real queue. Nothing here ever touches the `var/` of the checkout.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before torch is imported: one thread a test run, so that several runs share a machine well.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client

from slomo_site import valkey as valkey_process

CHECKOUT = Path(__file__).parents[1]
PASSWORD = "correct-horse-battery"


# Folders and outside material


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's own media folder; child processes inherit the data folder it lies in."""
    data_dir = tmp_path / "data"
    media = data_dir / "media"
    media.mkdir(parents=True)
    settings.SLOMO_DATA_DIR = data_dir
    settings.MEDIA_ROOT = media
    monkeypatch.setenv("SLOMO_DATA_DIR", str(data_dir))
    return media


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real footage that is not part of the repository (see docs/training.md)."""
    folder = Path(os.environ.get("SLOMO_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no footage at {folder} (set SLOMO_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium or Chrome that Playwright can drive."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("SLOMO_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip("no Chromium on this machine (install it or set SLOMO_CHROMIUM)")
    return found


# The database: a file, as on a real machine, so that threads and child processes can share it


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        folder = tmp_path_factory.mktemp("database")
        database.setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite3")


# The queue


@pytest.fixture(autouse=True)
def _queue_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _point_queues_at(f"unix://{tmp_path}/no-valkey.sock", monkeypatch)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """URL of a Redis that is the tests' own: `tests.services` brings one, else a Valkey."""
    if url := os.environ.get("SLOMO_TEST_REDIS_URL"):
        yield url
        return
    # Not tmp_path: the path of a unix socket must stay under 108 characters.
    with tempfile.TemporaryDirectory(prefix="slomo-") as folder:
        socket = Path(folder) / "valkey.sock"
        server = subprocess.Popen(
            valkey_process.command(socket=socket, folder=Path(folder)), stdout=subprocess.DEVNULL
        )
        try:
            assert valkey_process.wait_until_answers(socket, server)
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait(timeout=60)


@pytest.fixture
def valkey(
    valkey_server: str, _queue_leads_nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> "redis.Redis":
    """An empty Valkey with every RQ queue, and REDIS_URL for child processes, pointing at it."""
    _point_queues_at(valkey_server, monkeypatch)
    connection = redis.Redis.from_url(valkey_server)
    connection.flushall()
    return connection


def _point_queues_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # In place: django-rq keeps a reference to this very dictionary.
    for queue in django_settings.RQ_QUEUES.values():
        monkeypatch.setitem(queue, "URL", url)
    monkeypatch.setenv("REDIS_URL", url)


# What only costs time here

# Hashing slowly on purpose is right for real passwords; here it was most of the suite's time.
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Each test's client would list all static files anew; looked up one by one they are the same.
django_settings.WHITENOISE_AUTOREFRESH = True


# People


@pytest.fixture
def member(db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_user(email="member@example.com", password=PASSWORD)


@pytest.fixture
def other_member(db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_user(email="rival@example.com", password=PASSWORD)


@pytest.fixture
def staff(db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_superuser(email="staff@example.com", password=PASSWORD)


@pytest.fixture
def member_client(member: AbstractBaseUser) -> Client:
    return _signed_in(member)


@pytest.fixture
def other_client(other_member: AbstractBaseUser) -> Client:
    return _signed_in(other_member)


@pytest.fixture
def staff_client(staff: AbstractBaseUser) -> Client:
    return _signed_in(staff)


def _signed_in(user: AbstractBaseUser) -> Client:
    client = Client()
    client.force_login(user)
    return client
