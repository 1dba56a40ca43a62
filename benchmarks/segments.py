"""What a second worker is worth for one long conversion: at least 1.8 times the speed of one.

Workers are processes of one thread, each bound to a core of its own, which stand for machines with
a device each. One of them converts the clip in one piece; then two share its segments and one of
them joins these. The models are loaded before the clock starts, as a worker's is. Exit status 1
if two are less than `WANTED` times as fast.

Whatever else runs on the machine takes more from two cores than from one. So beside the ratio by
the clock there is one by processor time, which a quiet machine would show: that of the one worker
to half of what the two need for the segments, with planning and joining added.

    python -m benchmarks.segments [--size 320x180] [--seconds 8] [--slow 4] [--segment 120]
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from multiprocessing.pool import Pool
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from inference.engine.convert import convert
from inference.engine.interpolator import Interpolator
from inference.engine.segments import Plan, convert_segment, join, plan
from inference.engine.settings import ConversionSettings
from inference.engine.video.probe import probe
from tests.engine import clips

WANTED = 1.8
RATE = 30
_worker: list[Interpolator] = []


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clip", type=Path, nargs="?", help="default: a rendered pan")
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--slow", type=Fraction, default=Fraction(4))
    parser.add_argument("--segment", type=int, default=120, help="output frames")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        print("Two workers need two cores.")
        return 1
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        width, height = (int(n) for n in options.size.split("x"))
        loop = clips.pan(2 * RATE, width=width, height=height, speed=(5, 2))
        source = options.clip or clips.render(
            folder / "clip.mp4",
            [loop[k % len(loop)] for k in range(options.seconds * RATE)],
            audio=clips.sine(options.seconds),
        )
        settings = ConversionSettings(probe(source).frame_rate, options.slow)
        ratios = []
        with workers(1) as one, workers(2) as two:
            for _ in range(options.rounds):
                ratios.append(compare(one, two, source, settings, options.segment, folder))
    # The best round is the one that the rest of the machine disturbed least.
    print(f"best ratio {max(ratios):.2f} (wanted: {WANTED})")
    return 0 if max(ratios) >= WANTED else 1


def compare(
    one: Pool,
    two: Pool,
    source: Path,
    settings: ConversionSettings,
    frames: int,
    folder: Path,
) -> float:
    """One round: how many times as fast two workers are."""
    started = time.perf_counter()
    alone_busy = one.apply(in_one_piece, (source, folder / "one.mp4", settings))
    alone = time.perf_counter() - started

    started, started_busy = time.perf_counter(), time.process_time()
    work = plan(source, settings, frames_per_segment=frames)
    planned = time.process_time() - started_busy
    parts = [folder / f"part-{segment.index}" for segment in work.segments]
    tasks = [(source, part, work, index) for index, part in enumerate(parts)]
    segments = sum(two.starmap(segment_made, tasks, chunksize=1))
    joining = two.apply(parts_joined, (parts, source, folder / "two.mp4", work))
    together = time.perf_counter() - started
    # Under load one may get more of the segments than the other; on quiet cores they share alike.
    together_busy = planned + segments / 2 + joining
    print(
        f"{work.frames} frames in {len(parts)} segments\n"
        f"  by the clock       one {alone:6.2f} s, two {together:6.2f} s: "
        f"{alone / together:.2f} times as fast\n"
        f"  by processor time  one {alone_busy:6.2f} s, two {together_busy:6.2f} s: "
        f"{alone_busy / together_busy:.2f} times as fast "
        f"(planning {planned:.2f}, segments {segments:.2f} / 2, joining {joining:.2f})",
        flush=True,
    )
    return alone / together


def workers(count: int) -> Pool:
    """Processes with the model loaded and warm, each on a core of its own."""
    context = multiprocessing.get_context("spawn")
    pool = context.Pool(count, initializer=start_worker, initargs=(context.Value("i", 0), count))
    pool.starmap(warm_up, [()] * count, chunksize=1)
    return pool


def start_worker(started: "Synchronized[int]", count: int) -> None:
    """Bind this process to a core and load the model."""
    import torch

    with started.get_lock():
        number = started.value
        started.value += 1
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    torch.set_num_threads(1)
    model = Interpolator(device="cpu")
    frame = torch.zeros(3, 64, 64)
    model.interpolate(frame, frame, [0.5])
    _worker.append(model)


def warm_up() -> None:
    """Long enough for every process of the pool to take one."""
    time.sleep(1)


def in_one_piece(source: Path, target: Path, settings: ConversionSettings) -> float:
    """What a worker does with a short clip."""
    return busy_with(lambda: convert(source, target, settings, _worker[0]))


def segment_made(source: Path, part: Path, work: Plan, index: int) -> float:
    """What a worker does with a segment."""
    return busy_with(lambda: convert_segment(source, part, work, index, _worker[0]))


def parts_joined(parts: list[Path], source: Path, target: Path, work: Plan) -> float:
    """What the last of them does."""
    return busy_with(lambda: join(parts, source, target, work))


def busy_with(work: Callable[[], object]) -> float:
    """The processor time it takes, in seconds."""
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    sys.exit(main())
