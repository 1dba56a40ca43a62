"""Compare the network and the baselines with the truth."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.engine import pictures
from inference.engine.errors import SettingsRefused
from inference.engine.evaluate.baselines import baselines
from inference.engine.evaluate.spans import Picture, Span
from inference.engine.interpolator import Interpolator
from inference.engine.quality import psnr, ssim

WORST = 10
"""Frames on the sheet of the worst cases."""


@dataclass(frozen=True)
class WorstCase:
    """A frame the network did badly on: (3, H, W) each, the flow (2, H, W)."""

    name: str
    psnr: float
    frame0: Tensor
    truth: Tensor
    made: Tensor
    flow: Tensor


@dataclass(frozen=True)
class Scores:
    """The outcome for one set of spans.

    Attributes:
        summary: the shape of `--json`.
        rows: name, t and every method's scores of each frame.
        worst: the `WORST` worst frames, the worst first.
    """

    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    worst: list[WorstCase] = field(repr=False)


def evaluate(label: str, spans: Iterable[Span], interpolator: Interpolator) -> Scores:
    """Score the network and the baselines on one set of spans.

    Raises:
        SettingsRefused: there is not a single span.
    """
    methods = baselines()
    rows: list[dict[str, Any]] = []
    worst: list[tuple[float, int, WorstCase]] = []
    for span in spans:
        times = [t for t, _ in span.truths]
        frame0, frame1 = to_frame(span.frame0), to_frame(span.frame1)
        synthesis = interpolator.interpolate(frame0, frame1, times, want_flow=True)
        assert synthesis.flow01 is not None  # it was asked for
        for made, (t, truth) in zip(synthesis.frames, span.truths, strict=True):
            row: dict[str, Any] = {
                "name": span.name,
                "t": t,
                "model": score(to_picture(made), truth),
            }
            for name, method in methods.items():
                row[name] = score(method(span.frame0, span.frame1, t), truth)
            rows.append(row)
            case = WorstCase(
                f"{span.name} t={t:g}",
                row["model"]["psnr"],
                frame0,
                to_frame(truth),
                made,
                synthesis.flow01,
            )
            # The row's number settles ties: cases themselves have no order.
            entry = (-case.psnr, len(rows), case)
            (heapq.heappush if len(worst) < WORST else heapq.heappushpop)(worst, entry)
    if not rows:
        raise SettingsRefused(
            "nothing_to_score", f"{label}: no clip has that many frames of motion in a row."
        )
    means = {
        name: {metric: fmean(row[name][metric] for row in rows) for metric in rows[0][name]}
        for name in ("model", *methods)
    }
    summary = {
        "folder": label,
        "triplets": len(rows),
        "model": means.pop("model"),
        "baselines": means,
    }
    return Scores(summary, rows, [case for _, _, case in sorted(worst, reverse=True)])


def score(made: Picture, truth: Picture) -> dict[str, float]:
    """PSNR (dB), SSIM and interpolation error (codes of 8 bits) of one frame."""
    error = np.abs(made.astype(np.float64) - truth.astype(np.float64))
    return {"psnr": psnr(made, truth), "ssim": ssim(made, truth), "ie": float(error.mean())}


def sheet(worst: list[WorstCase]) -> Tensor:
    """The worst cases as a picture (3, H, W), one a row.

    Each shows the truth, the synthesised frame, four times their difference, and the flow.
    """
    shown: list[Tensor] = []
    for case in worst:
        difference = (case.made - case.truth).abs() * 4
        shown += [case.truth, case.made, difference, pictures.flow_picture(case.flow)]
    return pictures.contact_sheet(shown, columns=4)


def table(summaries: list[dict[str, Any]]) -> str:
    """The scores as a table for people."""
    lines = [f"{'folder':<24}{'method':<10}{'PSNR dB':>9}{'SSIM':>9}{'IE':>8}"]
    for summary in summaries:
        label = f"{summary['folder']} ({summary['triplets']})"
        for name, means in {"model": summary["model"], **summary["baselines"]}.items():
            lines.append(
                f"{label:<24}{name:<10}{means['psnr']:>9.2f}{means['ssim']:>9.4f}{means['ie']:>8.2f}"
            )
            label = ""
    return "\n".join(lines)


def to_frame(picture: Picture) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in 0..1."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255


def to_picture(frame: Tensor) -> Picture:
    """(3, H, W), nominally 0..1 -> (H, W, 3), rounded to uint8."""
    return (frame * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
