"""The training loop: resumable to the step, deterministic given a seed on one device."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from inference.engine import weights
from inference.engine.interpolator import PRECISIONS
from inference.engine.network import SuperSloMo
from inference.engine.train.clips import Clip
from inference.engine.train.config import TrainConfig
from inference.engine.train.curve import Curve
from inference.engine.train.data import Sample, Samples
from inference.engine.train.losses import VggPerceptual, total_loss

log = logging.getLogger(__name__)

LOG_EVERY = 25
SAVE_EVERY = 250
HOLDOUT_TRIPLETS = 24


class Trainer:
    """Owns the network, its moving average, the optimiser and the state file of one run."""

    def __init__(
        self,
        config: TrainConfig,
        clips: list[Clip],
        run: Path,
        *,
        device: str = "cpu",
        workers: int = 1,
        save_every: int = SAVE_EVERY,
        start_from: Path | None = None,
    ) -> None:
        """
        Args:
            config: the run.
            clips: packed footage, hold-out clips included; they are told apart by name.
            run: folder of the run's state, curve and weights; a run found there is resumed.
            device: `cpu` or `cuda`.
            workers: processes that prepare samples.
            save_every: steps; what a kill -9 costs at most.
            start_from: a weights file to begin a new run with, instead of random weights.

        Raises:
            WeightsRefused: `start_from` does not hold weights of the run's network.
        """
        self.config = config
        self.clips = [c for c in clips if c.source not in config.holdout]
        self.holdout = holdout_triplets([c for c in clips if c.source in config.holdout], config)
        self.run = run
        self.device = torch.device(device)
        self.workers = workers
        self.save_every = save_every
        self.curve = Curve(run / "curve.csv")
        self.step = 0
        self.network = SuperSloMo(config.network_config)
        self.network.initialise(torch.Generator().manual_seed(config.seed))
        self.started_from: dict[str, Any] = {}
        if start_from is not None:
            info = weights.fill(self.network, start_from)
            self.started_from = {"digest": info.digest, "training": info.training}
        self.network.place(self.device)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            betas=(0.9, config.beta2),
            weight_decay=config.weight_decay,
            foreach=True,
        )
        self.perceptual = self._perceptual()
        precision = config.precision
        if precision == "auto":
            precision = "float16" if self.device.type == "cuda" else "bfloat16"
        self.precision = PRECISIONS[precision]
        # float16 has too small a range for unscaled gradients; bfloat16 has not.
        self.scaler = torch.amp.GradScaler(
            self.device.type, enabled=self.precision is torch.float16
        )
        run.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self._resume()

    @property
    def _state(self) -> Path:
        return self.run / "state.pt"

    def train(self, *, stop: Callable[[], bool] | None = None) -> None:
        """Train to the last step, or until `stop` says so, saving as it goes."""
        config = self.config
        started = waited = 0.0
        mark, mark_step = time.perf_counter(), self.step
        batches = self._batches()
        while self.step < config.steps and not (stop and stop()):
            started = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - started
            loss, made = self._step(batch)
            self.step += 1
            if self.step % LOG_EVERY == 0:
                now = time.perf_counter()
                self._report(
                    loss=loss,
                    psnr=_psnr(made, batch["frames"][:, 1].to(self.device)),
                    rate=(self.step - mark_step) * config.batch / (now - mark),
                    waiting=waited / (now - mark),
                )
                mark, mark_step, waited = now, self.step, 0.0
            if self.step % self.save_every == 0:
                self.save()
        self.save()

    def averaged(self) -> SuperSloMo:
        """A copy of the network with the averaged weights, in evaluation mode."""
        network = SuperSloMo(self.config.network_config)
        network.load_state_dict(self.average)
        return network.place(self.device).eval()

    def save(self) -> None:
        """Write the state to resume from, and the weights as they are now."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "config": self.config.to_dict(),
            "started_from": self.started_from,
        }
        partial = self._state.with_suffix(".partial")
        with partial.open("wb") as out:
            torch.save(state, out)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(self._state)
        weights.save(
            self.averaged(),
            self.run / "weights.safetensors",
            training=self.summary(),
            scores={},
        )

    def summary(self) -> dict[str, Any]:
        """What the weights were trained on and how, for the weights file."""
        return {
            "samples": self.step * self.config.batch,
            "steps": self.step,
            "data": {
                "clips": len(self.clips),
                "frames": sum(len(c.frames) for c in self.clips),
                "synthetic_share": self.config.synthetic_share,
            },
            "config": self.config.to_dict(),
            "started_from": self.started_from,
        }

    def _step(self, batch: Sample) -> tuple[float, Tensor]:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        batch = Sample(**{k: v.to(self.device, non_blocking=True) for k, v in batch.items()})  # type: ignore[typeddict-item, attr-defined]
        reduced = self.precision is not torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            loss, made = total_loss(self.network, batch, config.losses, self.perceptual)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        if config.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip, foreach=True)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        # A short memory at first, else the average would hold on to the random start.
        decay = min(config.ema, (1 + self.step) / (10 + self.step)) if config.ema else 0.0
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.values()), list(self.network.state_dict().values()), 1 - decay
            )
        return float(loss.detach()), made

    def _batches(self) -> Iterator[Sample]:
        samples = Samples(self.clips, self.config, first=self.step * self.config.batch)
        loader: DataLoader[Sample] = DataLoader(
            samples,
            batch_size=self.config.batch,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
            pin_memory=self.device.type == "cuda",
        )
        return iter(loader)

    def _perceptual(self) -> VggPerceptual | None:
        if not self.config.losses.perceptual:
            return None
        try:
            return VggPerceptual().to(self.device)
        except OSError as error:
            log.warning(
                "The perceptual loss is left out: torchvision's VGG16 weights could not be "
                "fetched (%s). The rest of the recipe runs without.",
                error,
            )
            return None

    def _resume(self) -> None:
        state = torch.load(self._state, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.step = state["step"]
        self.started_from = state.get("started_from") or self.started_from
        self.curve.rewind(self.step)
        log.info("resumed at step %d", self.step)

    def _report(self, *, loss: float, psnr: float, rate: float, waiting: float) -> None:
        row: dict[str, Any] = {
            "step": self.step,
            "samples": self.step * self.config.batch,
            "loss": round(loss, 5),
            "psnr": round(psnr, 3),
            "holdout_psnr": "",
            "learning_rate": self.config.learning_rate_at(self.step),
            "samples_per_second": round(rate, 2),
            "waiting": round(waiting, 4),
        }
        if self.step % self.save_every == 0 and self.holdout is not None:
            row["holdout_psnr"] = round(self.holdout_psnr(), 3)
        self.curve.append(row)
        line = (
            f"step {self.step}/{self.config.steps}  loss {loss:.4f}  psnr {psnr:.2f}  "
            f"{rate:.1f} samples/s  waiting {waiting:.1%}"
        )
        if row["holdout_psnr"] != "":
            line += f"  hold-out {row['holdout_psnr']:.2f} dB"
        print(line, file=sys.stderr, flush=True)

    @torch.inference_mode()
    def holdout_psnr(self) -> float:
        """Mean PSNR, dB, of the averaged weights on triplets of the hold-out clips."""
        assert self.holdout is not None
        network = self.averaged()
        scores = []
        for frame0, truth, frame1 in self.holdout.to(self.device):
            middle = torch.full((1, 1, 1, 1), 0.5, device=self.device)
            made = network(frame0[None], frame1[None], middle).frame[0]
            scores.append(_psnr(made.clamp(0, 1)[None], truth[None]))
        return sum(scores) / len(scores)


def holdout_triplets(clips: list[Clip], config: TrainConfig) -> Tensor | None:
    """(N, 3, 3, crop, crop) float32: neighbouring frames, the middle one the truth."""
    if not clips:
        return None
    side = config.crop
    triplets = []
    for i in range(HOLDOUT_TRIPLETS):
        frames = clips[i % len(clips)].frames
        start = (i // len(clips)) * (len(frames) - 3) // (HOLDOUT_TRIPLETS // len(clips) or 1)
        y, x = (frames.shape[1] - side) // 2, (frames.shape[2] - side) // 2
        window = torch.from_numpy(frames[start : start + 3, y : y + side, x : x + side].copy())
        triplets.append(window.permute(0, 3, 1, 2).float() / 255)
    return torch.stack(triplets)


def _psnr(made: Tensor, truth: Tensor) -> float:
    """Mean over the batch, dB, of frames (B, 3, H, W) in 0..1."""
    errors = (made.float() - truth).square().mean(dim=(1, 2, 3)).clamp(min=1e-10)
    return float((-10 * errors.log10()).mean())
