"""Training end to end on tiny made-up footage."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.engine import weights
from inference.engine.errors import SettingsRefused, WeightsRefused
from inference.engine.network import COMPACT
from inference.engine.train import config as configs
from inference.engine.train.clips import Clip, open_packed, pack
from inference.engine.train.config import LossWeights, TrainConfig
from inference.engine.train.data import Samples
from inference.engine.train.loop import Trainer
from inference.engine.train.losses import flow_error, laplacian, smoothness
from tests.engine.textures import texture


def footage(count: int = 10) -> list[Clip]:
    """Two clips of a texture that moves 3 px a frame."""
    clips = []
    for seed, name in enumerate(("pan", "held-out")):
        picture = (texture(96, 160, seed=seed) * 255).byte().permute(1, 2, 0).numpy()
        frames = np.stack([picture[:80, 3 * i : 3 * i + 96] for i in range(count)])
        clips.append(Clip(name, frames))
    return clips


TINY = TrainConfig(
    steps=6,
    batch=2,
    crop=64,
    warmup=2,
    holdout=("held-out",),
    losses=LossWeights(laplacian=0.1, warping=0.1, smoothness=0.001, flow=0.03),
)


def state(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.network.state_dict().items()}


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    whole = Trainer(TINY, footage(), tmp_path / "whole", workers=0)
    whole.train()

    first = Trainer(dataclasses.replace(TINY, steps=6), footage(), tmp_path / "cut", workers=0)
    batches = first._batches()
    for _ in range(3):
        first._step(next(batches))
        first.step += 1
    first.save()
    second = Trainer(TINY, footage(), tmp_path / "cut", workers=0)
    assert second.step == 3
    second.train()

    for name, tensor in state(whole).items():
        torch.testing.assert_close(tensor, state(second)[name], rtol=0, atol=0)


def test_training_lowers_the_loss_and_writes_usable_weights(tmp_path: Path) -> None:
    trainer = Trainer(dataclasses.replace(TINY, steps=25), footage(), tmp_path, workers=0)
    batch = next(trainer._batches())
    before = trainer._step(batch)[0]
    trainer.train()
    assert trainer._step(batch)[0] < before
    network, info = weights.load(tmp_path / "weights.safetensors")
    assert network.config == COMPACT
    assert info.training["samples"] == 50
    assert info.training["config"]["crop"] == 64
    rows = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [row["step"] for row in rows] == ["25"]


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    trainer = Trainer(TINY, footage(), tmp_path, workers=0, start_from=weights.DEFAULT)
    expected, _ = weights.load()
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(trainer.average[name], tensor)
    published = dataclasses.replace(TINY, network="published")
    with pytest.raises(WeightsRefused, match="another configuration"):
        Trainer(published, footage(), tmp_path, workers=0, start_from=weights.DEFAULT)


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    fresh, later = Samples(footage(), TINY), Samples(footage(), TINY, first=4)
    assert len(later) == len(fresh) - 4
    assert torch.equal(fresh[7]["frames"], later[3]["frames"])
    other = Samples(footage(), dataclasses.replace(TINY, seed=2))
    assert not torch.equal(fresh[7]["frames"], other[7]["frames"])


def test_real_samples_are_triplets_in_order_of_time() -> None:
    samples = Samples(footage(), dataclasses.replace(TINY, synthetic_share=0.0))
    for index in range(8):
        sample = samples[index]
        assert sample["frames"].shape == (3, 3, 64, 64)
        assert 0 < sample["timestep"].item() < 1
        assert sample["has_flow"].item() == 0


def test_flow_follows_the_augmentation() -> None:
    """Whatever flips were drawn, frame 1 warped by F01 must give frame 0."""
    from inference.engine.warp import backward_warp

    samples = Samples(footage(), dataclasses.replace(TINY, synthetic_share=1.0))
    errors, unmoved = [], []
    for index in range(12):
        sample = samples[index]
        frame0, _, frame1 = sample["frames"]
        warped = backward_warp(frame1[None], sample["flow"][None, :2])[0]
        errors.append((warped - frame0).abs().median().item())
        unmoved.append((frame1 - frame0).abs().median().item())
    assert np.mean(errors) < 0.5 * np.mean(unmoved)


def test_bad_clips_are_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(SettingsRefused, match="no video"):
        pack(tmp_path, tmp_path / "cache")
    assert "broken.mp4" in caplog.text
    small = tmp_path / "small.npy"
    np.save(small, np.zeros((5, 32, 32, 3), np.uint8))
    assert open_packed([small], crop=64) == []
    assert "small" in caplog.text


@pytest.mark.parametrize("name", ["compact", "published"])
def test_our_configurations_load(name: str) -> None:
    config = configs.load(name)
    assert config.network == name
    assert config.holdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps = ", "not TOML"),
        ("stepz = 1", "stepz"),
        ('network = "huge"', "network must be"),
        ("crop = 100", "multiple of"),
    ],
)
def test_a_bad_configuration_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(SettingsRefused, match=reason):
        configs.load(str(path))


def test_an_unknown_configuration_names_ours() -> None:
    with pytest.raises(SettingsRefused, match="compact, published"):
        configs.load("nothing")


def test_the_published_schedule_falls_tenfold_at_each_milestone() -> None:
    config = configs.load("published")
    rates = [config.learning_rate_at(s) for s in (0, 99_999, 100_000, 150_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-6])


def test_equal_pictures_and_flows_cost_nothing() -> None:
    picture = torch.rand(1, 3, 64, 64)
    assert laplacian(picture, picture).item() == 0
    assert smoothness(torch.full((1, 4, 8, 8), 3.0)).item() == 0
    truth = torch.full((1, 4, 64, 64), 8.0)
    flows = [torch.full((1, 4, 8, 8), 2.0), torch.full((1, 4, 16, 16), 4.0), truth[..., ::2, ::2]]
    least = 6 * 0.01**0.4
    assert flow_error(flows, truth, torch.ones(1, 1, 1, 1)).item() == pytest.approx(least)
    assert flow_error(flows, truth, torch.zeros(1, 1, 1, 1)).item() == 0
