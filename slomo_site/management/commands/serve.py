"""`manage.py serve`: the whole site on this machine, until Ctrl-C."""

import argparse
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from slomo_site.supervisor import Supervisor, SupervisorError


class Command(BaseCommand):
    help = "Runs the queue, the web server and the workers on this machine, until Ctrl-C."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="0 takes any free one")
        parser.add_argument("--workers", type=int, default=1, help="conversions at a time")

    def handle(self, *args: Any, port: int, workers: int, **options: Any) -> None:
        supervisor = Supervisor(port=port, workers=workers, say=self.stdout.write)
        signal.signal(signal.SIGTERM, lambda *_: supervisor.request_stop())
        try:
            with supervisor:
                self.stdout.write("Starting …")
                supervisor.wait_until_ready()
                self.stdout.write(f"Slomo is at {supervisor.url} (Ctrl-C stops it)")
                supervisor.wait()
                self.stdout.write("Stopping …")
        except SupervisorError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
