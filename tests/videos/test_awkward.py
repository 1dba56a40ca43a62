"""Every awkward file through a real upload: taken in with its poster, or refused by name."""

from pathlib import Path

import pytest

from accounts.models import User
from tests.awkward_table import AWKWARD, CONVERTS
from tests.videos.conftest import uploaded
from videos import services
from videos.errors import UploadRefused
from videos.models import Video

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("name", "outcome"), AWKWARD.items())
def test_an_awkward_file_comes_in_with_a_poster_or_is_refused_as_the_table_says(
    member: User, shared_data: Path, name: str, outcome: str
) -> None:
    upload = uploaded(shared_data / "awkward" / name)
    if outcome == CONVERTS:
        video = services.video_create(owner=member, upload=upload)
        assert video.frames >= 1
        assert video.duration > 0
        assert video.poster.open().read(2) == b"\xff\xd8"
    else:
        with pytest.raises(UploadRefused) as refusal:
            services.video_create(owner=member, upload=upload)
        assert refusal.value.code == outcome
        assert not Video.objects.exists()
