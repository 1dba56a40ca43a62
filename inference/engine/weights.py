"""Weights files: ours (safetensors with the network's configuration inside) and published ones.

Ours hold half-precision tensors and, in the metadata, `config` (the network), `training` (data and
recipe), `scores` and `name`, all JSON. Published checkpoints are dicts with `state_dictFC` and
`state_dictAT`; they are pickles, and are only ever read by PyTorch's restricted unpickler.
"""

import datetime
import hashlib
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from inference.engine.errors import WeightsRefused
from inference.engine.network import PUBLISHED, NetworkConfig, SuperSloMo
from inference.engine.weights_file import DEFAULT as DEFAULT

EXPECTED = (
    "Expected a .safetensors file written by this product's training command, or a published "
    "Super SloMo checkpoint (a dict with state_dictFC and state_dictAT)."
)
_PUBLISHED_PARTS = {"state_dictFC": "flow", "state_dictAT": "refine"}


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself.

    Attributes:
        name: file name without its ending.
        digest: SHA-256 of the file, hexadecimal.
        training: data summary and recipe; empty for a published checkpoint.
        scores: benchmark results by name; empty for a published checkpoint.
    """

    name: str
    digest: str
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)


def load(path: Path | None = None) -> tuple[SuperSloMo, WeightsInfo]:
    """Load a network in float32 on the CPU, in evaluation mode; the default one without a path.

    Raises:
        WeightsRefused: there is no such file (`weights_missing`), or it is damaged
            (`weights_damaged`), something else (`weights_foreign`), or holds tensors that do not
            fit the network (`weights_mismatch`).
    """
    path = path or DEFAULT
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            start = file.read(16)
    except OSError as error:
        raise WeightsRefused(
            "weights_missing", f"There is no readable weights file {path}. {EXPECTED}"
        ) from error
    if start[8:9] == b"{":
        network, metadata = _load_ours(path)
    elif start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        network, metadata = _load_published(path), {}
    else:
        raise WeightsRefused(
            "weights_foreign",
            f"{path.name} is neither a safetensors nor a PyTorch file. {EXPECTED}",
        )
    info = WeightsInfo(
        name=metadata.get("name") or path.stem,
        digest=digest,
        training=json.loads(metadata.get("training", "{}")),
        scores=json.loads(metadata.get("scores", "{}")),
    )
    return network.eval(), info


def fill(network: SuperSloMo, path: Path) -> WeightsInfo:
    """Copy the weights of a file into a network whose tensors have the same names and shapes.

    The configurations may differ otherwise: training goes on from weights that were trained with
    another kernel or another number of pyramid levels. Outputs of the refinement U-Net that the
    file does not know yet, the last ones, keep what the network has.

    Raises:
        WeightsRefused: as `load`, and where the tensors do not fit.
    """
    loaded, info = load(path)
    tensors, own = dict(loaded.state_dict()), network.state_dict()
    for name in ("refine.conv3.weight", "refine.conv3.bias"):
        if tensors[name].shape[1:] == own[name].shape[1:]:
            tensors[name] = torch.cat((tensors[name], own[name].cpu()[len(tensors[name]) :]))
    _fill(network, tensors, path)
    return info


def save(
    network: SuperSloMo,
    path: Path,
    *,
    training: dict[str, Any],
    scores: dict[str, Any],
) -> None:
    """Write a weights file of ours: half precision, complete or not at all."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
    }
    metadata = {
        "name": network.config.name,
        "config": json.dumps(network.config.to_dict()),
        "training": json.dumps(training),
        "scores": json.dumps(scores),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def _load_ours(path: Path) -> tuple[SuperSloMo, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsRefused(
            "weights_damaged", f"{path.name} is a damaged or truncated safetensors file: {error}."
        ) from error
    if "config" not in metadata:
        raise WeightsRefused(
            "weights_foreign",
            f"{path.name} is a safetensors file without a Super SloMo configuration. {EXPECTED}",
        )
    try:
        config = NetworkConfig.from_dict(json.loads(metadata["config"]))
        network = SuperSloMo(config)
    except (TypeError, ValueError, KeyError) as error:
        raise WeightsRefused(
            "weights_foreign",
            f"{path.name} describes a network this version cannot build: {error!r}.",
        ) from error
    _fill(network, tensors, path)
    return network, metadata


def _load_published(path: Path) -> SuperSloMo:
    try:
        # Published checkpoints carry the time they were written; nothing else is let through.
        with torch.serialization.safe_globals([datetime.datetime]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsRefused(
            "weights_foreign",
            f"{path.name} is a PyTorch file that holds more than weights, or is damaged; it was "
            f"not opened. {EXPECTED}",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsRefused(
            "weights_damaged", f"{path.name} is a damaged or truncated PyTorch file."
        ) from error
    if not isinstance(checkpoint, dict) or not checkpoint.keys() >= _PUBLISHED_PARTS.keys():
        raise WeightsRefused(
            "weights_foreign", f"{path.name} is a PyTorch file of something else. {EXPECTED}"
        )
    network = SuperSloMo(PUBLISHED)
    tensors = {
        f"{ours}.{name}": tensor
        for theirs, ours in _PUBLISHED_PARTS.items()
        for name, tensor in checkpoint[theirs].items()
    }
    _fill(network, tensors, path)
    return network


def _fill(network: SuperSloMo, tensors: dict[str, Tensor], path: Path) -> None:
    """Load strictly: every tensor present, none left over, shapes equal, values finite."""
    expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if expected != found:
        wrong = sorted(
            name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
        )
        raise WeightsRefused(
            "weights_mismatch",
            f"{path.name} does not fit {network.config.name}: {len(wrong)} tensors differ, the "
            f"first is {wrong[0]} ({found.get(wrong[0], 'absent')}, expected "
            f"{expected.get(wrong[0], 'no such tensor')}).",
        )
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise WeightsRefused(
            "weights_damaged", f"{path.name} holds values that are not finite numbers."
        )
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
