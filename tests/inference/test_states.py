"""The one place where a conversion's state changes."""

from itertools import product

import pytest

from inference.attempts import Attempt
from inference.models import Conversion
from inference.states import ACTIVE, FINAL, LEGAL, State, transition
from videos.models import Video

pytestmark = pytest.mark.django_db


def conversion_in(state: State, video: Video, *, attempt: int = 1) -> Conversion:
    return Conversion.objects.create(
        video=video, mode="slow", settings={}, state=state, attempt=attempt
    )


def test_every_legal_transition_is_applied_and_every_other_refused(video: Video) -> None:
    for old, new in product(State, State):
        conversion = conversion_in(old, video)
        if (old, new) in LEGAL:
            assert transition(conversion.pk, attempt=1, old=old, new=new)
            conversion.refresh_from_db()
            assert conversion.state == new
        else:
            with pytest.raises(ValueError, match="never goes"):
                transition(conversion.pk, attempt=1, old=old, new=new)


def test_nothing_leaves_a_final_state() -> None:
    assert not {old for old, _ in LEGAL} & FINAL
    assert {old for old, _ in LEGAL} == ACTIVE


def test_a_wrong_belief_about_the_state_changes_nothing(video: Video) -> None:
    conversion = conversion_in(State.CANCELLING, video)
    assert not transition(conversion.pk, attempt=1, old=State.RUNNING, new=State.SUCCEEDED)
    conversion.refresh_from_db()
    assert conversion.state == State.CANCELLING
    assert conversion.finished_at is None


def test_an_attempt_that_is_not_current_changes_nothing(video: Video) -> None:
    conversion = conversion_in(State.RUNNING, video, attempt=2)
    for stale in (Attempt(conversion.pk, 1), Attempt(conversion.pk, 3)):
        assert not stale.heartbeat(frames_done=5)
        assert not stale.succeed(psnr=1.0)
        assert not stale.fail("internal_error", "No.")
        assert not stale.give_back()
        stale.close()
    conversion.refresh_from_db()
    assert (conversion.state, conversion.frames_done, conversion.psnr) == ("running", 0, None)


def test_a_queued_conversion_is_claimed_once_and_gets_the_next_number(video: Video) -> None:
    conversion = conversion_in(State.QUEUED, video, attempt=4)
    assert Attempt.claim(conversion.pk) == Attempt(conversion.pk, 5)
    assert Attempt.claim(conversion.pk) is None
    conversion.refresh_from_db()
    assert conversion.state == State.RUNNING
    assert conversion.started_at is not None
    assert conversion.heartbeat_at is not None


def test_a_result_that_comes_after_the_stop_is_not_published_and_its_files_go(
    video: Video,
) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    conversion = conversion_in(State.CANCELLING, video)
    attempt = Attempt(conversion.pk, 1)
    name = default_storage.save(f"conversions/{conversion.pk}/1/result.mp4", ContentFile(b"video"))
    assert not attempt.succeed(result=name)
    attempt.close()
    conversion.refresh_from_db()
    assert conversion.state == State.CANCELLED
    assert conversion.finished_at is not None
    assert not conversion.result
    assert not default_storage.exists(name)


def test_a_conversion_that_was_deleted_cannot_be_written_to(video: Video) -> None:
    conversion = conversion_in(State.RUNNING, video)
    attempt = Attempt(conversion.pk, 1)
    conversion.delete()
    assert not attempt.heartbeat()
    assert not attempt.succeed()
