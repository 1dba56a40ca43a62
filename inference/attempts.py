"""One attempt at a conversion: all that the worker which holds it may write.

Every write carries the attempt's number, so a worker that was given up for lost and comes back
changes nothing.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from inference import files, segments
from inference.models import Conversion
from inference.patience import patiently
from inference.states import FINAL, State, transition
from inference.trouble import MAX_LOSSES, OUT_OF_MEMORY, Trouble


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
        # By the database's clock, which all machines share.
        return running.update(heartbeat_at=Now(), **progress) == 1

    def succeed(self, **outcome: Any) -> bool:
        """Publishes the result: the stored files' names and the figures, in one UPDATE."""
        return self._leave(State.RUNNING, State.SUCCEEDED, **outcome)

    def fail(self, code: str, message: str) -> bool:
        """Ends the conversion with the reason why it cannot be done."""
        return self._leave(State.RUNNING, State.FAILED, error_code=code, error_message=message)

    def give_back(self) -> bool:
        """Makes the conversion wait again, unharmed; the caller puts it back on the queue."""
        return self._leave(State.RUNNING, State.QUEUED)

    def try_again(self, trouble: Trouble) -> bool:
        """Makes the conversion wait for another attempt, or fails it after too many.

        What ran out of memory is tried once more, sparing memory. The caller puts it back on the
        queue.
        """
        row = Conversion.objects.filter(pk=self.conversion_id).values("losses", "spares_memory")
        before = patiently(row.first)
        if before is None:
            return False
        for_memory = trouble is OUT_OF_MEMORY
        if before["losses"] >= MAX_LOSSES or (for_memory and before["spares_memory"]):
            self.fail(trouble.code, trouble.message)
            return False
        return self._leave(
            State.RUNNING,
            State.QUEUED,
            losses=F("losses") + 1,
            spares_memory=before["spares_memory"] or for_memory,
        )

    def close(self) -> None:
        """Lets go of the conversion, whatever became of it.

        A stop that was asked for is now done, and the attempt's files go unless they are the
        published result.
        """
        self._leave(State.CANCELLING, State.CANCELLED)
        mine = Conversion.objects.filter(pk=self.conversion_id, attempt=self.number)
        if not mine.filter(state=State.SUCCEEDED).exists():
            files.discard_quietly(self.conversion_id, self.number)
        if self.state() in {*FINAL, "deleted"}:
            segments.clear(self.conversion_id)

    def state(self) -> str:
        """The state of the conversion now, or `deleted`."""
        row = Conversion.objects.filter(pk=self.conversion_id)
        return row.values_list("state", flat=True).first() or "deleted"

    def __str__(self) -> str:
        return f"Attempt {self.number}"

    def _leave(self, old: State, new: State, **changes: Any) -> bool:
        changes |= {"stage": "", "seconds_left": None}
        return patiently(
            lambda: transition(self.conversion_id, attempt=self.number, old=old, new=new, **changes)
        )
