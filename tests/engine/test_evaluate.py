"""Benchmark folders, small ones made here."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.engine.errors import SettingsRefused
from inference.engine.evaluate import cli
from inference.engine.evaluate.baselines import baselines
from inference.engine.evaluate.scoring import WORST
from inference.engine.evaluate.spans import find_triplets, sources
from tests.engine import clips

LAYOUTS = {
    "middlebury": ("input/{}/frame10.png", "gt/{}/frame10i11.png", "input/{}/frame11.png"),
    "ucf101": ("{}/frame_00.webp", "{}/frame_01_gt.webp", "{}/frame_02.webp"),
    "vimeo90k": ("00001/{}/im1.png", "00001/{}/im2.png", "00001/{}/im3.png"),
}


def benchmark(folder: Path, layout: str = "middlebury", *, scenes: int = 2) -> Path:
    for scene in range(scenes):
        pictures = clips.pan(3, speed=(2 + 3 * scene, 1), seed=scene)
        for name, picture in zip(LAYOUTS[layout], pictures, strict=True):
            path = folder / name.format(f"scene{scene}")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path, lossless=True)
    return folder


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_layout_of_triplets_is_found(tmp_path: Path, layout: str) -> None:
    triplets = find_triplets(benchmark(tmp_path, layout))
    assert [triplet.name for triplet in triplets] == ["scene0", "scene1"]
    middle = np.asarray(Image.open(triplets[1].truth))
    assert np.array_equal(middle, clips.pan(3, speed=(5, 1), seed=1)[1])


def test_a_folder_with_nothing_to_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as caught:
        sources(tmp_path, factors=[2], spans_per_clip=1)
    assert caught.value.code == "nothing_to_score"


def test_the_command_scores_the_network_and_the_baselines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scores = benchmark(tmp_path / "tiny"), tmp_path / "scores.json"
    assert cli.main([str(folder), "--json", str(scores), "--device", "cpu"]) == 0
    summary = json.loads(scores.read_text())
    assert summary["folder"] == "tiny"
    assert summary["triplets"] == 2
    assert set(summary["model"]) == {"psnr", "ssim", "ie"}
    assert {"repeat", "blend"} <= set(summary["baselines"])
    assert summary["model"]["psnr"] > summary["baselines"]["repeat"]["psnr"]
    assert "tiny (2)" in capsys.readouterr().out


def test_the_worst_cases_are_drawn_worst_first(tmp_path: Path) -> None:
    folder = benchmark(tmp_path / "tiny")
    sheet = tmp_path / "sheet.png"
    cli.main([str(folder), "--sheet", str(sheet), "--device", "cpu"])
    with Image.open(tmp_path / "sheet-tiny.png") as drawn:
        assert drawn.size == (4 * 324 + 4, 2 * 217 + 4)
        truth = np.asarray(drawn.crop((4, 4, 324, 217)).resize((96, 64)), float)
    faster = clips.pan(3, speed=(5, 1), seed=1)[1]  # more motion is harder
    assert np.abs(truth - faster).mean() < 8


def test_no_more_than_ten_worst_cases_are_drawn(tmp_path: Path) -> None:
    folder = benchmark(tmp_path / "many", scenes=WORST + 2)
    cli.main([str(folder), "--sheet", str(tmp_path / "sheet.png"), "--device", "cpu"])
    with Image.open(tmp_path / "sheet-many.png") as drawn:
        assert drawn.height == WORST * 217 + 4


def test_every_nth_frame_of_a_clip_is_given_and_the_others_are_the_truth(tmp_path: Path) -> None:
    clip = clips.moving(tmp_path / "clip.mp4", frames=12)
    [source] = sources(tmp_path, factors=[4], spans_per_clip=8)
    spans = list(source)
    assert source.label == f"{tmp_path.name} 4x"
    assert [span.name for span in spans] == ["clip 0", "clip 4"]
    assert [t for t, _ in spans[0].truths] == [0.25, 0.5, 0.75]
    assert np.array_equal(spans[0].frame1, spans[1].frame0)
    [single] = sources(clip, factors=[2], spans_per_clip=3)
    assert [span.name for span in single] == ["clip 0", "clip 4", "clip 8"]


def test_spans_do_not_reach_across_cuts(tmp_path: Path) -> None:
    clips.render(tmp_path / "cuts.mp4", clips.cuts(12, every=4))
    [source] = sources(tmp_path, factors=[2], spans_per_clip=8)
    assert [span.name for span in source] == ["cuts 0", "cuts 4", "cuts 8"]


def test_clips_are_scored_for_each_factor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, report = tmp_path / "pans", tmp_path / "scores.json"
    folder.mkdir()
    clips.moving(folder / "clip.mp4", frames=12)
    arguments = ["--drop", "2", "4", "--spans", "2", "--device", "cpu"]
    cli.main([str(folder), "--json", str(report), *arguments])
    two, four = json.loads(report.read_text())
    assert (two["folder"], two["triplets"]) == ("pans 2x", 2)
    assert (four["folder"], four["triplets"]) == ("pans 4x", 6)
    for scores in (two, four):
        assert scores["model"]["psnr"] > scores["baselines"]["blend"]["psnr"]
    # A wider gap is harder for what does not follow the motion.
    assert two["baselines"]["blend"]["psnr"] > four["baselines"]["blend"]["psnr"]


def test_a_clip_too_short_to_drop_frames_from_is_refused(tmp_path: Path) -> None:
    clips.two_frames(tmp_path / "short.mp4")
    with pytest.raises(SettingsRefused, match="frames of motion"):
        cli.main([str(tmp_path), "--drop", "2", "--device", "cpu"])


@pytest.mark.parametrize("name", ["repeat", "blend", "dis"])
def test_baselines_take_the_time_into_account(name: str) -> None:
    methods = baselines()
    if name not in methods:
        pytest.skip("needs OpenCV (pip install -e '.[classical]')")
    frame0, _, _, _, frame1 = clips.pan(5, speed=(2, 0), seed=3)
    early, late = (methods[name](frame0, frame1, t).astype(float) for t in (0.1, 0.9))
    assert np.abs(early - frame0).mean() < np.abs(early - frame1).mean()
    assert np.abs(late - frame1).mean() < np.abs(late - frame0).mean()
