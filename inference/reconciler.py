"""Brings rows, queue and files back into agreement after something died.

Runs every few seconds in the supervisor and on demand as `manage.py reconcile`. Everything here
may run at any moment, twice at once, or not at all for an hour, and change nothing it should not.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone
from redis.exceptions import RedisError

from inference import files, queue, segments
from inference.attempts import Attempt
from inference.models import Conversion, Segment, Segmentation
from inference.states import ACTIVE, State
from inference.trouble import LOST_AFTER_SECONDS, WORKER_LOST
from videos.tus.services import remove_abandoned

# A row this young is still being handed to the queue by whoever queued it.
ENQUEUE_AFTER = timedelta(seconds=10)

# The states in which the current attempt's files are in use.
KEEPS_FILES = frozenset({State.RUNNING, State.CANCELLING, State.SUCCEEDED})

RECONCILE_SECONDS = 5.0
# After the database was away, workers get this long to be heard of again before any counts as lost.
AFTER_TROUBLE_SECONDS = 10.0
ORPHANS_SECONDS = 3600.0

logger = logging.getLogger(__name__)


def keep_order(wait: Callable[[float], object], *, every: float = RECONCILE_SECONDS) -> None:
    """Round after round, and now and then the orphans.

    Args:
        wait: waits so many seconds; true ends it.
        every: seconds between two rounds.
    """
    orphans_at = time.monotonic()
    while True:
        went_well = in_peace(reconcile)
        if time.monotonic() >= orphans_at:
            orphans_at = time.monotonic() + ORPHANS_SECONDS
            in_peace(remove_orphans)
        if wait(every if went_well else max(every, AFTER_TROUBLE_SECONDS)):
            return


def in_peace(work: Callable[[], None]) -> bool:
    """Does it; a failure is logged and takes nothing else down. Whether it went well."""
    try:
        work()
    except Exception:
        logger.exception("The reconciler failed")
        return False
    else:
        return True
    finally:
        connections.close_all()


def reconcile(*, lost_after: timedelta = timedelta(seconds=LOST_AFTER_SECONDS)) -> None:
    """One round.

    Args:
        lost_after: age of the last heartbeat from which an attempt counts as lost; zero where
            it is known that no worker runs.
    """
    _end_lost_attempts(lost_after)
    try:
        queue.clean()
        _enqueue_forgotten()
        _call_for_help()
    except RedisError as error:
        logger.warning("The queue is away; what is queued waits: %s", error)


def _end_lost_attempts(lost_after: timedelta) -> None:
    silent = Conversion.objects.filter(
        state__in=(State.RUNNING, State.CANCELLING), heartbeat_at__lte=Now() - lost_after
    )
    for pk, number in silent.values_list("pk", "attempt"):
        attempt = Attempt(pk, number)
        again = attempt.try_again(WORKER_LOST)
        attempt.close()
        logger.warning("Attempt %d was lost: %s", number, attempt.state(), extra={"job": pk})
        if again:
            queue.enqueue(pk)


def _enqueue_forgotten() -> None:
    old_enough = timezone.now() - ENQUEUE_AFTER
    waiting = Conversion.objects.filter(state=State.QUEUED, created_at__lte=old_enough)
    waiting_ids = waiting.order_by("created_at").values_list("pk", flat=True)
    known = queue.known_ids() if waiting_ids else set()
    for conversion_id in waiting_ids:
        if conversion_id not in known and queue.enqueue(conversion_id):
            logger.info("Back on the queue", extra={"job": conversion_id})


def _call_for_help() -> None:
    """The leader's own calls may be gone with the queue's memory, or with the helper."""
    helped = Conversion.objects.filter(
        state=State.RUNNING, segments__state=Segment.State.WAITING
    ).distinct()
    wanted = set(helped.values_list("pk", flat=True))
    for conversion_id in wanted - queue.called_for_help() if wanted else set():
        queue.enqueue_help(conversion_id, 1)


def remove_orphans() -> None:
    """Removes files of rows that are gone, of attempts that ended without a result, and of uploads
    that nobody finished.

    Looks at every stored file, so it is for now and then.
    """
    found = set(
        files.attempts_with_files()
    )  # before the rows, for each row is older than its files
    divided = set(files.conversions_with_segments())
    divided.update(Segmentation.objects.values_list("pk", flat=True))
    rows = list(Conversion.objects.values_list("pk", "attempt", "state"))
    keep = {(pk, attempt) for pk, attempt, state in rows if state in KEEPS_FILES}
    for conversion_id, attempt in found - keep:
        files.discard(conversion_id, attempt)
        logger.info("Removed files of attempt %d", attempt, extra={"job": conversion_id})
    active = {pk for pk, _, state in rows if state in ACTIVE}
    for conversion_id in divided - active:
        segments.clear(conversion_id)
        logger.info("Removed its segments", extra={"job": conversion_id})
    remove_abandoned()
