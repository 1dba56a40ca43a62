"""What tests of the library share: real clips, uploaded through the real probe."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from tests.engine import clips
from videos import services
from videos.models import Video


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny MP4: 96x64, 12 frames at 30 per second, with sound."""
    return clips.moving(tmp_path_factory.mktemp("clips") / "moving.mp4")


def uploaded(path: Path, name: str | None = None) -> SimpleUploadedFile:
    """The file at `path` as a form delivers it, under `name` where given."""
    return SimpleUploadedFile(name or path.name, path.read_bytes(), "video/mp4")


@pytest.fixture
def video(member: User, clip: Path) -> Video:
    """A video of `member`, probed and stored."""
    return services.video_create(owner=member, upload=uploaded(clip, "First try.mp4"))


@pytest.fixture
def row(member: User) -> "RowMaker":
    """Makes videos that exist as rows only, for tests of what needs no file."""
    return RowMaker(member)


class RowMaker:
    """`row("title", tags=…, …)`: a video of the member without any file."""

    def __init__(self, owner: User) -> None:
        self.owner = owner

    def __call__(self, title: str, *, tags: tuple[str, ...] = (), **facts: Any) -> Video:
        values: dict[str, Any] = {
            "owner": self.owner,
            "original_name": f"{title}.mp4",
            "size": 1000,
            "duration": 4.0,
            "width": 96,
            "height": 64,
            "frame_rate": "30/1",
            "frames": 120,
        }
        video = Video.objects.create(title=title, **{**values, **facts})
        return services.video_update(video=video, tags=tags)
