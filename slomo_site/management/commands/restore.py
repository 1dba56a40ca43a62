"""`manage.py restore FOLDER`: an empty site becomes the one that was backed up."""

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from slomo_site.backup import BackupRefused, restore


class Command(BaseCommand):
    help = "Restores a backup into an empty data folder and database. Stop the site before."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--despite-damage",
            action="store_true",
            help="restore what is whole where files of the backup are damaged or gone",
        )

    def handle(self, *args: Any, folder: Path, despite_damage: bool, **options: Any) -> None:
        try:
            done = restore(folder, despite_damage=despite_damage)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        self.stdout.write(
            f"Every row and {done.files} files ({filesizeformat(done.bytes)}) are in "
            f"{settings.SLOMO_DATA_DIR}. Conversions that were on their way wait again."
        )
        if done.missing:
            raise CommandError(
                "These files were damaged or missing in the backup, and their rows are without "
                "them now: " + ", ".join(done.missing)
            )
