"""The status page: staff see what waits, who works, what fails and what runs, whatever is away."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from rq.worker import Worker

from inference import queue
from inference.attempts import Attempt
from inference.engine import weights
from inference.models import Conversion
from tests.conftest import CHECKOUT
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion
from tests.inference.results import failed
from videos.models import Video

pytestmark = pytest.mark.django_db

PAGE = "/admin/status/"


@pytest.fixture
def video(member: Any, tmp_path: Path) -> Video:
    return add_video(member, clips.moving(tmp_path / "clip.mp4", frames=4))


def read(client: Client) -> str:
    """The page's text, without its markup's line breaks."""
    response = client.get(PAGE)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("who", ["client", "member_client"])
def test_it_is_for_staff_only(request: pytest.FixtureRequest, who: str) -> None:
    client: Client = request.getfixturevalue(who)
    assert client.get(PAGE).status_code in (302, 403)


def test_staff_find_it_and_it_works_on_an_empty_site_without_a_queue(staff_client: Client) -> None:
    assert PAGE in staff_client.get("/admin/").content.decode()
    text = read(staff_client)
    assert "The queue does not answer" in text
    assert "none waits" in text
    assert "free of" in text


def test_without_workers_it_warns(staff_client: Client, valkey: redis.Redis) -> None:
    assert "No worker listens" in read(staff_client)


def test_it_tells_what_waits_who_works_and_what_failed(
    staff_client: Client, video: Video, valkey: redis.Redis
) -> None:
    waiting, running, silent = (slow_motion(video) for _ in range(3))
    failed(video)
    Conversion.objects.filter(error_code="corrupt").update(finished_at=timezone.now())
    queue.enqueue(waiting.pk)
    for conversion in (running, silent):
        assert Attempt.claim(conversion.pk)
    now = timezone.now()
    Conversion.objects.filter(pk=waiting.pk).update(created_at=now - timedelta(hours=3))
    Conversion.objects.filter(pk=silent.pk).update(heartbeat_at=now - timedelta(hours=2))
    worker = Worker([queue.get_queue()], connection=queue.get_queue().connection)
    worker.register_birth()
    job = queue.get_queue().fetch_job(str(waiting.pk))
    assert job is not None
    worker.prepare_execution(job)

    text = read(staff_client)
    assert "since 3 hours" in text
    assert "1 id waits on the queue" in text
    assert f"{worker.hostname}, process {worker.pid}" in text
    assert f'/{waiting.pk}/">{waiting.pk}</a>' in text
    assert 'class="warning">⚠ 2 hours ago</td>' in text
    assert text.count('class="warning"') == 1
    assert 'corrupt</a></th> <td data-label="How many">1</td>' in text


def test_old_failures_are_history(staff_client: Client, video: Video) -> None:
    failed(video)
    Conversion.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert "corrupt" not in read(staff_client)


def test_the_versions_are_those_of_what_runs(staff_client: Client, valkey: redis.Redis) -> None:
    from django.db import connection

    text = read(staff_client)
    _, info = weights.load()
    assert f"{info.name}, SHA-256 {info.digest}" in text
    assert sys.version.split()[0] in text
    assert f"{connection.display_name} " in text
    facts = valkey.info("server")
    assert (facts.get("valkey_version") or facts["redis_version"]) in text


def test_a_disk_that_is_nearly_full_is_a_warning(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gigabyte = 2**30
    usage = SimpleNamespace(total=1000 * gigabyte, free=100 * gigabyte)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert "Less than a tenth is free" not in read(staff_client)
    usage.free = 99 * gigabyte
    text = read(staff_client)
    assert text.count("Less than a tenth is free") == 2
    assert "99.0 GB free of 1000.0 GB, 901.0 GB used" in text


def test_a_storage_without_a_disk_says_so(staff_client: Client, settings: Any) -> None:
    elsewhere = "django.core.files.storage.Storage"  # knows no path, as those of the clouds
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": elsewhere}}
    assert f"{elsewhere}: no disk of this machine" in read(staff_client)


def test_it_needs_no_torch_in_the_web_server() -> None:
    look = "import sys, slomo_site.urls; from slomo_site.status import versions; versions();"
    look += "print('torch' in sys.modules, 'torch' in dict(versions()))"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", look],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]
