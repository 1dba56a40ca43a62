"""What must be true of the rows and files a storm leaves."""

import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import av
from django.conf import settings
from django.core.files.storage import default_storage

from accounts.models import ApiToken, User
from accounts.services import token_create
from inference import files
from inference.models import Conversion, Segment
from inference.reconciler import reconcile, remove_orphans
from inference.states import ACTIVE, State
from tests.chaos.history import History
from tests.engine import clips
from tests.inference.conftest import add_video


def library(folder: Path) -> tuple[str, list[str]]:
    """A member with some short videos: an API token's secret, and the videos' ids."""
    member = User.objects.create_user(email="member@example.com", password="correct-horse-battery")
    _, secret = token_create(
        user=member, name="chaos", scope=ApiToken.Scope.WRITE, lifetime=timedelta(days=1)
    )
    silent = clips.render(folder / "silent.mp4", clips.pan(24, width=96, height=64))
    longer = clips.render(folder / "longer.mp4", clips.pan(48, width=96, height=64))
    videos = [
        add_video(member, clips.moving(folder / "sound.mp4", frames=12)),
        add_video(member, silent),
        add_video(member, longer),
    ]
    return secret, [str(video.pk) for video in videos]


def wait_until_all_ended(seconds: float) -> float | None:
    """How long it took until no conversion was waiting or running; None if longer."""
    started = time.monotonic()
    while Conversion.objects.filter(state__in=ACTIVE).exists():
        if time.monotonic() - started > seconds:
            return None
        time.sleep(0.2)
    return time.monotonic() - started


def judge(seen: History) -> list[str]:
    """Prints the counts; returns what is wrong, in words. The site must have been stopped."""
    rows = list(Conversion.objects.all())
    states = Counter(row.state for row in rows)
    print("ended: " + ", ".join(f"{n} {state}" for state, n in states.most_common()))
    codes = Counter(row.error_code for row in rows if row.state == State.FAILED)
    print("failed: " + (", ".join(f"{n} {code}" for code, n in codes.items()) or "none"))
    longest = sum(row.frames_total >= 2 * settings.SLOMO_SEGMENT_FRAMES for row in rows)
    print(f"long enough to be shared: {longest}")
    print(f"attempts: {sum(row.attempt for row in rows)}, lost: {len(seen.notice_seconds)}")
    if seen.notice_seconds:
        late = sorted(seen.notice_seconds)
        print(f"noticed after: median {late[len(late) // 2]:.1f} s, at most {late[-1]:.1f} s")
    print("changes: " + ", ".join(f"{n} {old}->{new}" for (old, new), n in seen.changes.items()))

    wrong = [f"{row.pk} is still {row.state}" for row in rows if row.state in ACTIVE]
    wrong += [f"{pk} went from {old} to {new}" for pk, old, new in seen.flips]
    wrong += [f"{pk} succeeded twice" for pk in seen.succeeded_twice]
    wrong += [f"{pk} was lost for {s:.0f} s" for pk, s in _late(seen)]
    wrong += [
        f"{row.pk} failed with {row.error_code}: {row.error_message}"
        for row in rows
        if row.state == State.FAILED and row.error_code != "worker_lost"
    ]
    done = [row for row in rows if row.state == State.SUCCEEDED]
    wrong += [complaint for row in done if (complaint := _flaw(row))]
    kept = {(row.pk, row.attempt) for row in done}

    before = set(files.attempts_with_files())
    reconcile()
    remove_orphans()
    after = set(files.attempts_with_files())
    print(f"files of {len(before - kept)} dead attempts were removed by the reconciler")
    wrong += [f"orphaned files of {pk}, attempt {n}" for pk, n in after - kept]
    wrong += [f"no files of {pk}, attempt {n}" for pk, n in kept - after]
    wrong += [f"parts left over of {pk}" for pk in files.conversions_with_segments()]
    wrong += [f"row left over: {row}" for row in Segment.objects.all()]
    wrong += [f"left in the work folder: {path}" for path in files.work_root().glob("*")]
    return wrong


# Half a minute, and as much again for a supervisor that is killed just then and starts slowly.
NOTICED_SECONDS = 60.0


def _late(seen: History) -> list[tuple[str, float]]:
    return [("an attempt", seconds) for seconds in seen.notice_seconds if seconds > NOTICED_SECONDS]


def _flaw(row: Conversion) -> str | None:
    """What is wrong with the result: it must be one complete, playable file."""
    folder = files.stored_folder(row.pk, row.attempt)
    clips_here = [name for name in default_storage.listdir(folder)[1] if name.startswith("result.")]
    if clips_here != [Path(row.result.name).name]:
        return f"{row.pk} has {clips_here} in {folder}"
    with av.open(row.result.path) as container:
        decoded = sum(1 for _ in container.decode(video=0))
    with row.frame_map.open("rb") as file:
        mapped = len(json.load(file)["rows"])
    if not decoded == mapped == row.frames_total == row.frames_done:
        return f"{row.pk} has {decoded} frames, {mapped} in its map, {row.frames_total} expected"
    return None
