"""What a training run is: one TOML file, read into one dataclass."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.engine.errors import SettingsRefused
from inference.engine.network import COMPACT, PUBLISHED, NetworkConfig

NETWORKS = {"compact": COMPACT, "published": PUBLISHED}
CHOICES = {
    "network": tuple(NETWORKS),
    "schedule": ("cosine", "milestones"),
    "augmentation": ("strong", "published"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
}
"""What a field that names something may say."""
CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class LossWeights:
    """What each term of the loss counts; 0 leaves the term out. Terms are in `losses.py`.

    `floor` is no term: above 0, the reconstruction, RMS, Laplacian and warping terms of each sample
    together enter as log(error + floor), so that still samples count as much as moving ones.
    """

    reconstruction: float = 1.0
    rms: float = 0.0
    laplacian: float = 0.0
    perceptual: float = 0.0
    warping: float = 0.0
    smoothness: float = 0.0
    flow: float = 0.0
    floor: float = 0.0


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Attributes:
        network: `compact` or `published`.
        changes: fields of that network's configuration to set otherwise, for experiments.
        steps: optimiser steps in all; the schedule ends there.
        batch: samples in a step.
        crop: side of the square crops, pixels.
        synthetic_share: part of the samples that is layered motion with exact flow, 0..1.
        augmentation: `strong`, or `published` (horizontal flips and time reversal alone).
        max_gap: widest distance between the two given frames of a real triplet, frames.
        learning_rate: at its highest.
        schedule: `cosine` (to zero at `steps`) or `milestones` (times 0.1 at each).
        milestones: steps at which the rate falls, for that schedule.
        warmup: steps over which the rate rises from zero.
        beta2, weight_decay: AdamW's.
        clip: largest gradient norm; 0 leaves gradients alone.
        ema: decay of the weights' moving average, which is what is kept; 0 keeps the last ones.
        precision: of the convolutions, `float32`, `bfloat16` or `float16`; `auto` is float16 on a
            GPU and bfloat16 on a CPU.
        seed: decides initial weights and every sample.
        holdout: clips never trained on, for the score printed during training.
        losses: what each loss term counts.
    """

    network: str = "compact"
    changes: dict[str, Any] = field(default_factory=dict)
    steps: int = 10_000
    batch: int = 8
    crop: int = 192
    synthetic_share: float = 0.5
    augmentation: str = "strong"
    max_gap: int = 6
    learning_rate: float = 4e-4
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    warmup: int = 300
    beta2: float = 0.99
    weight_decay: float = 1e-4
    clip: float = 3.0
    ema: float = 0.999
    precision: str = "auto"
    seed: int = 1
    holdout: tuple[str, ...] = ()
    losses: LossWeights = field(default_factory=LossWeights)

    @property
    def network_config(self) -> NetworkConfig:
        """The shape of the network to train."""
        return NetworkConfig.from_dict({**NETWORKS[self.network].to_dict(), **self.changes})

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; kept in the checkpoint and in the weights file."""
        return dataclasses.asdict(self)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of optimiser step `step`, counted from 0."""
        import math

        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "milestones":
            return self.learning_rate * rise * 0.1 ** sum(step >= m for m in self.milestones)
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def load(name: str) -> TrainConfig:
    """Read a configuration by the name of one of ours (`compact`) or by path.

    Raises:
        SettingsRefused: there is no such file, or it holds something else.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = CONFIGS / f"{name}.toml"
    try:
        fields = tomllib.loads(path.read_text())
    except OSError as error:
        ours = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.toml")))
        raise SettingsRefused(
            "no_such_config", f"There is no training configuration {path}. Ours are: {ours}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused("bad_config", f"{path} is not TOML: {error}.") from error
    try:
        losses = LossWeights(**fields.pop("losses", {}))
        lists = {k: tuple(v) for k, v in fields.items() if isinstance(v, list)}
        config = TrainConfig(**{**fields, **lists, "losses": losses})
    except TypeError as error:
        raise SettingsRefused("bad_config", f"{path}: {error}.") from error
    for name, allowed in CHOICES.items():
        if getattr(config, name) not in allowed:
            raise SettingsRefused(
                "bad_config", f"{path}: {name} must be one of {', '.join(allowed)}."
            )
    try:
        multiple = config.network_config.multiple
    except (TypeError, ValueError, KeyError) as error:
        raise SettingsRefused("bad_config", f"{path}: changes: {error}.") from error
    if config.crop % multiple:
        raise SettingsRefused("bad_config", f"{path}: crop must be a multiple of {multiple}.")
    return config
