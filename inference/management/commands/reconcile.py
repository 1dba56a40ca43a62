"""`manage.py reconcile`: one round of what the supervisor does all the time."""

from typing import Any

from django.core.management.base import BaseCommand

from inference.reconciler import reconcile, remove_orphans


class Command(BaseCommand):
    help = "Requeues lost conversions, enqueues forgotten ones and removes orphaned files."

    def handle(self, *args: Any, **options: Any) -> None:
        reconcile()
        remove_orphans()
