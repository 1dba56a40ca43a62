"""Training end to end on tiny made-up footage."""

import csv
import dataclasses
import signal
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inference.engine import weights
from inference.engine.errors import SettingsRefused, WeightsRefused
from inference.engine.network import COMPACT, SuperSloMo
from inference.engine.train import cli
from inference.engine.train import config as configs
from inference.engine.train.clips import Clip, open_packed, pack
from inference.engine.train.config import LossWeights, TrainConfig
from inference.engine.train.curve import Curve
from inference.engine.train.data import Sample, Samples
from inference.engine.train.loop import Trainer
from inference.engine.train.losses import flow_error, laplacian, smoothness, total_loss
from inference.engine.vision import torchvision
from tests.engine import clips
from tests.engine.textures import texture


def footage(count: int = 10) -> list[Clip]:
    """Two clips of a texture that moves 3 px a frame."""
    made = []
    for seed, name in enumerate(("pan", "held-out")):
        picture = (texture(96, 160, seed=seed) * 255).byte().permute(1, 2, 0).numpy()
        frames = np.stack([picture[:80, 3 * i : 3 * i + 96] for i in range(count)])
        made.append(Clip(name, frames))
    return made


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
    expected, info = weights.load()
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(trainer.average[name], tensor)
    assert trainer.summary()["started_from"]["digest"] == info.digest
    published = dataclasses.replace(TINY, network="published")
    with pytest.raises(WeightsRefused, match="does not fit"):
        Trainer(published, footage(), tmp_path, workers=0, start_from=weights.DEFAULT)


def test_a_run_can_begin_with_weights_of_another_kernel(tmp_path: Path) -> None:
    changed = dataclasses.replace(TINY, changes={"kernel": "bilinear", "pyramid_levels": 4})
    trainer = Trainer(changed, footage(), tmp_path, workers=0, start_from=weights.DEFAULT)
    assert trainer.network.config.kernel == "bilinear"


def test_a_run_can_begin_with_weights_that_know_fewer_outputs(tmp_path: Path) -> None:
    old = SuperSloMo(dataclasses.replace(COMPACT, still_output=False))
    old.initialise(torch.Generator().manual_seed(9))
    weights.save(old, tmp_path / "old.safetensors", training={}, scores={})
    trainer = Trainer(TINY, footage(), tmp_path, workers=0, start_from=tmp_path / "old.safetensors")
    bias = trainer.average["refine.conv3.bias"]
    known = old.state_dict()["refine.conv3.bias"]
    torch.testing.assert_close(bias[: len(known)], known, atol=1e-3, rtol=1e-3)
    assert bias[len(known) :].tolist() == [-1.0] * 4


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


def write_clip(path: Path, *, side: int = 96, frames: int = 10, pixels: str = "yuv420p") -> Path:
    """A texture moving 3 px a frame, as a video file."""
    pictures = clips.pan(frames, speed=(3, 0), width=side, height=side)
    return clips.render(path, pictures, pixel_format=pixels)


def test_bad_clips_are_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(SettingsRefused, match="no video"):
        pack(tmp_path, tmp_path / "cache", crop=64)
    write_clip(tmp_path / "good.mp4")
    write_clip(tmp_path / "short.mp4", frames=2)
    write_clip(tmp_path / "grey.mov", pixels="gray")
    packed = pack(tmp_path, tmp_path / "cache", crop=64)
    assert [path.stem for path in packed] == ["good"]
    for reason in ("broken.mp4", "short.mp4: 2 frames", "grey.mov: it is grey"):
        assert f"skipped {reason}" in caplog.text
    small = tmp_path / "small.npy"
    np.save(small, np.zeros((5, 32, 32, 3), np.uint8))
    assert open_packed([small], crop=64) == []
    assert "small" in caplog.text


def test_a_clip_is_also_packed_small_and_coarsely_coded(tmp_path: Path) -> None:
    write_clip(tmp_path / "wide.mp4", side=160)
    packed = open_packed(pack(tmp_path, tmp_path / "cache", crop=64), crop=64)
    assert [clip.name for clip in packed] == ["wide", "wide-small"]
    assert {clip.source for clip in packed} == {"wide"}
    full, small = (clip.frames for clip in packed)
    assert small.shape == (10, 80, 80, 3)
    halved = full.reshape(10, 80, 2, 80, 2, 3).mean((2, 4))
    assert 0.5 < np.abs(halved - small).mean() < 12  # the same pictures, not quite


def test_a_clip_held_out_is_held_out_in_both_sizes(tmp_path: Path) -> None:
    [pan, held] = footage()
    small = Clip("held-out-small", held.frames)
    trainer = Trainer(TINY, [pan, held, small], tmp_path, workers=0)
    assert [clip.name for clip in trainer.clips] == ["pan"]


