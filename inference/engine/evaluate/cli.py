"""`python -m inference.engine evaluate`: score the network where the true frames are known."""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from inference.engine import pictures
from inference.engine.errors import SettingsRefused
from inference.engine.evaluate.scoring import evaluate, sheet, table
from inference.engine.evaluate.spans import sources
from inference.engine.interpolator import Interpolator


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inference.engine evaluate", description=__doc__
    )
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="triplets as Middlebury, UCF101 or Vimeo90K lay them out, or clips, or one clip",
    )
    parser.add_argument(
        "--drop",
        nargs="+",
        type=int,
        default=[2, 4, 8],
        metavar="N",
        help="of clips, keep every N-th frame and score those in between (default: 2 4 8)",
    )
    parser.add_argument(
        "--spans", type=int, default=8, help="pairs of kept frames taken of each clip (default: 8)"
    )
    parser.add_argument("--weights", type=Path, help="a weights file (default: the product's)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--precision", default="auto", help="auto, float32, float16 or bfloat16")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the scores here")
    parser.add_argument(
        "--sheet", type=Path, metavar="OUT", help="also draw the ten worst cases, a file a folder"
    )
    parser.add_argument("--each", action="store_true", help="also print every frame")
    return parser


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status.

    Raises:
        SettingsRefused: a folder holds nothing to score, or a clip is too short.
    """
    options = _parser().parse_args(argv)
    if min(options.drop) < 2 or options.spans < 1:
        raise SettingsRefused("bad_drop", "--drop takes numbers from 2 up, --spans from 1 up.")
    found = [
        source
        for folder in options.folders
        for source in sources(folder, factors=options.drop, spans_per_clip=options.spans)
    ]
    interpolator = Interpolator(options.weights, device=options.device, precision=options.precision)
    summaries = []
    for source in found:
        quiet = not sys.stderr.isatty()
        spans = tqdm(source, desc=source.label, disable=quiet, leave=False)
        scores = evaluate(source.label, spans, interpolator)
        summaries.append(scores.summary)
        if options.sheet:
            name = source.label.replace(" ", "-")
            target = options.sheet.with_stem(f"{options.sheet.stem}-{name}")
            pictures.save(sheet(scores.worst), target)
        if options.each:
            for row in scores.rows:
                print(
                    f"{row['name']:<28}{row['t']:<8.3g}"
                    f"{row['model']['psnr']:>9.2f}{row['blend']['psnr']:>9.2f}"
                )
    print(
        f"{interpolator.weights_name} {interpolator.digest[:12]}, {interpolator.precision} "
        f"on {interpolator.device}"
    )
    print(table(summaries))
    if options.json:
        document = summaries[0] if len(summaries) == 1 else summaries
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0
