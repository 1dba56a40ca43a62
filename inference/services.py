"""What members and reviewers do with conversions. What workers write is in `attempts`."""

from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import user_lock
from inference import queue
from inference.engine.errors import EngineError
from inference.engine.settings import ConversionSettings, estimate
from inference.engine.video.probe import VideoInfo
from inference.errors import ConversionBusy, ConversionRefused
from inference.models import Conversion, Mode, Review
from inference.states import State, transition
from videos.models import Video

# An hour of result at 60 frames per second; on a CPU that is days of work.
FRAME_LIMIT = 216_000


@transaction.atomic
def conversion_create(*, video: Video, mode: Mode, settings: ConversionSettings) -> Conversion:
    """Stores a conversion as queued and hands its id to the queue once that is committed.

    Raises:
        ConversionRefused: the settings do not fit the video, the result would be too long, or the
            video is gone.
    """
    info = VideoInfo.from_dict(video.info)
    try:
        settings.check(info)
        frames = estimate(info, settings).frames
    except EngineError as error:
        raise ConversionRefused(error.code, error.message) from error
    if frames > FRAME_LIMIT:
        raise ConversionRefused(
            "too_many_frames",
            f"The result would have {frames:,} frames; the limit is {FRAME_LIMIT:,}. Trim the "
            "clip, or choose a lower frame rate or less slow motion.",
        )
    user_lock(pk=video.owner_id)
    if not Video.objects.filter(pk=video.pk).exists():
        raise ConversionRefused("video_gone", "This video has just been deleted.")
    conversion = Conversion.objects.create(
        video=video, mode=mode, settings=settings.to_dict(), frames_total=frames
    )
    transaction.on_commit(partial(queue.enqueue, conversion.pk))
    return conversion


@transaction.atomic
def conversion_cancel(*, conversion: Conversion) -> None:
    """Stops a conversion: a waiting one at once, a running one within about a second.

    Asking again while it stops changes nothing. The row is read afresh into `conversion`.

    Raises:
        ConversionBusy: it has already ended.
    """
    conversion.refresh_from_db()
    while conversion.state != State.CANCELLING:
        if not conversion.is_active:
            raise ConversionBusy("already_ended", "This conversion has already ended.")
        old = State(conversion.state)
        new = State.CANCELLED if old is State.QUEUED else State.CANCELLING
        applied = transition(conversion.pk, attempt=conversion.attempt, old=old, new=new)
        # Not applied where a worker took the row, or let go of it, since we looked: look again.
        conversion.refresh_from_db()
        if applied:
            if new is State.CANCELLING:
                transaction.on_commit(partial(queue.stop, conversion.pk))
            return


@transaction.atomic
def conversion_delete(*, conversion: Conversion) -> None:
    """Deletes a conversion and its files, stopping it first where it runs."""
    conversion.delete()


@transaction.atomic
def conversion_review(
    *, conversion: Conversion, reviewer: User, decision: Review, note: str = ""
) -> None:
    """Records what a reviewer decided.

    Raises:
        ConversionBusy: it has not ended yet.
    """
    if conversion.is_active:
        raise ConversionBusy("not_ended", "Only a conversion that has ended can be reviewed.")
    conversion.review = decision
    conversion.review_note = note
    conversion.reviewed_by = reviewer
    conversion.reviewed_at = timezone.now()
    conversion.save(update_fields=("review", "review_note", "reviewed_by", "reviewed_at"))
