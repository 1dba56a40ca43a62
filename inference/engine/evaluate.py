"""`python -m inference.engine evaluate`: score the network on folders of known in-between frames.

The protocol is fixed, because scripts differ by 4 dB over the same frames: RGB, the whole frame,
output rounded to 8 bits, PSNR from the mean squared error of the frame, SSIM with the original's
11x11 Gaussian window, IE the mean absolute difference; all in float64; each averaged over the
triplets. Baselines are scored in the same run: `repeat` shows frame 0 again, `blend` averages both
frames, `dis` averages both frames warped halfway by OpenCV's DIS flow (where OpenCV is installed).
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from inference.engine import pictures
from inference.engine.errors import SettingsRefused
from inference.engine.interpolator import Interpolator
from inference.engine.quality import psnr, ssim

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Method = Callable[[Picture, Picture], Picture]

LAYOUTS = {
    "Middlebury": ("input/*/frame10.*", "{parent}/frame11", "{root}/gt/{scene}/frame10i11"),
    "UCF101": ("*/frame_00.*", "{parent}/frame_02", "{parent}/frame_01_gt"),
    "Vimeo90K": ("**/im1.*", "{parent}/im3", "{parent}/im2"),
}
"""How benchmarks lay out a triplet: frame 0, frame 1 and the truth halfway, any image format."""

WORST = 6
"""Triplets on a sheet of the worst cases."""


@dataclass(frozen=True)
class Triplet:
    """Files of two frames and the true frame halfway between them."""

    name: str
    frame0: Path
    frame1: Path
    truth: Path


def find_triplets(folder: Path) -> list[Triplet]:
    """All triplets of a benchmark folder, in any of `LAYOUTS`.

    Raises:
        SettingsRefused: none is there.
    """
    for first, second, middle in LAYOUTS.values():
        found = []
        for frame0 in sorted(folder.glob(first)):
            names = {"parent": frame0.parent, "root": folder, "scene": frame0.parent.name}
            frame1, truth = (_image(Path(p.format(**names))) for p in (second, middle))
            if frame1 and truth:
                found.append(Triplet(frame0.parent.name, frame0, frame1, truth))
        if found:
            return found
    raise SettingsRefused(
        "no_triplets",
        f"{folder} holds no triplets laid out as one of {', '.join(LAYOUTS)}.",
    )


def evaluate(
    folder: Path, interpolator: Interpolator, *, progress: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score the network and the baselines on one folder.

    Returns:
        The summary (the shape of `--json`) and one row for each triplet.
    """

    def network(frame0: Picture, frame1: Picture) -> Picture:
        made = interpolator.interpolate(_to_tensor(frame0), _to_tensor(frame1), [0.5])
        return _to_picture(made.frames[0])

    methods: dict[str, Method] = {"model": network, "repeat": _repeat, "blend": _blend}
    dis = _dis()
    if dis is not None:
        methods["dis"] = dis
    triplets = find_triplets(folder)
    rows = []
    for triplet in tqdm(triplets, desc=folder.name, disable=not progress, leave=False):
        frame0, frame1, truth = (_read(p) for p in (triplet.frame0, triplet.frame1, triplet.truth))
        row: dict[str, Any] = {"name": triplet.name}
        for name, method in methods.items():
            row[name] = score(method(frame0, frame1), truth)
        rows.append(row)
    means = {
        name: {metric: fmean(row[name][metric] for row in rows) for metric in rows[0][name]}
        for name in methods
    }
    summary = {
        "folder": folder.name,
        "triplets": len(rows),
        "model": means.pop("model"),
        "baselines": means,
    }
    return summary, rows


