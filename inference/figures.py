"""How much work there is and how it goes: for Prometheus, and for staff on the status page.

Rows are the truth and outlive every process, so nothing is counted in memory and any web process
answers for all. A deleted conversion is no longer counted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Sum
from django.utils import timezone
from rq.worker import BaseWorker, Worker

from inference.models import Conversion, ConversionQuerySet
from inference.queue import get_queue
from inference.states import State


def by_state() -> dict[State, int]:
    """How many conversions are in each state, none in some."""
    found = dict(Conversion.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: found.get(state.value, 0) for state in State}


@dataclass(frozen=True)
class Failures:
    """Conversions that failed for one reason: its code, how many, and when the latest did."""

    code: str
    count: int
    latest: datetime | None


def failures(*, within: timedelta | None = None) -> list[Failures]:
    """Failed conversions by code, the most frequent first; without `within` since ever."""
    failed = Conversion.objects.order_by().filter(state=State.FAILED)
    if within is not None:
        failed = failed.filter(finished_at__gte=timezone.now() - within)
    codes = failed.values_list("error_code").annotate(many=Count("pk"), latest=Max("finished_at"))
    return [Failures(*row) for row in codes.order_by("-many", "error_code")]


def oldest_waiting() -> datetime | None:
    """Since when the conversion has waited that has waited the longest."""
    waiting = Conversion.objects.filter(state=State.QUEUED).order_by("created_at")
    return waiting.values_list("created_at", flat=True).first()


def speed() -> float:
    """Frames synthesised each second, by all running conversions together."""
    running = Conversion.objects.filter(state=State.RUNNING)
    return running.aggregate(sum=Sum("frames_per_second"))["sum"] or 0.0


def under_way() -> ConversionQuerySet:
    """Conversions that a worker has, the longest silent first."""
    begun = Conversion.objects.filter(state__in=(State.RUNNING, State.CANCELLING))
    return begun.select_related("video").order_by("heartbeat_at")


@dataclass(frozen=True)
class WorkerFacts:
    """A worker as the queue knows it.

    Attributes:
        state: RQ's word: `idle`, `busy`, `suspended` and the like.
        conversion: what it works on, if anything.
        since: its start.
        heard_of: its last sign of life.
    """

    name: str
    host: str
    pid: int | None
    state: str
    conversion: UUID | None
    since: datetime | None
    heard_of: datetime | None


def workers() -> list[WorkerFacts]:
    """All that listen, by host and name. Raises RedisError when Redis is away."""
    found = [_facts(worker) for worker in Worker.all(queue=get_queue())]
    return sorted(found, key=lambda worker: (worker.host, worker.name))


def _facts(worker: BaseWorker) -> WorkerFacts:
    job = worker.get_current_job_id()
    return WorkerFacts(
        name=worker.name,
        host=worker.hostname or "",
        pid=worker.pid,
        state=str(worker.get_state()),
        # Help with a segment goes under the conversion's id with something behind it.
        conversion=UUID(job.partition("_")[0]) if job else None,
        since=worker.birth_date,
        heard_of=worker.last_heartbeat,
    )
