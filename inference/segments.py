"""The segments of a long conversion: who makes which, fenced like the attempts at the whole.

The worker that has the conversion leads: it lays out the segments, makes some, and joins them all.
Others help with one at a time. What is made stays made when the leader is lost: the next attempt at
the conversion goes on from there.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Now

from inference import files
from inference.engine.plan import Plan
from inference.models import Conversion, Segment, Segmentation
from inference.patience import patiently
from inference.states import State, transition
from inference.trouble import (
    LOST_AFTER_SECONDS,
    MAX_LOSSES,
    OUT_OF_MEMORY,
    WORKER_LOST,
    Trouble,
)

if TYPE_CHECKING:
    from inference.attempts import Attempt

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentAttempt:
    """The `number`-th start of a segment; the methods say whether it was still current."""

    conversion_id: uuid.UUID
    index: int
    number: int

    @classmethod
    def claim(
        cls, conversion_id: uuid.UUID, *, led_by: int | None = None
    ) -> "SegmentAttempt | None":
        """Takes the first segment of a running conversion that waits; None where there is none.

        Args:
            led_by: the conversion's attempt, where its own worker asks.
        """
        waiting = _waiting(conversion_id).order_by("index")
        while (free := waiting.values_list("index", "attempt").first()) is not None:
            index, previous = free
            attempt = cls(conversion_id, index, previous + 1)
            taken = waiting.filter(index=index, attempt=previous).update(
                state=Segment.State.RUNNING,
                attempt=previous + 1,
                led_by=led_by,
                heartbeat_at=Now(),
                frames_done=0,
            )
            if taken:
                return attempt
        return None

    @property
    def folder(self) -> str:
        """Where it keeps its files, below the conversion's folder."""
        return files.segment_folder(self.index, self.number)

    def heartbeat(self, **progress: Any) -> bool:
        """Shows that the worker lives, with progress columns if any; False means stop."""
        running = self._mine().filter(conversion__state=State.RUNNING)
        return running.update(heartbeat_at=Now(), **progress) == 1

    def finish(self, file: str, frames: int) -> bool:
        """Hands in the part: its name in the storage."""
        return self._leave(Segment.State.DONE, file=file, frames_done=frames, frames_per_second=0.0)

    def fail(self, code: str, message: str) -> bool:
        """Ends the whole conversion with the reason why it cannot be done."""
        conversion = Conversion.objects.filter(pk=self.conversion_id)
        current = patiently(conversion.values_list("attempt", flat=True).first)
        return current is not None and transition(
            self.conversion_id,
            attempt=current,
            old=State.RUNNING,
            new=State.FAILED,
            error_code=code,
            error_message=message,
        )

    def give_back(self) -> bool:
        """Lets someone else make the segment."""
        return self._leave(Segment.State.WAITING, frames_done=0, frames_per_second=0.0)

    def try_again(self, trouble: Trouble) -> bool:
        """Lets the segment be made again, or fails the conversion after too many losses."""
        segment = patiently(self._mine().values("losses").first)
        if segment is None:
            return False
        spared = Conversion.objects.filter(pk=self.conversion_id, spares_memory=True).exists()
        if segment["losses"] >= MAX_LOSSES or (trouble is OUT_OF_MEMORY and spared):
            self.fail(trouble.code, trouble.message)
            return False
        if trouble is OUT_OF_MEMORY:
            Conversion.objects.filter(pk=self.conversion_id).update(spares_memory=True)
        return self._leave(
            Segment.State.WAITING, frames_done=0, frames_per_second=0.0, losses=F("losses") + 1
        )

    def close(self) -> None:
        """Lets go of the segment; its files go unless the part was handed in and is of use."""
        done = Segment.objects.filter(
            conversion_id=self.conversion_id,
            index=self.index,
            attempt=self.number,
            state=Segment.State.DONE,
        )
        if not done.exists():
            files.discard_quietly(self.conversion_id, self.folder)

    def state(self) -> str:
        """The state of the segment now, or `gone`."""
        row = Segment.objects.filter(conversion_id=self.conversion_id, index=self.index)
        return row.values_list("state", flat=True).first() or "gone"

    def __str__(self) -> str:
        return f"Attempt {self.number} at segment {self.index + 1}"

    def _mine(self) -> "QuerySet[Segment, Segment]":
        return Segment.objects.filter(
            conversion_id=self.conversion_id,
            index=self.index,
            attempt=self.number,
            state=Segment.State.RUNNING,
        )

    def _leave(self, state: Segment.State, **changes: Any) -> bool:
        return patiently(lambda: self._mine().update(state=state, **changes)) == 1


