"""What happens at the same moment: parallel transactions, of which the right one wins.

On SQLite writers take turns; `make test-postgres` runs these with transactions that overlap.
"""

import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.models import User
from accounts.services import user_delete
from inference import files, queue, services
from inference.attempts import Attempt
from inference.errors import ConversionBusy, ConversionRefused
from inference.models import Conversion
from inference.reconciler import reconcile, remove_orphans
from inference.states import State
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion, state_of
from tests.parallel import at_once
from videos import services as library
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10  # a race that is lost seldom is lost in one of them


def running(video: Video) -> tuple[Conversion, Attempt]:
    attempt = Attempt.claim(slow_motion(video).pk)
    assert attempt is not None
    return Conversion.objects.get(pk=attempt.conversion_id), attempt


def publish(attempt: Attempt) -> bool:
    """What a worker does at the end; its file may vanish under its hands with the attempt."""
    name = f"{files.stored_folder(attempt.conversion_id, attempt.number)}/result.mp4"
    try:
        return attempt.succeed(result=default_storage.save(name, ContentFile(b"video")))
    except FileNotFoundError:
        return False
    finally:
        attempt.close()


def has_files(conversion: Conversion) -> bool:
    return conversion.pk in {found for found, _ in files.attempts_with_files()}


def test_of_eight_workers_one_gets_the_conversion(video: Video) -> None:
    for _ in range(ROUNDS):
        conversion = slow_motion(video)
        claims = at_once(*[partial(Attempt.claim, conversion.pk)] * 8)
        assert sorted(claims, key=str) == [Attempt(conversion.pk, 1), *[None] * 7]
        conversion.refresh_from_db()
        assert (conversion.state, conversion.attempt) == (State.RUNNING, 1)


def test_a_stop_and_a_result_at_once_have_one_outcome_that_stays(video: Video) -> None:
    for _ in range(ROUNDS):
        conversion, attempt = running(video)
        cancel = partial(services.conversion_cancel, conversion=conversion)
        refusal, published = at_once(cancel, partial(publish, attempt))
        expected = State.SUCCEEDED if published else State.CANCELLED
        assert isinstance(refusal, ConversionBusy) if published else refusal is None
        reconcile(lost_after=timedelta(0))
        remove_orphans()
        assert state_of(conversion) == expected
        assert bool(conversion.result) is has_files(conversion) is published


def test_a_stop_and_a_claim_at_once_leave_no_one_at_work(video: Video) -> None:
    for _ in range(ROUNDS):
        conversion = slow_motion(video)
        cancel = partial(services.conversion_cancel, conversion=conversion)
        refusal, attempt = at_once(cancel, partial(Attempt.claim, conversion.pk))
        assert refusal is None
        if attempt is None:
            assert state_of(conversion) == State.CANCELLED
        else:
            assert state_of(conversion) == State.CANCELLING
            assert not attempt.heartbeat()


def test_eight_stops_at_once_are_one(video: Video) -> None:
    conversion, attempt = running(video)
    copies = [Conversion.objects.get(pk=conversion.pk) for _ in range(8)]
    stops = [partial(services.conversion_cancel, conversion=copy) for copy in copies]
    assert at_once(*stops) == [None] * 8
    attempt.close()
    assert state_of(conversion) == State.CANCELLED


def test_reconcilers_at_once_give_a_lost_attempt_back_once(
    video: Video, valkey: "redis.Redis"
) -> None:
    for _ in range(ROUNDS):
        conversion, _attempt = running(video)
        assert at_once(*[partial(reconcile, lost_after=timedelta(0))] * 4) == [None] * 4
        conversion.refresh_from_db()
        assert (conversion.state, conversion.losses) == (State.QUEUED, 1)
        assert set(queue.get_queue().get_job_ids()) == {str(conversion.pk)}
        Conversion.objects.all().delete()
        queue.get_queue().empty()


def test_what_reconcilers_at_once_enqueue_is_begun_once(
    video: Video, valkey: "redis.Redis"
) -> None:
    conversion = slow_motion(video)
    Conversion.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    valkey.flushall()
    assert at_once(*[reconcile] * 4) == [None] * 4
    delivered = queue.get_queue().get_job_ids()
    assert set(delivered) == {str(conversion.pk)}
    claims = [Attempt.claim(conversion.pk) for _ in delivered]
    assert claims == [Attempt(conversion.pk, 1), *[None] * (len(delivered) - 1)]


def test_a_lost_attempt_that_ends_after_all_has_one_outcome(video: Video) -> None:
    for _ in range(ROUNDS):
        conversion, attempt = running(video)
        published, _ = at_once(
            partial(publish, attempt), partial(reconcile, lost_after=timedelta(0))
        )
        assert state_of(conversion) == (State.SUCCEEDED if published else State.QUEUED)
        assert has_files(conversion) is published
        assert bool(conversion.result) is published


@pytest.mark.parametrize("what", ["conversion", "video", "member"])
def test_what_is_deleted_as_its_result_arrives_leaves_nothing(
    video: Video, what: str, media: Path
) -> None:
    conversion, attempt = running(video)
    delete = {
        "conversion": partial(services.conversion_delete, conversion=conversion),
        "video": partial(library.video_delete, video=video),
        "member": partial(user_delete, user=video.owner),
    }[what]
    outcome: list[Any] = at_once(delete, partial(publish, attempt))
    assert outcome[0] is None
    assert not Conversion.objects.exists()
    assert not has_files(conversion)
    left = [path for path in media.rglob("*") if path.is_file()]
    assert [path.name for path in left if what != "conversion"] == []


def test_a_folder_that_fills_as_it_is_deleted_does_not_keep_the_rest(
    video: Video, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_motion(video)

    def not_empty(*_: Any) -> None:
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr(files, "discard", not_empty)
    library.video_delete(video=video)
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_work_folders_are_made_while_others_beside_them_go() -> None:
    conversion_id = uuid.uuid4()

    def work(worker: int) -> None:
        for number in range(400):
            with files.work_folder(conversion_id, f"segments/{number}-{worker}"):
                pass

    def look() -> None:
        for _ in range(400):
            list(files.attempts_with_files())

    assert at_once(*[partial(work, worker) for worker in range(3)], look) == [None] * 4
    assert list(files.work_root().iterdir()) == []


@pytest.mark.parametrize("what", ["video", "member"])
def test_what_is_deleted_as_a_conversion_is_asked_for_takes_it_along(
    tmp_path: Path, what: str
) -> None:
    clip = clips.moving(tmp_path / "clip.mp4", frames=4)
    for number in range(ROUNDS):
        member = User.objects.create_user(email=f"member{number}@example.com")
        video = add_video(member, clip)
        delete = {
            "video": partial(library.video_delete, video=Video.objects.get(pk=video.pk)),
            "member": partial(user_delete, user=User.objects.get(pk=member.pk)),
        }[what]
        deletion, wish = at_once(delete, partial(slow_motion, video))
        assert deletion is None
        assert isinstance(wish, Conversion | ConversionRefused)
        assert not Conversion.objects.exists()
        assert not Video.objects.exists()
