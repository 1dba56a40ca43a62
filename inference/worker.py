"""The worker: takes ids from the queue and has its warm child convert them, one at a time."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.worker import Worker, WorkerStatus

from inference import limits
from inference.attempts import Attempt
from inference.child import Child, ChildDied
from inference.queue import enqueue, enqueue_help, get_queue
from inference.segments import SegmentAttempt, help_wanted
from inference.trouble import HEARTBEAT_SECONDS, OUT_OF_MEMORY, STALLED, WORKER_LOST, Trouble

# How long the child may take to stop by itself, which keeps the model warm, before it is killed.
GRACE_SECONDS = 0.5

# Workers that are called to help with one long conversion. More would hold up the others.
MOST_HELPERS = 15

logger = logging.getLogger(__name__)


class ConversionWorker(Worker):
    """An RQ worker whose work horse stays alive between jobs.

    RQ runs the task in this process, which claims the row, hands the attempt to the child and
    watches: it heartbeats for it into the row and Redis, passes on a stop, and settles the row
    when the child dies. So the child knows nothing of Redis, and one process keeps the books.
    """

    # Seconds at most between two tries while Redis is away. RQ's own is a minute of idleness.
    max_connection_wait_time = 5.0

    _current: ClassVar["ConversionWorker | None"] = None

    def __init__(self) -> None:
        queue = get_queue()
        # The time to live tells how long a killed worker still counts as listening: 90 s.
        super().__init__(
            [queue],
            connection=queue.connection,
            job_class=queue.job_class,
            queue_class=type(queue),
            serializer=queue.serializer,
            worker_ttl=30,
            job_monitoring_interval=15,
        )
        self._child: Child | None = None
        self._stopping = threading.Event()
        self._at_work: tuple[Job, Execution] | None = None
        self._again: Callable[[], object] | None = None

    @classmethod
    def current(cls) -> "ConversionWorker":
        """The worker that this process is."""
        if cls._current is None:
            raise RuntimeError("conversions run in a worker: start one with manage.py worker")
        return cls._current

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """As in RQ; the model loads meanwhile, and the child ends with it.

        RQ logs warnings only: it would call every conversion completed, cancelled ones too.
        """
        type(self)._current = self
        self._warm_child()
        logger.info("Waiting for conversions")
        try:
            return bool(super().work(*args, **{"logging_level": "WARNING"} | kwargs))
        finally:
            type(self)._current = None
            if self._child is not None:
                self._child.kill()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Runs the task here, for the child does the heavy part."""
        self._stopping.clear()
        close_old_connections()
        execution = self.prepare_execution(job)
        self._at_work = job, execution
        self.perform_job(job, queue, execution)
        if self._again is not None:
            # Not before: RQ has just dropped what it knew under this id.
            self._again()
            self._again = None
        self._stopped_job_id = None
        self.set_state(WorkerStatus.IDLE)
        if not self._stop_requested:
            self._warm_child()

    def kill_horse(self, *_: Any) -> None:
        """RQ's stop command, in its listening thread; the main thread does it."""
        self._stopping.set()

    def convert(self, conversion_id: uuid.UUID) -> None:
        """Runs one conversion to its end, whichever that is."""
        attempt = Attempt.claim(conversion_id)
        if attempt is None:
            logger.info("Nothing to do: no longer waiting", extra={"job": conversion_id})
        elif self._run(attempt):
            self._again = partial(enqueue, conversion_id)

    def help(self, conversion_id: uuid.UUID, number: int) -> None:
        """Makes one segment of a conversion that another worker leads, if one still waits."""
        attempt = SegmentAttempt.claim(conversion_id)
        if attempt is not None:
            self._run(attempt)
            if help_wanted(conversion_id):
                # Behind what waits by now: one long conversion does not hold up all the others.
                self._again = partial(enqueue_help, conversion_id, number)

    def _run(self, attempt: Attempt | SegmentAttempt) -> bool:
        """Has the child do it, and settles what it leaves; whether it is to be done again."""
        log = logging.LoggerAdapter(logger, {"job": attempt.conversion_id})
        log.info("%s begins", attempt)
        child = self._warm_child()
        trouble: Trouble | None = None
        again = False
        try:
            child.begin(attempt)
            trouble = self._watch(child, attempt)
        except ChildDied as death:
            log.error("The child died: %s", death)
            trouble = OUT_OF_MEMORY if death.for_memory else WORKER_LOST
        finally:
            if child.busy:
                child.kill()
            # Without trouble it is still running where this worker shuts down or is to drop it.
            again = attempt.try_again(trouble) if trouble else attempt.give_back()
            attempt.close()
            log.info("%s is over: %s", attempt, attempt.state())
        return again

    def _warm_child(self) -> Child:
        if self._child is None or not self._child.is_alive():
            self._child = Child()
        return self._child

    def _watch(self, child: Child, attempt: Attempt | SegmentAttempt) -> Trouble | None:
        """Returns when the child is done, perhaps in trouble, or is to be killed."""
        beat_at = redis_beat_at = time.monotonic()
        kill_at: float | None = None
        segments = 1
        while not child.finished(within=0.1):
            now = time.monotonic()
            if self._stop_requested or (kill_at is not None and now >= kill_at):
                return None
            if child.silent_seconds() > settings.SLOMO_STALL_SECONDS:
                logger.error("The child hangs", extra={"job": attempt.conversion_id})
                return STALLED
            if child.segments > segments:
                segments = child.segments
                for number in range(1, min(segments, MOST_HELPERS + 1)):
                    enqueue_help(attempt.conversion_id, number)
            if now >= beat_at:
                beat_at = now + HEARTBEAT_SECONDS
                if limits.exceeds_memory(child.pid):
                    logger.error("The child takes too much", extra={"job": attempt.conversion_id})
                    return OUT_OF_MEMORY
                if not self._heartbeat(attempt):
                    self._stopping.set()
            if now >= redis_beat_at:
                redis_beat_at = now + self.job_monitoring_interval
                self._heartbeat_to_redis()
            if self._stopping.is_set() and kill_at is None:
                child.stop()
                kill_at = now + GRACE_SECONDS
        return child.trouble

    def _heartbeat(self, attempt: Attempt | SegmentAttempt) -> bool:
        try:
            return attempt.heartbeat()
        except DatabaseError:
            logger.warning("No heartbeat: the database is away", exc_info=True)
            connections.close_all()
            return True

    def _heartbeat_to_redis(self) -> None:
        assert self._at_work is not None
        try:
            self.maintain_heartbeats(*self._at_work)
        except RedisError as error:
            logger.warning("No heartbeat to Redis: %s", error)
