"""What this product asks of Redis: carry ids, pass on a stop, know which workers listen.

The database is the truth, so every function here takes Redis being away calmly: nothing is lost,
the reconciler catches up.
"""

import logging
import uuid

import django_rq
from redis.exceptions import RedisError
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.queue import Queue
from rq.registry import clean_registries
from rq.worker import Worker
from rq.worker_registration import clean_worker_registry

QUEUE = "default"
TASK = "inference.tasks.conversion_run"
HELP = "inference.tasks.conversion_help"

logger = logging.getLogger(__name__)


def get_queue() -> Queue:
    """The queue of conversions; callers choose the moment, after their transaction."""
    return django_rq.get_queue(QUEUE, commit_mode="auto")


def enqueue(conversion_id: uuid.UUID) -> bool:
    """Puts the id on the queue under itself as the job id; False when Redis is away.

    Conversions take as long as they take: a lease kept up by heartbeats, not a timeout, tells a
    lost one. Outcomes live in the row, so Redis keeps none.
    """
    return _enqueue(TASK, conversion_id, str(conversion_id), (str(conversion_id),))


def enqueue_help(conversion_id: uuid.UUID, number: int) -> bool:
    """Asks for a worker to make one segment of a running conversion; False when Redis is away.

    Args:
        number: tells one such request from the others.
    """
    job_id = f"{conversion_id}_{number}"
    return _enqueue(HELP, conversion_id, job_id, (str(conversion_id), number))


def _enqueue(task: str, conversion_id: uuid.UUID, job_id: str, args: tuple[str | int, ...]) -> bool:
    try:
        get_queue().enqueue_call(
            task,
            args=args,
            job_id=job_id,
            description=f"conversion {conversion_id}",
            timeout=-1,
            result_ttl=0,
            failure_ttl=3600,
        )
    except RedisError as error:
        logger.warning("Not on the queue: %s", error, extra={"job": conversion_id})
        return False
    return True


def stop(conversion_id: uuid.UUID) -> None:
    """Tells the worker that runs this conversion to stop it now.

    Where the message cannot be delivered, the worker notices at its next write to the row.
    """
    try:
        queue = get_queue()
        send_stop_job_command(queue.connection, str(conversion_id), queue.serializer)
    except (NoSuchJobError, InvalidJobOperation):
        logger.info("No worker has it", extra={"job": conversion_id})
    except RedisError as error:
        logger.warning("No stop through Redis: %s", error, extra={"job": conversion_id})


def known_ids() -> set[uuid.UUID]:
    """Ids that wait in Redis or that a worker holds. Raises RedisError when Redis is away."""
    return {uuid.UUID(job_id) for job_id in _job_ids() if "_" not in job_id}


def called_for_help() -> set[uuid.UUID]:
    """Ids of conversions for which help is asked or given. Raises RedisError likewise."""
    return {uuid.UUID(job_id.partition("_")[0]) for job_id in _job_ids() if "_" in job_id}


def _job_ids() -> list[str]:
    queue = get_queue()
    return [*queue.get_job_ids(), *queue.started_job_registry.get_job_ids(cleanup=False)]


def clean() -> None:
    """Drops what dead workers left in RQ's registries. Raises RedisError when Redis is away."""
    queue = get_queue()
    clean_registries(queue)
    clean_worker_registry(queue)


def workers_listening() -> int:
    """How many workers wait for or run conversions; 0 when Redis is away."""
    try:
        queue = get_queue()
        clean_worker_registry(queue)
        return Worker.count(queue=queue)
    except RedisError:
        return 0
