"""`/metrics` for Prometheus: who may read it, and what the figures say."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from inference.models import Conversion
from inference.states import State
from videos.models import Video

pytestmark = pytest.mark.django_db


def read(client: Client, **headers: str) -> dict[tuple[str, str], float]:
    """Every figure by its name and its label's value."""
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(response.content.decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_strangers_and_members_find_no_such_page(
    client: Client, member_client: Client, settings: Any
) -> None:
    assert client.get("/metrics").status_code == 404
    assert member_client.get("/metrics").status_code == 404
    empty = {"Authorization": "Bearer "}  # no token is set: nothing matches it
    assert client.get("/metrics", headers=empty).status_code == 404
    settings.SLOMO_METRICS_TOKEN = "right"
    wrong = {"Authorization": "Bearer wrong"}
    assert client.get("/metrics", headers=wrong).status_code == 404


def test_the_token_opens_it(client: Client, settings: Any) -> None:
    settings.SLOMO_METRICS_TOKEN = "right"
    assert ("slomo_workers", "") in read(client, Authorization="Bearer right")


def test_the_figures_are_those_of_the_rows(
    staff_client: Client, video: Video, valkey: redis.Redis
) -> None:
    before = read(staff_client)
    assert before["slomo_queue_oldest_seconds", ""] == 0
    assert before["slomo_conversions", "queued"] == 0
    for state, fields in (
        (State.QUEUED, {}),
        (State.QUEUED, {}),
        (State.RUNNING, {"frames_per_second": 2.5}),
        (State.FAILED, {"error_code": "worker_lost"}),
    ):
        Conversion.objects.create(video=video, settings={}, state=state, **fields)
    oldest = Conversion.objects.filter(state=State.QUEUED)[:1].get()
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Conversion.objects.filter(pk=oldest.pk).update(created_at=an_hour_ago)
    after = read(staff_client)
    assert after["slomo_conversions", "queued"] == 2
    assert after["slomo_conversions", "running"] == 1
    assert after["slomo_conversions_failed", "worker_lost"] == 1
    assert after["slomo_queue_oldest_seconds", ""] == pytest.approx(3600, abs=60)
    assert after["slomo_new_frames_per_second", ""] == 2.5
    assert after["slomo_workers", ""] == 0
    assert 0 < after["slomo_disk_free_bytes", ""] <= after["slomo_disk_bytes", ""]


def test_they_can_be_had_while_the_queue_is_away(staff_client: Client, media: Path) -> None:
    assert read(staff_client)["slomo_workers", ""] == 0
