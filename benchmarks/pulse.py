"""Does the picture pulse between recorded and synthesised frames? Sharpness over time, at 8 times.

    python -m benchmarks.pulse [CLIP …] [--weights FILE] [--sheet FOLDER]

A synthesised frame that is softer than its recorded neighbours shows as a pulse at the rate of the
recording. Sharpness is the mean absolute Laplacian of luma; the ratio is that of a synthesised
frame to what its two recorded neighbours have, mixed by time. 1.00 is no pulse. Plain blending is
measured beside it. `--sheet` draws the sharpest moving part of a pair at all eight times.
"""

import argparse
from pathlib import Path
from statistics import fmean

import numpy as np
from torch import Tensor

from inference.engine import pictures
from inference.engine.evaluate.scoring import to_frame, to_picture
from inference.engine.evaluate.spans import Picture, Span, sources
from inference.engine.interpolator import Interpolator
from inference.engine.quality import blend

CLIPS = Path("../shared/data/clips")
TIMES = [k / 8 for k in range(1, 8)]
PAIRS = 6
CROP = 160
LUMA = np.array([0.2126, 0.7152, 0.0722])


def sharpness(picture: Picture) -> float:
    """Mean absolute Laplacian of luma, codes of 8 bits; (H, W, 3)."""
    luma = picture.astype(np.float64) @ LUMA
    inner = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float(np.abs(around - 4 * inner).mean())


def ratios(span: Span, synthesised: list[Picture]) -> list[float]:
    """Sharpness of each frame relative to its neighbours'."""
    first, last = sharpness(span.frame0), sharpness(span.frame1)
    return [
        sharpness(made) / ((1 - t) * first + t * last)
        for t, made in zip(TIMES, synthesised, strict=True)
    ]


def neighbours(clip: Path) -> list[Span]:
    """Pairs of neighbouring recorded frames, spread over the clip."""
    [source] = sources(clip, factors=[2], spans_per_clip=PAIRS)
    # The truth of a dropped frame is the neighbour of the given one.
    return [Span(span.name, span.frame0, span.truths[0][1], []) for span in source]


def sheet(span: Span, made: Tensor) -> Tensor:
    """The crop with most change, at times 0, 1/8 … 1: a picture (3, H, W)."""
    change = np.abs(span.frame1.astype(float) - span.frame0).mean(-1)
    best = max(
        (
            (y, x)
            for y in range(0, change.shape[0] - CROP + 1, 40)
            for x in range(0, change.shape[1] - CROP + 1, 40)
        ),
        key=lambda at: change[at[0] : at[0] + CROP, at[1] : at[1] + CROP].mean(),
    )
    window = (slice(None), slice(best[0], best[0] + CROP), slice(best[1], best[1] + CROP))
    ends = [to_frame(span.frame0), to_frame(span.frame1)]
    shown = [ends[0], *made, ends[1]]
    return pictures.contact_sheet([frame[window] for frame in shown], columns=3)


def main() -> None:
    """Measure each clip and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clips", nargs="*", type=Path, default=sorted(CLIPS.glob("*.mp4")))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sheet", type=Path, metavar="FOLDER", help="also draw a pair of each")
    options = parser.parse_args()
    interpolator = Interpolator(options.weights)
    times = "".join(f"{k}/8".rjust(7) for k in range(1, 8))
    print(f"{'clip':<26}{'method':<8}{'mean':>7}{'least':>7}   at t ={times}")
    for clip in options.clips:
        model, blended = [], []
        for span in neighbours(clip):
            ends = to_frame(span.frame0), to_frame(span.frame1)
            made = interpolator.interpolate(*ends, TIMES).frames.clamp(0, 1)
            model.append(ratios(span, [to_picture(frame) for frame in made]))
            blended.append(ratios(span, [blend(span.frame0, span.frame1, t) for t in TIMES]))
        if options.sheet:
            options.sheet.mkdir(parents=True, exist_ok=True)
            pictures.save(sheet(span, made), options.sheet / f"{clip.stem}.png")
        for name, rows in (("model", model), ("blend", blended)):
            by_time = [fmean(column) for column in zip(*rows, strict=True)]
            print(
                f"{clip.stem if name == 'model' else '':<26}{name:<8}{fmean(by_time):>7.3f}"
                f"{min(map(min, rows)):>7.3f}         {''.join(f'{r:>7.3f}' for r in by_time)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
