"""Benchmark folders, small ones made here."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.engine import evaluate
from inference.engine.errors import SettingsRefused
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
    triplets = evaluate.find_triplets(benchmark(tmp_path, layout))
    assert [triplet.name for triplet in triplets] == ["scene0", "scene1"]
    middle = np.asarray(Image.open(triplets[1].truth))
    assert np.array_equal(middle, clips.pan(3, speed=(5, 1), seed=1)[1])


def test_a_folder_without_triplets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as caught:
        evaluate.find_triplets(tmp_path)
    assert caught.value.code == "no_triplets"


def test_the_command_scores_the_network_and_the_baselines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scores = benchmark(tmp_path / "tiny"), tmp_path / "scores.json"
    assert evaluate.main([str(folder), "--json", str(scores), "--device", "cpu"]) == 0
    summary = json.loads(scores.read_text())
    assert summary["triplets"] == 2
    assert summary["model"]["psnr"] > summary["baselines"]["repeat"]["psnr"]
    assert "tiny (2)" in capsys.readouterr().out


def test_the_worst_cases_are_drawn_worst_first(tmp_path: Path) -> None:
    folder = benchmark(tmp_path / "tiny")
    sheet = tmp_path / "sheet.png"
    evaluate.main([str(folder), "--sheet", str(sheet), "--device", "cpu"])
    with Image.open(tmp_path / "sheet-tiny.png") as drawn:
        assert drawn.size == (4 * 324 + 4, 2 * 217 + 4)
        truth = np.asarray(drawn.crop((4, 4, 324, 217)).resize((96, 64)), float)
    faster = clips.pan(3, speed=(5, 1), seed=1)[1]  # more motion is harder
    assert np.abs(truth - faster).mean() < 8
