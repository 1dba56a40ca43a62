"""The states of a conversion and the one place where they change."""

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now


class State(models.TextChoices):
    """Where a conversion is in its life.

    `QUEUED`: waits for a worker. The row alone says so; Redis may not know of it yet.
    `RUNNING`: one worker has it and heartbeats into the row; a silent heartbeat means it is lost.
    `CANCELLING`: someone asked to stop and the worker has not yet let go. A state of its own, so
        that a result which arrives too late is not published and the page can say "stopping".
    `SUCCEEDED`: the result is published. Final.
    `FAILED`: it cannot be done, or was lost too often; `error_code` and `error_message` say why.
        Final.
    `CANCELLED`: stopped on request, and nothing of it is kept. Final.
    """

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    CANCELLING = "cancelling", "Stopping"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.CANCELLING})
FINAL = frozenset(State) - ACTIVE

# RUNNING -> QUEUED is an attempt given back, because its worker was lost or shut down.
LEGAL = frozenset(
    {
        (State.QUEUED, State.RUNNING),
        (State.QUEUED, State.CANCELLED),
        (State.RUNNING, State.QUEUED),
        (State.RUNNING, State.CANCELLING),
        (State.RUNNING, State.SUCCEEDED),
        (State.RUNNING, State.FAILED),
        (State.CANCELLING, State.CANCELLED),
    }
)


def transition(
    conversion_id: uuid.UUID, *, attempt: int, old: State, new: State, **changes: Any
) -> bool:
    """Moves a conversion from one state to another, together with other columns.

    One conditional UPDATE on (id, attempt, state) decides, so of two callers one wins. Entering
    `RUNNING` starts the next attempt: whoever still writes for the one before changes nothing.

    Args:
        conversion_id: the row.
        attempt: the attempt the caller knows of; any other is no longer, or not yet, current.
        old: the state the caller believes it is in.
        new: the state to enter.
        changes: columns to set in the same UPDATE.

    Returns:
        Whether the row changed. False when it is gone, in another state or in another attempt.

    Raises:
        ValueError: nothing ever goes from `old` to `new`.
    """
    # Imported here because the model names its states by this module.
    from inference.models import Conversion

    if (old, new) not in LEGAL:
        raise ValueError(f"a conversion never goes from {old} to {new}")
    if new is State.RUNNING:
        changes |= {"attempt": attempt + 1, "started_at": Now(), "heartbeat_at": Now()}
    elif new in FINAL:
        changes |= {"finished_at": Now()}
    row = Conversion.objects.filter(pk=conversion_id, attempt=attempt, state=old)
    return row.update(state=new, **changes) == 1
