"""`/healthz` tells what works, `/readyz` whether visitors may come."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

pytestmark = pytest.mark.django_db


def test_everything_up_is_ok(client: Client, valkey: redis.Redis) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "queue": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_without_a_queue_the_site_still_serves(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "database": "ok", "queue": "down"}


def test_without_a_database_it_does_not(
    client: Client, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise OperationalError

    monkeypatch.setattr("slomo_site.health._ask_database", down)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["status"] == "down"


def test_a_migrated_site_that_can_write_is_ready(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "database": "ok",
        "migrations": "ok",
        "media": "ok",
    }


def test_a_site_whose_migrations_wait_is_alive_but_not_ready(client: Client) -> None:
    ((app, latest),) = MigrationLoader(connection).graph.leaf_nodes("videos")
    MigrationRecorder(connection).record_unapplied(app, latest)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["migrations"] == "down"
    assert client.get("/healthz").status_code == 200


def test_a_site_that_cannot_store_files_is_not_ready(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "gone"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["media"] == "down"
