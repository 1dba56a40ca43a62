"""Does a timestamp stay legible? Text that stands still over real clips with frames dropped.

    python -m benchmarks.overlays [CLIP …] [--weights FILE] [--sheet FOLDER]

A dashcam writes time and speed into the picture, a broadcaster the score. Here three lines of text
are drawn over every second frame and the true ones between. PSNR is that of the letters with two
pixels around them, where the scene moves beneath; text the network has moved along with it scores
below plain blending, which leaves it where it is. `--sheet` draws truth and result of one pair.
"""

import argparse
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inference.engine.evaluate.baselines import Method, baselines
from inference.engine.evaluate.scoring import to_frame, to_picture
from inference.engine.evaluate.spans import Picture, Span, sources
from inference.engine.interpolator import Interpolator

CLIPS = Path("../shared/data/clips")
TEXT = "2026-11-23 14:07:31  58 km/h  N 52.5163 E 13.3777"
PAIRS = 4

Ink = NDArray[np.float64]


def written(height: int, width: int) -> Ink:
    """Three lines of text: (H, W, 1), 0 where the scene is seen and 1 where a letter is."""
    image = Image.new("L", (width, height))
    font = ImageFont.load_default(max(10, width // 40))
    for part in (0.06, 0.5, 0.9):
        ImageDraw.Draw(image).text((width // 30, int(part * height)), TEXT, fill=255, font=font)
    return np.asarray(image, dtype=np.float64)[..., None] / 255


def over(picture: Picture, ink: Ink) -> Picture:
    """The picture with white letters on it."""
    return np.asarray((picture * (1 - ink) + 255 * ink).round(), dtype=np.uint8)


def near(ink: Ink) -> NDArray[np.bool_]:
    """Letters and two pixels around them: (H, W)."""
    letters = Image.fromarray(np.asarray(ink[..., 0] > 0, dtype=np.uint8) * 255)
    return np.asarray(letters.filter(ImageFilter.MaxFilter(5))) > 0


def psnr(made: Picture, truth: Picture, where: NDArray[np.bool_]) -> float:
    """Of those pixels alone, dB."""
    error = (made[where].astype(np.float64) - truth[where]) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-10)))


def labelled(span: Span) -> tuple[Span, NDArray[np.bool_]]:
    """The span with text over all its frames, and where it is."""
    ink = written(*span.frame0.shape[:2])
    truths = [(t, over(truth, ink)) for t, truth in span.truths]
    return Span(span.name, over(span.frame0, ink), over(span.frame1, ink), truths), near(ink)


def interpolated(interpolator: Interpolator, frame0: Picture, frame1: Picture, t: float) -> Picture:
    """The network as a method among the others."""
    [made] = interpolator.interpolate(to_frame(frame0), to_frame(frame1), [t]).frames
    return to_picture(made)


def main() -> None:
    """Measure each clip and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", nargs="*", type=Path, default=sorted(CLIPS.glob("*.mp4")))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sheet", type=Path, metavar="FOLDER", help="also draw a pair of each")
    options = parser.parse_args()
    methods: dict[str, Method] = {
        "model": partial(interpolated, Interpolator(options.weights)),
        **baselines(),
    }
    print(f"{'clip':<26}" + "".join(f"{name:>8}" for name in methods))
    for clip in options.clips:
        scores: dict[str, list[float]] = {name: [] for name in methods}
        [found] = sources(clip, factors=[2], spans_per_clip=PAIRS)
        for plain in found:
            span, where = labelled(plain)
            for t, truth in span.truths:
                for name, method in methods.items():
                    made = method(span.frame0, span.frame1, t)
                    scores[name].append(psnr(made, truth, where))
                    if name == "model" and options.sheet:
                        options.sheet.mkdir(parents=True, exist_ok=True)
                        Image.fromarray(np.concatenate((truth, made))).save(
                            options.sheet / f"{clip.stem}.png"
                        )
        print(
            f"{clip.stem:<26}" + "".join(f"{fmean(s):>8.2f}" for s in scores.values()), flush=True
        )


if __name__ == "__main__":
    main()
