"""New frames per second: the default network against the published one as usually written.

The published network runs in float32, one time after the other; its speed does not depend on its
weights, so random ones do. Both make the same frames of the same pair, in turn, in one run; what
counts is the ratio, round by round.

    python -m benchmarks.speed [--size 1280x720] [--factor 8] [--rounds 3]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from inference.engine.interpolator import Interpolator
from inference.engine.network import PUBLISHED, SuperSloMo


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall time of one call, the device's queue included."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    width, height = (int(n) for n in options.size.split("x"))
    times = [k / options.factor for k in range(1, options.factor)]
    frame0, frame1 = torch.rand(2, 3, height, width)

    compact = Interpolator(device=options.device)
    device = compact.device
    published = SuperSloMo(PUBLISHED).eval().to(device)
    padding = (0, -width % PUBLISHED.multiple, 0, -height % PUBLISHED.multiple)

    @torch.inference_mode()
    def as_usual() -> None:
        first, second = (
            F.pad(f[None], padding, mode="replicate").to(device) for f in (frame0, frame1)
        )
        pair = published.pair(first, second)
        for t in times:
            at = torch.full((1, 1, 1, 1), t, device=device)
            published.synthesise(pair, at).frame.cpu()

    def ours() -> None:
        compact.interpolate(frame0, frame1, times)

    seconds(ours, device)
    seconds(as_usual, device)
    ratios, rates = [], []
    for _ in range(options.rounds):
        fast, slow = seconds(ours, device), seconds(as_usual, device)
        ratios.append(slow / fast)
        rates.append((len(times) / fast, len(times) / slow))
    print(f"{options.size}, {options.factor}x, {device}, {torch.get_num_threads()} threads")
    for name, column in (
        (f"{compact.weights_name}, {compact.precision}", 0),
        ("super-slomo, float32, one t at a time", 1),
    ):
        rate = statistics.median(r[column] for r in rates)
        print(f"{name:<42}{rate:8.2f} new frames/s")
    print(
        f"ratio {statistics.median(ratios):.1f} (rounds: {', '.join(f'{r:.1f}' for r in ratios)})"
    )


if __name__ == "__main__":
    main()
