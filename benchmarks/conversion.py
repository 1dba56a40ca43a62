"""How much a whole conversion takes beside the network itself: at most 1.5 times as long.

Decoding, colour, measuring and encoding should hide behind the network. Its own time is measured
twice: inside the conversion, where everything else competes for the cores, and alone, on the same
pairs of frames, before and after it, which is the fair denominator.

    python -m benchmarks.conversion [--size 1280x720] [--frames 8] [--slow 8] [--codec h264]
"""

import argparse
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from inference.engine.convert import ConversionReport, convert
from inference.engine.interpolator import Interpolator
from inference.engine.settings import ConversionSettings
from inference.engine.video.colour import to_rgb
from inference.engine.video.decode import decode
from inference.engine.video.probe import probe
from inference.engine.video.working import working_format
from tests.engine import clips

ALLOWED = 1.5


def main() -> int:
    """Measure and print; exit status 1 if the conversion takes more than `ALLOWED` times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clip", type=Path, nargs="?", help="default: a rendered pan")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--slow", type=int, default=8)
    parser.add_argument("--codec", default="h264")
    options = parser.parse_args()
    width, height = (int(n) for n in options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = options.clip or clips.render(
            folder / "clip.mp4", clips.pan(options.frames, width=width, height=height, speed=(9, 4))
        )
        settings = ConversionSettings(
            probe(clip).frame_rate, Fraction(options.slow), codec=options.codec
        )
        interpolator = Interpolator()
        pairs_alone(interpolator, clip, options.slow, pairs=1)  # warm up
        before = pairs_alone(interpolator, clip, options.slow)
        report = convert(clip, folder / "slow.mp4", settings, interpolator)
        after = pairs_alone(interpolator, clip, options.slow)
    return show(report, (before + after) / 2)


def pairs_alone(
    interpolator: Interpolator, clip: Path, slowness: int, *, pairs: int | None = None
) -> float:
    """Seconds the network takes for the same new frames when nothing else runs."""
    info = probe(clip)
    format = working_format(info, "h264")
    times = [k / slowness for k in range(1, slowness)]
    spent, last = 0.0, None
    for index, frame in enumerate(decode(clip, info, pixel_format=format.pixel_format)):
        if pairs is not None and index > pairs:
            break
        rgb = to_rgb(frame, format)
        if last is not None:
            started = time.perf_counter()
            interpolator.interpolate(last, rgb, times)
            spent += time.perf_counter() - started
        last = rgb
    return spent


def show(report: ConversionReport, alone: float) -> int:
    """Print the figures; the exit status."""
    ratio = report.seconds / alone
    print(
        f"{report.synthesised} new frames and {len(report.quality.samples)} held out\n"
        f"conversion          {report.seconds:7.2f} s\n"
        f"network, within it  {report.model_seconds:7.2f} s\n"
        f"network, alone      {alone:7.2f} s\n"
        f"conversion / network alone {ratio:.2f} (allowed: {ALLOWED})"
    )
    return 0 if ratio <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
