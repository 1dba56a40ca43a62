"""Peak memory of a conversion: it must depend on the size of a frame, not on the clip's length.

Clips of two lengths are converted, sound included, each in a process of its own, and their peak
resident sizes compared. Exit status 1 if they differ by more than 10 %.

    python -m benchmarks.memory [--size 320x180] [--seconds 10 60] [--slow 2]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from inference.engine.convert import convert
from inference.engine.interpolator import Interpolator
from inference.engine.settings import ConversionSettings
from tests.engine import clips

RATE = 30
ALLOWED = 1.10


def main() -> int:
    """Measure and print; or, in the child, convert one clip."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--seconds", type=int, nargs=2, default=(10, 60))
    parser.add_argument("--slow", type=Fraction, default=Fraction(2))
    parser.add_argument("--convert", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.convert:
        print(peak_of_conversion(options.convert, options.slow))
        return 0
    width, height = (int(n) for n in options.size.split("x"))
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in options.seconds:
            clip = make_clip(Path(folder) / f"{seconds}.mp4", seconds, width, height)
            peaks.append(in_child(clip, options.slow))
            print(f"{seconds:4} s of {options.size}: {peaks[-1] / 1e6:.0f} MB", flush=True)
    ratio = peaks[1] / peaks[0]
    print(f"ratio {ratio:.3f} (allowed: {ALLOWED:.2f})")
    return 0 if ratio <= ALLOWED else 1


def make_clip(path: Path, seconds: int, width: int, height: int) -> Path:
    """A pan of two seconds, over and over, with sound."""
    loop = clips.pan(2 * RATE, width=width, height=height)
    pictures = [loop[k % len(loop)] for k in range(seconds * RATE)]
    return clips.render(path, pictures, rate=RATE, audio=clips.sine(seconds))


def in_child(clip: Path, slowness: Fraction) -> int:
    """Peak resident size in bytes of a fresh process that converts the clip."""
    command = [sys.executable, "-m", "benchmarks.memory"]
    command += ["--convert", str(clip), "--slow", str(slowness)]
    child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return int(child.stdout)


def peak_of_conversion(clip: Path, slowness: Fraction) -> int:
    """Convert; the peak resident size of this process so far, in bytes."""
    settings = ConversionSettings(Fraction(RATE), slowness)
    convert(clip, clip.with_suffix(".slow.mp4"), settings, Interpolator(device="cpu"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
