"""What the queue calls."""

import uuid

from inference.worker import ConversionWorker


def conversion_run(conversion_id: str) -> None:
    """Runs one conversion; the id is the whole payload. RQ calls it in the worker's parent."""
    ConversionWorker.current().convert(uuid.UUID(conversion_id))


def conversion_help(conversion_id: str, number: int) -> None:
    """Makes one segment of a conversion that another worker leads."""
    ConversionWorker.current().help(uuid.UUID(conversion_id), number)
