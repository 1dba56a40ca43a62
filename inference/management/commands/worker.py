"""`manage.py worker`: one worker, until it is told to stop."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError


class Command(BaseCommand):
    help = "Runs one conversion worker. Start as many as the machine has room for."

    def handle(self, *args: Any, **options: Any) -> None:
        from inference.worker import ConversionWorker

        try:
            ConversionWorker().work()
        except RedisError as error:
            raise CommandError(f"The queue cannot be reached: {error}") from error
