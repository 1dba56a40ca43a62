"""What members are told while the site itself is in trouble: its database away, its disk full."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from tests.conftest import PASSWORD
from tests.engine import clips
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def locked_database() -> Iterator[None]:
    """Another program writes, and goes on writing."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite is locked as a whole")
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()
        connection.close()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process can grow beyond `room` bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_page_says_that_the_database_is_away_and_nothing_is_lost(
    member_client: Client, member: object
) -> None:
    with locked_database():
        answer = Client(raise_request_exception=False).post(
            "/account/login/", {"login": "member@example.com", "password": PASSWORD}
        )
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert "Nothing is lost" in answer.content.decode()


def test_a_program_is_told_in_the_one_shape_of_errors(
    member_client: Client, tmp_path: Path
) -> None:
    clip = clips.moving(tmp_path / "clip.mp4", frames=5)
    member_client.raise_request_exception = False
    with locked_database(), clip.open("rb") as file:
        answer = member_client.post("/api/v1/videos/", {"file": file})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_away"
    assert not list((tmp_path / "data" / "media").rglob("*.mp4"))


@pytest.mark.parametrize("address", ["/api/v1/videos/", "/videos/upload/"])
def test_an_upload_without_room_is_refused_in_words_and_leaves_nothing(
    member_client: Client, tmp_path: Path, address: str
) -> None:
    clip = tmp_path / "clip.mp4"
    pictures = clips.pan(30, width=320, height=192)
    clips.render(clip, pictures)
    room = clip.stat().st_size // 2
    member_client.raise_request_exception = False
    with clip.open("rb") as file, full_disk(room):
        answer = member_client.post(address, {"file": file})
    assert answer.status_code == 507
    assert "no room left" in answer.content.decode()
    assert not Video.objects.exists()
    left = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert left == []
