"""`python -m inference.engine train`: run or resume a training."""

import argparse
import json
import logging
import math
import time
from pathlib import Path

import torch

from inference.engine import weights
from inference.engine.train import config as configs
from inference.engine.train.clips import open_packed, pack
from inference.engine.train.curve import Curve
from inference.engine.train.loop import SAVE_EVERY, Trainer


def parser() -> argparse.ArgumentParser:
    """The command line of the training command."""
    parser = argparse.ArgumentParser(prog="python -m inference.engine train", description=__doc__)
    parser.add_argument("--config", default="compact", help="compact, published or a TOML file")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/train"), help="folder of video files"
    )
    parser.add_argument(
        "--run", type=Path, default=None, help="folder of the run (default runs/<config>)"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="where decoded footage is kept"
    )
    parser.add_argument(
        "--start-from", type=Path, metavar="WEIGHTS", help="begin a new run with these weights"
    )
    parser.add_argument("--minutes", type=float, help="stop, resumable, after this long")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare samples")
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument(
        "--save-every", type=int, default=SAVE_EVERY, help="steps between saves (default: 250)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="OUT", help="train no more: draw the run's curve"
    )
    parser.add_argument(
        "--publish",
        type=Path,
        metavar="SCORES",
        help="train no more: make the run's weights the default, with `evaluate --json`'s scores",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run = options.run or Path("runs") / Path(options.config).stem
    if options.plot:
        Curve(run / "curve.csv").plot(options.plot)
        return 0
    end = time.monotonic() + 60 * options.minutes if options.minutes else math.inf
    if options.threads:
        torch.set_num_threads(options.threads)
    config = configs.load(options.config)
    clips = open_packed(pack(options.data, options.cache, crop=config.crop), crop=config.crop)
    trainer = Trainer(
        config,
        clips,
        run,
        device=options.device,
        workers=options.workers,
        save_every=options.save_every,
        start_from=options.start_from,
    )
    if options.publish:
        summaries = json.loads(options.publish.read_text())
        if isinstance(summaries, dict):
            summaries = [summaries]
        weights.save(
            trainer.averaged(),
            weights.DEFAULT,
            training=trainer.summary(),
            scores={s["folder"]: {"triplets": s["triplets"], **s["model"]} for s in summaries},
        )
    else:
        trainer.train(stop=lambda: time.monotonic() > end)
    return 0