# What the leader does


def plan_of(conversion_id: uuid.UUID) -> Plan | None:
    """How the conversion was laid out; None where it was not."""
    row = Segmentation.objects.filter(pk=conversion_id).values_list("plan", flat=True).first()
    return row and Plan.from_dict(row)


@transaction.atomic
def lay_out(attempt: "Attempt", plan: Plan) -> None:
    """Makes a row for each segment, or keeps those of an earlier attempt with the same plan.

    What an earlier attempt's own worker was at is free again.
    """
    conversion_id = attempt.conversion_id
    before = plan_of(conversion_id)
    if before is not None and before.digest == plan.digest:
        led = Segment.objects.filter(conversion_id=conversion_id, state=Segment.State.RUNNING)
        led.filter(led_by__lt=attempt.number).update(state=Segment.State.WAITING)
        return
    clear(conversion_id)
    Segmentation.objects.create(conversion_id=conversion_id, plan=plan.to_dict())
    Segment.objects.bulk_create(
        Segment(conversion_id=conversion_id, index=segment.index) for segment in plan.segments
    )


def requeue_silent(attempt: "Attempt") -> None:
    """Frees segments whose helper was lost; the leader is at none of them itself."""
    silent = Segment.objects.filter(
        conversion_id=attempt.conversion_id,
        state=Segment.State.RUNNING,
        heartbeat_at__lte=Now() - timedelta(seconds=LOST_AFTER_SECONDS),
    )
    for index, number in silent.values_list("index", "attempt"):
        again = SegmentAttempt(attempt.conversion_id, index, number).try_again(WORKER_LOST)
        logger.warning(
            "Segment %d was lost%s",
            index + 1,
            "" if again else " too often",
            extra={"job": attempt.conversion_id},
        )


def make_again(conversion_id: uuid.UUID, index: int) -> None:
    """Frees a segment whose part turned out to be missing or damaged."""
    rows = Segment.objects.filter(conversion_id=conversion_id, index=index)
    rows.update(state=Segment.State.WAITING, frames_done=0, file="", losses=F("losses") + 1)


def parts(conversion_id: uuid.UUID) -> list[str] | None:
    """Storage names of all parts, in order; None while some are missing."""
    rows = Segment.objects.filter(conversion_id=conversion_id).order_by("index")
    found = list(rows.values_list("state", "file"))
    if any(state != Segment.State.DONE for state, _ in found):
        return None
    return [file for _, file in found]


def progress(conversion_id: uuid.UUID) -> tuple[int, float]:
    """Frames done, and new frames per second of all who are at it."""
    rows = Segment.objects.filter(conversion_id=conversion_id)
    sums = rows.aggregate(done=Sum("frames_done"), speed=Sum("frames_per_second"))
    return sums["done"] or 0, sums["speed"] or 0.0


def help_wanted(conversion_id: uuid.UUID) -> bool:
    """Whether segments of a running conversion wait."""
    return _waiting(conversion_id).exists()


def _waiting(conversion_id: uuid.UUID) -> "QuerySet[Segment, Segment]":
    return Segment.objects.filter(
        conversion_id=conversion_id,
        conversion__state=State.RUNNING,
        state=Segment.State.WAITING,
    )


def clear(conversion_id: uuid.UUID) -> None:
    """Forgets the segments, and removes their parts."""
    Segment.objects.filter(conversion_id=conversion_id).delete()
    Segmentation.objects.filter(pk=conversion_id).delete()
    files.discard_quietly(conversion_id, files.SEGMENTS)
