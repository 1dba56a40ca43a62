"""What each design choice is worth: variants trained from nothing at equal compute, then scored.

    python -m benchmarks.ablation [--seconds 600] [--only NAME …] [--json OUT]

Equal compute is equal processor time of one thread: a few steps of each variant are timed, and its
schedule laid out for as many as fit. The samples each has seen by then are in the table, since a
lighter network learns from more of them. Compare lines with `base`, the committed recipe, and mind
that what wins early need not win in the end.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from inference.engine.evaluate.scoring import evaluate
from inference.engine.evaluate.spans import Span, sources
from inference.engine.interpolator import Interpolator
from inference.engine.network import COMPACT
from inference.engine.train import config as configs
from inference.engine.train.clips import Clip, open_packed, pack
from inference.engine.train.config import TrainConfig
from inference.engine.train.loop import Trainer

DATA = Path("../shared/data")
TIMED_STEPS = 6
UCF101_EVERY = 4
"""Every such triplet of UCF101 is scored."""


def scaled(part: str, factor: float) -> dict[str, Any]:
    """One U-Net of the compact network with all its widths times `factor`."""
    unet = getattr(COMPACT, part)
    widths = tuple(8 * round(width * factor / 8) for width in unet.widths)
    return {part: {**dataclasses.asdict(unet), "widths": widths}}


AT_STRIDE_4 = {"refine": {**dataclasses.asdict(COMPACT.refine), "stride": 4}}
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {},
    "2 pyramid levels": {"changes": {"pyramid_levels": 2}},
    "4 pyramid levels": {"changes": {"pyramid_levels": 4}},
    "widths x 0.67": {"changes": {**scaled("flow", 0.67), **scaled("refine", 0.67)}},
    "widths x 1.5": {"changes": {**scaled("flow", 1.5), **scaled("refine", 1.5)}},
    "refinement at stride 4": {"changes": AT_STRIDE_4},
    "no residual output": {"changes": {"residual_output": False}},
    "no still output": {"changes": {"still_output": False}},
    "bilinear last warp": {"changes": {"kernel": "bilinear"}},
    "no synthetic samples": {"synthetic_share": 0.0},
    "70 % synthetic samples": {"synthetic_share": 0.7},
    "plain loss, no logarithm": {"floor": 0.0},
}


def variant(base: TrainConfig, changed: dict[str, Any]) -> TrainConfig:
    """The base run with some fields, or the floor of its loss, set otherwise."""
    fields = dict(changed)
    losses = dataclasses.replace(base.losses, floor=fields.pop("floor", base.losses.floor))
    return dataclasses.replace(base, losses=losses, **fields)


def train(config: TrainConfig, clips: list[Clip], folder: Path, seconds: float) -> dict[str, Any]:
    """Train for `seconds` of processor time; the weights are in `folder`/run afterwards."""
    timed = Trainer(config, clips, folder / "timed", workers=0)
    started = time.process_time()
    timed.train(stop=lambda: timed.step >= TIMED_STEPS)
    per_step = (time.process_time() - started) / TIMED_STEPS
    steps = max(2, int(seconds / per_step))
    planned = dataclasses.replace(config, steps=steps, warmup=min(config.warmup, steps // 5))
    trainer = Trainer(planned, clips, folder / "run", workers=0, save_every=steps)
    trainer.train()
    return {
        "samples": steps * config.batch,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
    }


def main() -> None:
    """Train and score every variant, printing each as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="of one thread, each variant")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = dataclasses.replace(configs.load("compact"), learning_rate=4e-4)
    clips = open_packed(pack(DATA / "train", Path("runs/footage"), crop=base.crop), crop=base.crop)
    tests: dict[str, list[Span]] = {}
    for name, every in (("middlebury-other", 1), ("ucf101-dvf", UCF101_EVERY)):
        [source] = sources(DATA / "eval" / name, factors=[2], spans_per_clip=1)
        tests[name] = list(source)[::every]
    rows = {}
    print(f"{'variant':<26}{'M par.':>8}{'samples':>9}{'Middlebury':>12}{'UCF101':>8}", flush=True)
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            row = train(variant(base, VARIANTS[name]), clips, Path(folder), options.seconds)
            interpolator = Interpolator(Path(folder) / "run" / "weights.safetensors", device="cpu")
            for label, spans in tests.items():
                row[label] = evaluate(label, spans, interpolator).summary["model"]["psnr"]
        rows[name] = row
        print(
            f"{name:<26}{row['parameters'] / 1e6:>8.2f}{row['samples']:>9}"
            f"{row['middlebury-other']:>12.2f}{row['ucf101-dvf']:>8.2f}",
            flush=True,
        )
        if options.json:
            options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
