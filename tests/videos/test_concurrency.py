"""A member's library stays whole when several things happen to it at once."""

import time
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from accounts.models import User
from accounts.services import user_delete
from tests.parallel import at_once
from tests.videos.conftest import RowMaker, uploaded
from videos import selectors, services
from videos.errors import UploadRefused
from videos.models import Tag, Video

pytestmark = pytest.mark.django_db(transaction=True)


def stored(media: Path) -> set[str]:
    return {path.parent.name for path in (media / "videos").rglob("*") if path.is_file()}


def test_uploads_at_once_do_not_pass_the_quota(
    member: User, clip: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = [uploaded(clip) for _ in range(4)]
    together, probe, room_of = Barrier(len(uploads)), services.probe, selectors.room_of

    def probe_and_wait(path: Path) -> Any:
        found = probe(path)
        together.wait(timeout=60)
        return found

    def read_and_ponder(owner: User) -> selectors.Room:
        room = room_of(owner)
        time.sleep(0.2)  # in which another one may read the same
        return room

    monkeypatch.setattr(services, "probe", probe_and_wait)
    monkeypatch.setattr(selectors, "room_of", read_and_ponder)
    member.storage_quota = 2 * clip.stat().st_size + 10
    member.save()
    outcomes = at_once(
        *[partial(services.video_create, owner=member, upload=upload) for upload in uploads]
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, UploadRefused)]
    assert [refusal.code for refusal in refusals] == ["quota_exceeded"] * 2
    assert Video.objects.count() == 2
    assert stored(media) == {str(video.pk) for video in Video.objects.all()}


def test_a_new_tag_given_to_videos_at_once_is_one_tag(row: RowMaker) -> None:
    videos = [row(f"clip {number}") for number in range(6)]
    tag = [partial(services.video_update, video=video, tags=["goal"]) for video in videos]
    assert at_once(*tag) == videos
    assert Tag.objects.get().videos.count() == 6


def test_an_upload_that_ends_as_its_member_leaves_leaves_no_file(
    member: User, clip: Path, media: Path
) -> None:
    outcomes = at_once(
        partial(services.video_create, owner=member, upload=uploaded(clip)),
        partial(user_delete, user=User.objects.get(pk=member.pk)),
    )
    assert outcomes[1] is None
    assert not Video.objects.exists()
    assert stored(media) == set()
