"""`manage.py reconcile`: what the supervisor does all the time, for machines without one."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inference.reconciler import keep_order, reconcile, remove_orphans


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
        keep_order(time.sleep, every=every)
