"""`manage.py demo`: the whole product once, from an upload to a slow-motion file."""

import argparse
import signal
import socket
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from slomo_site.demo.client import SiteRefused
from slomo_site.demo.clip import render_clip
from slomo_site.demo.show import show
from slomo_site.supervisor import HOST, Supervisor, SupervisorError

PORT = 8000


class Command(BaseCommand):
    help = "Starts the site, slows a clip down eight times through it, and keeps serving."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--clip", type=Path, help="a video of your own; else one is drawn")
        parser.add_argument("--once", action="store_true", help="exit after the conversion")

    def handle(self, *args: Any, clip: Path | None, once: bool, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        folder = Path(settings.SLOMO_DATA_DIR) / "demo"
        folder.mkdir(mode=0o700, exist_ok=True)
        shown = False
        try:
            clip = clip or self._built_in_clip(folder)
            if not clip.is_file():
                raise CommandError(f"There is no file {clip}.")
            self._say("Starting the site …")
            with Supervisor(port=_port(), say=self._say) as site:
                site.wait_until_ready()
                show(site.url, clip, folder=folder, say=self._say)
                shown = True
                if once:
                    self._say("\n`make serve` starts the site again to watch it.")
                else:
                    self._say(f"\nSlomo keeps running at {site.url} (Ctrl-C stops it)")
                    site.wait()
        except (SupervisorError, SiteRefused) as error:
            raise CommandError(str(error)) from error
        except requests.RequestException as error:
            logs = Path(settings.SLOMO_DATA_DIR) / "logs"
            raise CommandError(f"The site stopped answering ({error}). See {logs}.") from error
        except KeyboardInterrupt:
            if not shown:
                raise CommandError("Stopped before the end.", returncode=130) from None
            self._say("Stopped.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # at once, into a pipe too

    def _built_in_clip(self, folder: Path) -> Path:
        clip = folder / "windmill.mp4"
        if not clip.exists():
            self._say("Drawing a clip …")
            draft = clip.with_suffix(".draft.mp4")
            render_clip(draft)
            draft.rename(clip)
        return clip


def _port() -> int:
    """The usual port, or 0 (any free one) where something else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            return 0
    return PORT
