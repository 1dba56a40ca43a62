"""`python -m tests.chaos`: a storm over a site of its own, and the verdict on what it left."""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import django

# Ten are promised; a busy machine is given as many again.
STOP_SECONDS = 20


def main() -> int:
    """Storms, waits, judges and prints. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=20, help="the storm ends by then")
    parser.add_argument("--calm", type=float, default=300, help="seconds for all jobs to end")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="slomo-chaos-"))
    print(f"seed {options.seed}, everything in {folder}", flush=True)
    # Before anything reads the settings: the site, and this process, use a folder of their own.
    _point_settings_at(folder / "data")
    wrong = _storm(folder, options)
    for complaint in wrong:
        print(f"WRONG: {complaint}")
    if wrong:
        print(f"Everything is kept in {folder}")
        return 1
    print("nothing wrong")
    shutil.rmtree(folder)
    return 0


def _point_settings_at(data: Path) -> None:
    data.mkdir()
    os.environ["SLOMO_DATA_DIR"] = str(data)
    os.environ["DJANGO_SETTINGS_MODULE"] = "slomo_site.settings"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["SLOMO_SEGMENT_FRAMES"] = "30"  # so that some of the short jobs are shared
    for elsewhere in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(elsewhere, None)
    django.setup()


def _storm(folder: Path, options: argparse.Namespace) -> list[str]:
    """What was wrong in the end."""
    from django.core.management import call_command

    from tests.chaos import history, verdict
    from tests.chaos.site import Site, left_over
    from tests.chaos.storm import Storm

    data = folder / "data"
    database = data / "db.sqlite3"
    call_command("migrate", verbosity=0)
    token, videos = verdict.library(folder)
    history.record(database)
    site = Site(data, workers=options.workers)
    site.start()
    try:
        storm = Storm(
            site=site,
            token=token,
            videos=videos,
            jobs=options.jobs,
            dice=random.Random(options.seed),
            deadline=time.monotonic() + 60 * options.minutes,
        )
        started = time.monotonic()
        storm.rage()
        print(f"{storm.asked} jobs asked for in {time.monotonic() - started:.0f} s")
        storm.report()
        calm = verdict.wait_until_all_ended(options.calm)
        stopped = site.stop()
    finally:
        if site.process.poll() is None:
            site.process.kill()
    wrong = [f"process left over: {process}" for process in left_over(data)]
    if calm is None:
        wrong.append(f"jobs had not ended {options.calm:.0f} s after the last kill")
    else:
        print(
            f"all had ended {calm:.1f} s after the last kill; the site stopped in {stopped:.1f} s"
        )
    if stopped > STOP_SECONDS:
        wrong.append(f"the site took {stopped:.1f} s to stop")
    return wrong + verdict.judge(history.read(database))


if __name__ == "__main__":
    sys.exit(main())
