"""`python -m tests.fuzz`: the long run, on a throw-away site."""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many damaged files")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for files that made trouble")
    parser.add_argument("--files", type=Path, help="a folder of videos to damage")
    options = parser.parse_args()
    shared = Path(
        os.environ.get("SLOMO_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")
    )
    folder = options.files or shared / "awkward"
    if not folder.is_dir():
        print(f"There is no folder {folder}; name one with videos: --files FOLDER", file=sys.stderr)
        return 2
    files = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="slomo-fuzz-") as data:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "slomo_site.settings",
            "SLOMO_DATA_DIR": data,
            "DATABASE_URL": f"sqlite:///{data}/fuzz.sqlite3",
            "SLOMO_HTTPS": "0",
        }
        import django
        from django.test.utils import setup_test_environment

        django.setup()
        logging.disable(logging.WARNING)  # refusals are no news here
        setup_test_environment()

        from django.core.management import call_command
        from django.test import Client

        from accounts.models import User
        from tests.fuzz.harness import run

        call_command("migrate", verbosity=0)
        client = Client(raise_request_exception=False)
        client.force_login(User.objects.create_user(email="fuzz@example.com", password="fuzz"))
        numbers = range(options.first, options.first + options.count)
        tally = run(client, files, numbers, seed=options.seed, keep=options.keep)
    print(tally)
    for line in (*tally.deaths, *tally.failures):
        print(line)
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
