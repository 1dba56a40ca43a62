from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from inference.engine.convert import convert
from inference.engine.fidelity import Fidelity
from inference.engine.interpolator import Interpolator
from inference.engine.quality import IDENTICAL_PSNR
from inference.engine.settings import ConversionSettings
from inference.engine.timeline import Row
from inference.engine.video.decode import decode
from inference.engine.video.frames import FrameFormat, Planes
from inference.engine.video.probe import probe
from tests.engine import clips

SLOW = ConversionSettings(Fraction(30), Fraction(4))


def recorded(index: int) -> Row:
    return Row(index, Fraction(index, 30), index, Fraction(0), "recorded")


def planes_of(path: Path, pixel_format: str) -> list[Planes]:
    return [frame.planes for frame in decode(path, probe(path), pixel_format=pixel_format)]


def test_a_file_of_the_very_frames_has_the_highest_fidelity(tmp_path: Path) -> None:
    clip = clips.moving(tmp_path / "in.mp4", frames=40, sound=False)
    fidelity = Fidelity(FrameFormat("yuv420p", 96, 64))
    for index, planes in enumerate(planes_of(clip, "yuv420p")):
        fidelity.look(recorded(index), planes)
    assert fidelity.measure(clip) == {0: IDENTICAL_PSNR, 1: IDENTICAL_PSNR}


@pytest.mark.parametrize(
    ("clip", "pixel_format", "step"),
    [(clips.moving, "yuv420p", 2), (clips.ten_bit, "yuv420p10le", 8)],
)
def test_the_depth_does_not_change_what_an_error_counts(
    tmp_path: Path, clip: Callable[[Path], Path], pixel_format: str, step: int
) -> None:
    path = clip(tmp_path / "in.mp4")
    fidelity = Fidelity(FrameFormat(pixel_format, 96, 64))
    luma, *chroma = planes_of(path, pixel_format)[0]
    fidelity.look(recorded(0), (luma + luma.dtype.type(step), *chroma))
    assert fidelity.measure(path)[0] == pytest.approx(20 * np.log10(255 / 2), abs=0.01)


def test_without_a_recorded_frame_there_is_nothing_to_measure(tmp_path: Path) -> None:
    fidelity = Fidelity(FrameFormat("yuv420p", 96, 64))
    assert fidelity.measure(tmp_path / "never-read.mp4") == {}


@pytest.mark.parametrize("clip", [clips.moving, clips.odd_size, clips.ten_bit, clips.rotated])
def test_every_conversion_reports_what_its_encoding_costs(
    tmp_path: Path, interpolator: Interpolator, clip: Callable[[Path], Path]
) -> None:
    source = clip(tmp_path / "in.webm" if clip is clips.odd_size else tmp_path / "in.mp4")
    for codec in ("h264", "hevc"):
        target = tmp_path / f"{codec}.mp4"
        report = convert(source, target, replace(SLOW, codec=codec), interpolator)
        assert report.fidelity is not None
        assert 36 < report.fidelity < IDENTICAL_PSNR
