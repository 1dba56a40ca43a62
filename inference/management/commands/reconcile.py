"""`manage.py reconcile`: what the supervisor does all the time, for machines without one."""

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from inference.reconciler import reconcile, remove_orphans

ORPHANS_SECONDS = 3600

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Requeues lost conversions, enqueues forgotten ones and removes orphaned files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every",
            type=float,
            metavar="SECONDS",
            help="go on, with a round this often (5 is usual); orphans are removed every hour",
        )

    def handle(self, *args: Any, every: float | None, **options: Any) -> None:
        if every is None:
            reconcile()
            remove_orphans()
            return
        orphans_at = time.monotonic()
        while True:
            try:
                reconcile()
                if time.monotonic() >= orphans_at:
                    orphans_at = time.monotonic() + ORPHANS_SECONDS
                    remove_orphans()
            except Exception:  # the next round comes
                logger.exception("The reconciler failed")
            finally:
                connections.close_all()
            time.sleep(every)
