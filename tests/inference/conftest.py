"""Videos in the library and a real worker process beside the tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.files import File
from django.db import connection

from accounts.models import User
from inference import queue, services
from inference.engine.settings import ConversionSettings
from inference.engine.video.probe import probe
from inference.models import Conversion, Mode
from tests.conftest import CHECKOUT, _point_queues_at
from tests.engine import clips
from videos.models import Video


def wait_for(condition: Callable[[], Any], *, seconds: float = 120.0) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def state_of(conversion: Conversion) -> str:
    conversion.refresh_from_db()
    return conversion.state


def add_video(owner: User, clip: Path) -> Video:
    """The clip as a video of `owner`, without the detour over an upload."""
    info = probe(clip)
    video = Video(
        owner=owner,
        title="A clip",
        original_name=clip.name,
        size=info.size,
        duration=float(info.duration),
        width=info.width,
        height=info.height,
        frame_rate=str(info.frame_rate),
        frames=info.frames,
        info=info.to_dict(),
    )
    with clip.open("rb") as content:
        video.file.save("source.mp4", File(content), save=False)
    video.save()
    return video


@pytest.fixture
def video(member: User, tmp_path: Path) -> Video:
    """Half a second with sound."""
    return add_video(member, clips.moving(tmp_path / "clip.mp4", frames=15))


@pytest.fixture
def long_video(member: User, tmp_path: Path) -> Video:
    """Ten seconds: long enough to be stopped in the middle."""
    pictures = clips.pan(300, width=160, height=96)
    return add_video(member, clips.render(tmp_path / "long.mp4", pictures))


def slow_motion(video: Video, slowness: int = 2) -> Conversion:
    """A queued conversion of the video, handed to the queue where there is one."""
    settings = ConversionSettings(rate=Fraction(30), slowness=Fraction(slowness))
    return services.conversion_create(video=video, mode=Mode.SLOW, settings=settings)


@dataclass(frozen=True)
class WorkerProcess:
    """A `manage.py worker`, and the folder its data is in."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    log: Path

    def child(self) -> psutil.Process:
        """The process that has the model."""
        spawned = [
            process
            for process in psutil.Process(self.process.pid).children()
            if "spawn_main" in " ".join(process.cmdline())
        ]
        assert len(spawned) == 1
        return spawned[0]


def database_url() -> str:
    """DATABASE_URL of the tests' database, for processes beside them."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


def start_worker(data_dir: Path, queue_url: str, *, log: str = "worker.log") -> WorkerProcess:
    """Starts a worker on the test's database, data folder and queue."""
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "REDIS_URL": queue_url,
        "SLOMO_DATA_DIR": str(data_dir),
        "OMP_NUM_THREADS": "1",
    }
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / log).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return WorkerProcess(process, data_dir, data_dir / log)


@pytest.fixture(scope="module")
def worker_process(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, valkey_server: str
) -> Iterator[WorkerProcess]:
    """One worker for a whole module, because it has a model to load."""
    worker = start_worker(tmp_path_factory.mktemp("worker") / "data", valkey_server)
    yield worker
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=120)


@pytest.fixture
def worker(
    transactional_db: None,
    worker_process: WorkerProcess,
    valkey_server: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> WorkerProcess:
    """The module's worker, listening and idle; the test's files lie where it finds them."""
    _point_queues_at(valkey_server, monkeypatch)
    settings.SLOMO_DATA_DIR = worker_process.data_dir
    settings.MEDIA_ROOT = worker_process.data_dir / "media"
    wait_for(queue.workers_listening)
    queue.get_queue().empty()
    return worker_process
