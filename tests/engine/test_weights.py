"""Loading and refusing weights files."""

import datetime
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from inference.engine import weights
from inference.engine.errors import WeightsRefused
from inference.engine.network import COMPACT, PUBLISHED, SuperSloMo


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    """A dict of the published layout with random tensors."""
    network = SuperSloMo(PUBLISHED)
    return {
        "Detail": "End to end Super SloMo.",
        "epoch": 199,
        "timestamp": datetime.datetime(2019, 1, 2, 3, 4, 5),
        "trainBatchSz": 6,
        "learningRate": 1e-6,
        "loss": [[1.0]],
        "valPSNR": [[30.0]],
        "state_dictFC": network.flow.state_dict(),
        "state_dictAT": network.refine.state_dict(),
    }


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    network = SuperSloMo(COMPACT)
    network.initialise()
    path = tmp_path / "ours.safetensors"
    weights.save(network, path, training={"samples": 8}, scores={"psnr": 1.0})
    return path


def refusal(path: Path) -> WeightsRefused:
    with pytest.raises(WeightsRefused) as caught:
        weights.load(path)
    return caught.value


def test_the_default_weights_load_and_say_what_they_are() -> None:
    network, info = weights.load()
    assert network.config == COMPACT
    assert not network.training
    assert len(info.digest) == 64
    assert info.training["samples"] > 0
    assert weights.DEFAULT.stat().st_size < 20_000_000


@pytest.mark.parametrize("legacy", [False, True])
def test_a_published_checkpoint_loads_strictly(
    tmp_path: Path, checkpoint: dict[str, Any], legacy: bool
) -> None:
    path = tmp_path / "SuperSloMo.ckpt"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not legacy)
    network, info = weights.load(path)
    assert network.config == PUBLISHED
    assert info.name == "SuperSloMo"
    assert torch.equal(network.flow.conv1.weight, checkpoint["state_dictFC"]["conv1.weight"])
    assert torch.equal(network.refine.conv3.bias, checkpoint["state_dictAT"]["conv3.bias"])


def test_ours_come_back_in_half_precision_with_their_records(ours: Path) -> None:
    network, info = weights.load(ours)
    assert info.name == "super-slomo-compact"
    assert info.training == {"samples": 8}
    assert info.scores == {"psnr": 1.0}
    assert network.flow.conv1.weight.dtype == torch.float32


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.safetensors").code == "weights_missing"


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_of_ours_is_refused(ours: Path, part: float) -> None:
    data = ours.read_bytes()
    ours.write_bytes(data[: int(len(data) * part)])
    assert refusal(ours).code == "weights_damaged"


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, checkpoint: dict[str, Any]) -> None:
    path = tmp_path / "cut.ckpt"
    torch.save(checkpoint, path)
    path.write_bytes(path.read_bytes()[:5_000_000])
    assert refusal(path).code == "weights_damaged"


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>" * 10])
def test_a_foreign_file_is_refused_with_what_was_expected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.bin"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "weights_foreign"
    assert "state_dictFC" in error.message


def test_safetensors_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(2, 2)}, path)
    assert refusal(path).code == "weights_foreign"


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model": torch.zeros(2)}, path)
    assert refusal(path).code == "weights_foreign"


def test_a_wrong_shape_is_named(tmp_path: Path, checkpoint: dict[str, Any]) -> None:
    path = tmp_path / "wrong.ckpt"
    flow = {**checkpoint["state_dictFC"], "conv1.weight": torch.zeros(32, 6, 5, 5)}
    torch.save({**checkpoint, "state_dictFC": flow}, path)
    error = refusal(path)
    assert error.code == "weights_mismatch"
    assert "flow.conv1.weight" in error.message


def test_values_that_are_no_numbers_are_refused(tmp_path: Path, checkpoint: dict[str, Any]) -> None:
    path = tmp_path / "nan.ckpt"
    flow = {**checkpoint["state_dictFC"], "conv1.bias": torch.full((32,), float("nan"))}
    torch.save({**checkpoint, "state_dictFC": flow}, path)
    assert refusal(path).code == "weights_damaged"


class Exploit:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize("plain", [True, False])
def test_code_in_a_pickle_never_runs(tmp_path: Path, plain: bool) -> None:
    canary, path = tmp_path / "canary", tmp_path / "evil.ckpt"
    evil = {"state_dictFC": Exploit(canary), "state_dictAT": {}}
    if plain:
        path.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, path)
    assert refusal(path).code in {"weights_foreign", "weights_damaged"}
    assert not canary.exists()
