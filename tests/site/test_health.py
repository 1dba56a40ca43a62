"""`/healthz` tells what works."""

import pytest
import redis
from django.db import OperationalError
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