def worst_cases(
    folder: Path, interpolator: Interpolator, rows: list[dict[str, Any]]
) -> torch.Tensor:
    """The `WORST` triplets the network did worst on, one a row, as a picture (3, H, W).

    Each shows the truth, the synthesised frame, four times their difference, and the flow.
    """
    scored = zip((float(row["model"]["psnr"]) for row in rows), find_triplets(folder), strict=True)
    shown: list[torch.Tensor] = []
    for _, triplet in sorted(scored, key=lambda pair: pair[0])[:WORST]:
        frame0, frame1, truth = (
            _to_tensor(_read(path)) for path in (triplet.frame0, triplet.frame1, triplet.truth)
        )
        made = interpolator.interpolate(frame0, frame1, [0.5], want_flow=True)
        assert made.flow01 is not None  # it was asked for
        difference = (made.frames[0] - truth).abs() * 4
        shown += [truth, made.frames[0], difference, pictures.flow_picture(made.flow01)]
    return pictures.contact_sheet(shown, columns=4)


def score(made: Picture, truth: Picture) -> dict[str, float]:
    """PSNR (dB), SSIM and interpolation error (codes of 8 bits) of one frame."""
    error = np.abs(made.astype(np.float64) - truth.astype(np.float64))
    return {"psnr": psnr(made, truth), "ssim": ssim(made, truth), "ie": float(error.mean())}


def table(summaries: list[dict[str, Any]]) -> str:
    """The scores as a table for people."""
    lines = [f"{'folder':<20}{'method':<10}{'PSNR dB':>9}{'SSIM':>9}{'IE':>8}"]
    for summary in summaries:
        label = f"{summary['folder']} ({summary['triplets']})"
        for name, means in {"model": summary["model"], **summary["baselines"]}.items():
            lines.append(
                f"{label:<20}{name:<10}{means['psnr']:>9.2f}{means['ssim']:>9.4f}{means['ie']:>8.2f}"
            )
            label = ""
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.engine evaluate", description=__doc__.split("\n")[0]
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--weights", type=Path, help="a weights file (default: the product's)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the scores here")
    parser.add_argument(
        "--sheet", type=Path, metavar="OUT", help="also draw the worst cases, a file a folder"
    )
    parser.add_argument("--each", action="store_true", help="also print every triplet")
    options = parser.parse_args(argv)
    interpolator = Interpolator(options.weights, device=options.device, precision=options.precision)
    summaries = []
    for folder in options.folders:
        summary, rows = evaluate(folder, interpolator, progress=sys.stderr.isatty())
        summaries.append(summary)
        if options.sheet:
            name = options.sheet.with_stem(f"{options.sheet.stem}-{folder.name}")
            pictures.save(worst_cases(folder, interpolator, rows), name)
        if options.each:
            for row in rows:
                print(f"{row['name']:<20}{row['model']['psnr']:>9.2f}{row['blend']['psnr']:>9.2f}")
    print(
        f"{interpolator.weights_name} {interpolator.digest[:12]}, {interpolator.precision} "
        f"on {interpolator.device}"
    )
    print(table(summaries))
    if options.json:
        document = summaries[0] if len(summaries) == 1 else summaries
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _repeat(frame0: Picture, frame1: Picture) -> Picture:
    return frame0


def _blend(frame0: Picture, frame1: Picture) -> Picture:
    return np.rint((frame0.astype(np.float64) + frame1) / 2).astype(np.uint8)


def _dis() -> Method | None:
    """OpenCV's DIS flow, medium preset; None where OpenCV is not installed."""
    try:
        import cv2
    except ImportError:
        return None
    flow_of = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def method(frame0: Picture, frame1: Picture) -> Picture:
        grey0, grey1 = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame0, frame1))
        ys, xs = np.mgrid[: grey0.shape[0], : grey0.shape[1]].astype(np.float32)
        halves = []
        for source, flow in (
            (frame0, flow_of.calc(grey0, grey1, None)),
            (frame1, flow_of.calc(grey1, grey0, None)),
        ):
            halves.append(
                cv2.remap(
                    source,
                    xs - 0.5 * flow[..., 0],
                    ys - 0.5 * flow[..., 1],
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )
            )
        return _blend(halves[0], halves[1])

    return method


def _image(stem: Path) -> Path | None:
    """The image file of that name, whatever its format."""
    return next(iter(sorted(stem.parent.glob(f"{stem.name}.*"))), None)


def _read(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _to_tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255


def _to_picture(frame: torch.Tensor) -> Picture:
    return (frame * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
