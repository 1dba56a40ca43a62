"""The curve of a run: a CSV file with a row every few steps, and the picture of it."""

import csv
from pathlib import Path
from typing import Any

from inference.engine.errors import SettingsRefused


class Curve:
    """The CSV file of one run. Columns are whatever the first row has."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: dict[str, Any]) -> None:
        """Add a row; it is on disk when this returns."""
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as out:
            writer = csv.DictWriter(out, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def rows(self) -> list[dict[str, str]]:
        """All rows; empty before the first."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: a run that was killed does those steps again."""
        rows = self.rows()
        kept = [row for row in rows if int(row["step"]) <= step]
        if len(kept) < len(rows):
            self.path.unlink()
            for row in kept:
                self.append(row)

    def plot(self, target: Path) -> None:
        """Draw loss, PSNR on training and hold-out frames, and speed, over the samples seen.

        Raises:
            SettingsRefused: there is nothing to draw yet, or matplotlib is not installed.
        """
        rows = self.rows()
        if not rows:
            raise SettingsRefused("no_curve", f"{self.path} has no rows yet; train first.")
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise SettingsRefused(
                "no_matplotlib", "Drawing the curve needs matplotlib: pip install -e '.[plot]'."
            ) from error

        def column(name: str) -> tuple[list[float], list[float]]:
            there = [row for row in rows if row[name]]
            return [int(row["samples"]) / 1000 for row in there], [float(r[name]) for r in there]

        figure = Figure(figsize=(9, 7), layout="constrained")
        loss, quality, speed = figure.subplots(3, 1, sharex=True)
        x, y = column("loss")
        loss.plot(x, y, color="0.8", linewidth=0.8)
        loss.plot(x, _smooth(y), color="tab:blue", label="loss, mean of 20 rows")
        x, y = column("psnr")
        quality.plot(x, _smooth(y), color="tab:blue", label="training batches, mean of 20 rows")
        x, y = column("holdout_psnr")
        quality.plot(x, y, "o-", color="tab:orange", markersize=3, label="hold-out clips")
        quality.set_ylabel("PSNR, dB")
        x, y = column("samples_per_second")
        speed.plot(x, y, color="tab:green", label="samples per second")
        speed.set_ylim(bottom=0)
        speed.set_xlabel("samples seen, thousands")
        for axes in (loss, quality, speed):
            axes.grid(alpha=0.3)
            axes.legend(loc="lower right")
        figure.savefig(target, dpi=90)


def _smooth(values: list[float], width: int = 20) -> list[float]:
    """The mean of each value and up to `width` - 1 before it."""
    windows = (values[max(0, i - width + 1) : i + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]