def test_a_killed_run_goes_on_from_its_last_save_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    (tmp_path / "footage").mkdir()
    write_clip(tmp_path / "footage" / "clip.mp4")
    config = tmp_path / "run.toml"
    config.write_text("steps = 24\nbatch = 1\ncrop = 64\nwarmup = 2\n")

    def command(run: str) -> list[str]:
        return [
            *(sys.executable, "-m", "inference.engine", "train", "--config", str(config)),
            *("--data", str(tmp_path / "footage"), "--cache", str(tmp_path / "cache")),
            *("--run", str(tmp_path / run), "--save-every", "4", "--threads", "1"),
            *("--workers", "0", "--device", "cpu"),
        ]

    killed = subprocess.Popen(command("killed"), stderr=subprocess.PIPE, text=True)
    state_file = tmp_path / "killed" / "state.pt"
    deadline = time.monotonic() + 120
    while not state_file.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL, "it ended before it could be killed"
    saved = torch.load(state_file, weights_only=True)["step"]
    assert 0 < saved < 24
    for run in ("killed", "whole"):
        done = subprocess.run(command(run), capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert (f"resumed at step {saved}" in done.stderr) == (run == "killed")
    ends = [
        torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("killed", "whole")
    ]
    for name, tensor in ends[0]["network"].items():
        assert torch.equal(tensor, ends[1]["network"][name])
    for name, tensor in ends[0]["average"].items():
        assert torch.equal(tensor, ends[1]["average"][name])


def test_the_published_augmentation_only_mirrors_and_reverses() -> None:
    published = dataclasses.replace(TINY, synthetic_share=0.0, augmentation="published")
    samples = Samples(footage(), published)
    for index in range(6):
        frames = samples[index]["frames"]
        assert frames.min() >= 0
        assert frames.max() <= 1
        assert torch.equal((frames * 255).round() / 255, frames)  # no noise, contrast or blur


def test_still_and_moving_samples_count_alike_by_the_logarithm() -> None:
    """Without it a gradient is as large as the error's; with it, as the relative error's."""
    network = SuperSloMo(COMPACT)
    network.initialise(torch.Generator().manual_seed(1))
    for unet in (network.flow, network.refine):
        torch.nn.init.zeros_(unet.conv3.weight)  # nothing moves, nothing is added
    network.place("cpu")
    frames = torch.rand(1, 1, 3, 64, 64).expand(1, 3, 3, 64, 64)
    still = Sample(
        frames=frames + torch.tensor([0, 0.01, 0]).view(1, 3, 1, 1, 1),
        timestep=torch.full((1, 1, 1, 1), 0.5),
        flow=torch.zeros(1, 4, 64, 64),
        has_flow=torch.zeros(1, 1, 1, 1),
    )
    moving = Sample(**{**still, "frames": frames + torch.tensor([0, 0.1, 0]).view(1, 3, 1, 1, 1)})
    plain, logarithmic = LossWeights(), LossWeights(floor=0.001)
    ratios = [
        gradient(network, moving, losses) / gradient(network, still, losses)
        for losses in (plain, logarithmic)
    ]
    assert ratios[0] == pytest.approx(1, rel=0.3)
    assert ratios[1] == pytest.approx(0.1, rel=0.3)


def gradient(network: SuperSloMo, batch: Sample, losses: LossWeights) -> float:
    """Length of the loss's gradient on the residual's bias."""
    network.zero_grad()
    total_loss(network, batch, losses, None)[0].backward()
    bias = network.refine.conv3.bias
    assert bias is not None
    assert bias.grad is not None
    return float(bias.grad[-12:].norm())


def test_without_vgg_the_perceptual_loss_is_left_out_and_the_rest_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torchvision().models, "vgg16", unreachable)
    losses = LossWeights(reconstruction=204, perceptual=0.005, warping=102, smoothness=1)
    published = dataclasses.replace(TINY, steps=1, augmentation="published", losses=losses)
    trainer = Trainer(published, footage(), tmp_path, workers=0)
    assert "perceptual loss is left out" in caplog.text
    trainer.train()
    assert trainer.step == 1


def test_the_curve_forgets_what_a_killed_run_did_after_its_last_save(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "curve.csv")
    for step in (25, 50, 75):
        curve.append({"step": step, "loss": step / 100})
    curve.rewind(50)
    assert [row["step"] for row in curve.rows()] == ["25", "50"]


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = Trainer(dataclasses.replace(TINY, steps=25), footage(), run, workers=0, save_every=25)
    trainer.train()
    picture = tmp_path / "curve.png"
    assert cli.main(["--run", str(run), "--plot", str(picture)]) == 0
    with Image.open(picture) as drawn:
        assert drawn.width > 600
        assert len(drawn.convert("RGB").getcolors(1 << 20) or []) > 20  # lines, not a blank page
    with pytest.raises(SettingsRefused, match="no rows"):
        Curve(tmp_path / "none.csv").plot(picture)


def test_waiting_for_data_is_measured(tmp_path: Path) -> None:
    trainer = Trainer(dataclasses.replace(TINY, steps=25), footage(), tmp_path, workers=0)
    trainer.train()
    [row] = trainer.curve.rows()
    assert 0 < float(row["waiting"]) < 1
    assert float(row["samples_per_second"]) > 0


@pytest.mark.parametrize("name", ["compact", "polish", "published"])
def test_our_configurations_load(name: str) -> None:
    config = configs.load(name)
    assert config.network == ("published" if name == "published" else "compact")
    assert config.holdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps = ", "not TOML"),
        ("stepz = 1", "stepz"),
        ('network = "huge"', "network must be"),
        ("crop = 100", "multiple of"),
        ('precision = "int8"', "precision must be"),
        ("[changes]\nlayers = 3", "layers"),
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
    with pytest.raises(SettingsRefused, match="compact, polish, published"):
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
