"""A running site, on whichever database and queue, is backed up and becomes another site."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.db import connection

from tests.conftest import CHECKOUT
from tests.engine import clips
from tests.inference.conftest import database_url
from tests.site.running import manage


def run(*command: str, **environment: str) -> str:
    """What a command of `manage.py` prints, which has to succeed."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "DATABASE_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=CHECKOUT,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def moves(tmp_path: Path, **servers: str) -> None:
    """Converts a clip on a site that uses `servers`, and restores its backup embedded."""
    clip = clips.moving(tmp_path / "clip.mp4", frames=6)
    old, new, backup = tmp_path / "old", tmp_path / "new", tmp_path / "backup"
    with manage(old, "demo", "--clip", str(clip), **servers) as site:
        site.hears("Slomo keeps running at")
        said = run("backup", str(backup), SLOMO_DATA_DIR=str(old), **servers)
    media = contents(old / "media")
    assert f"{len(media)} files" in said
    assert len(media) >= 6  # clip, poster, result, two maps, comparison

    run("restore", str(backup), SLOMO_DATA_DIR=str(new))
    assert contents(new / "media") == media
    rows = "print(*Conversion.objects.values_list('state', 'frames_done', 'video__original_name'))"
    told = run("shell", "-c", rows, SLOMO_DATA_DIR=str(new))
    assert "('succeeded', 48, 'clip.mp4')" in told


def test_the_embedded_site(tmp_path: Path) -> None:
    moves(tmp_path)


def test_a_site_on_postgresql_and_redis(
    tmp_path: Path, transactional_db: None, valkey: "redis.Redis", valkey_server: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL (make test-postgres)")
    moves(tmp_path, DATABASE_URL=database_url(), REDIS_URL=valkey_server)
