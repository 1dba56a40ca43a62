"""`manage.py backup FOLDER`: everything members have, while the site runs."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from slomo_site.backup import BackupRefused, back_up


class Command(BaseCommand):
    help = "Backs the library up into a folder; a backup that is there is brought up to date."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            done = back_up(folder)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup was not finished: {error}") from error
        self.stdout.write(
            f"{folder} has every row and {done.files} files; "
            f"{filesizeformat(done.bytes)} were copied."
        )
        if done.missing:
            raise CommandError(
                "Files that the library should have are not in its storage, and so not in the "
                "backup: " + ", ".join(done.missing)
            )
