"""One attempt at a conversion: all that the worker which holds it may write.

Every write carries the attempt's number, so a worker that was given up for lost and comes back
changes nothing.
"""

import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from inference import files, queue
from inference.models import Conversion
from inference.states import State, transition

# Seconds between heartbeats, and without one until an attempt counts as lost. The second leaves
# room for a database that is locked for a while.
HEARTBEAT_SECONDS = 3.0
LOST_AFTER_SECONDS = 60.0

WORKER_LOST = (
    "worker_lost",
    "The conversion was interrupted: the process that worked on it ended unexpectedly.",
)
OUT_OF_MEMORY = (
    "out_of_memory",
    "The machine ran out of memory during the conversion. Try a shorter part or a smaller clip.",
)


@dataclass(frozen=True)
class Attempt:
    """The `number`-th start of a conversion; the methods say whether it was still current."""

    conversion_id: uuid.UUID
    number: int

    @classmethod
    def claim(cls, conversion_id: uuid.UUID) -> "Attempt | None":
        """Takes a queued conversion; None where it is no longer queued or someone was faster."""
        queued = Conversion.objects.filter(pk=conversion_id, state=State.QUEUED)
        previous = queued.values_list("attempt", flat=True).first()
        if previous is None or not transition(
            conversion_id,
            attempt=previous,
            old=State.QUEUED,
            new=State.RUNNING,
            stage="",
            frames_done=0,
            frames_per_second=None,
            seconds_left=None,
        ):
            return None
        return cls(conversion_id, previous + 1)

    def heartbeat(self, **progress: Any) -> bool:
        """Shows that the worker lives, with progress columns if any; False means stop."""
        running = Conversion.objects.filter(
            pk=self.conversion_id, attempt=self.number, state=State.RUNNING
        )
        return running.update(heartbeat_at=timezone.now(), **progress) == 1

    def succeed(self, **outcome: Any) -> bool:
        """Publishes the result: the stored files' names and the figures, in one UPDATE."""
        return self._leave(State.RUNNING, State.SUCCEEDED, **outcome)

    def fail(self, code: str, message: str) -> bool:
        """Ends the conversion with the reason why it cannot be done."""
        return self._leave(State.RUNNING, State.FAILED, error_code=code, error_message=message)

    def give_back(self, *, lost: bool = False) -> bool:
        """Puts the conversion back into the queue, unharmed or because its worker was lost."""
        losses = {"losses": F("losses") + 1} if lost else {}
        with transaction.atomic():
            applied = self._leave(State.RUNNING, State.QUEUED, **losses)
            if applied:
                transaction.on_commit(partial(queue.enqueue, self.conversion_id))
        return applied

    def close(self) -> None:
        """Lets go of the conversion, whatever became of it.

        A stop that was asked for is now done, and the attempt's files go unless they are the
        published result.
        """
        self._leave(State.CANCELLING, State.CANCELLED)
        mine = Conversion.objects.filter(pk=self.conversion_id, attempt=self.number)
        if not mine.filter(state=State.SUCCEEDED).exists():
            files.discard(self.conversion_id, self.number)

    def state(self) -> str:
        """The state of the conversion now, or `deleted`."""
        row = Conversion.objects.filter(pk=self.conversion_id)
        return row.values_list("state", flat=True).first() or "deleted"

    def _leave(self, old: State, new: State, **changes: Any) -> bool:
        changes |= {"stage": "", "seconds_left": None}
        return transition(self.conversion_id, attempt=self.number, old=old, new=new, **changes)
