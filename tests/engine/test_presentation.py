"""The comparison clip and the preview of finished conversions, read back as files."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.engine.convert import convert
from inference.engine.errors import Cancelled
from inference.engine.framemap import read_rows
from inference.engine.interpolator import Interpolator
from inference.engine.presentation import write_comparison, write_preview
from inference.engine.settings import ConversionSettings
from inference.engine.video.probe import probe
from tests.engine import clips

SLOW = ConversionSettings(Fraction(30), Fraction(4))
BADGES = 44
"""Rows at the top that the labels may cover."""


def brightening(path: Path, *, frames: int = 6, width: int = 160, height: int = 120) -> Path:
    """Frame k is flat grey of 40 + 25 k, so that a picture's brightness tells its source time."""
    pictures = [np.full((height, width, 3), 40 + 25 * k, np.uint8) for k in range(frames)]
    return clips.render(path, pictures)


def halves(path: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The two sides of every frame, RGB, below the labels."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    middle = pictures[0].shape[1] // 2
    return [(p[BADGES:, :middle], p[BADGES:, middle:]) for p in pictures]


def compared(
    source: Path, folder: Path, interpolator: Interpolator, settings: ConversionSettings = SLOW
) -> Path:
    result, frame_map, target = folder / "out.mp4", folder / "map.json", folder / "both.mp4"
    convert(source, result, settings, interpolator, frame_map=frame_map)
    write_comparison(source, result, frame_map, settings, target)
    return target


def test_the_comparison_holds_the_original_left_of_the_result(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    target = compared(brightening(tmp_path / "in.mp4"), tmp_path, interpolator)
    sides = halves(target)
    assert len(sides) == 24
    for k, (left, right) in enumerate(sides):
        assert left.mean() == pytest.approx(40 + 25 * (k // 4), abs=3)
        assert right.mean() == pytest.approx(40 + 25 * min(k / 4, 5), abs=8)


def test_the_comparison_is_what_browsers_play(tmp_path: Path, interpolator: Interpolator) -> None:
    target = compared(brightening(tmp_path / "in.mp4"), tmp_path, interpolator)
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (320, 120)
        assert container.streams.video[0].average_rate == 30
        assert not container.streams.audio
    head = target.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_both_sides_are_labelled(tmp_path: Path, interpolator: Interpolator) -> None:
    pictures = [np.full((120, 320, 3), 128 + k, np.uint8) for k in range(0, 60, 12)]
    source = clips.render(tmp_path / "in.mp4", pictures)
    target = compared(source, tmp_path, interpolator)
    with av.open(str(target)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="gray").astype(int)
    for badge in (picture[:BADGES, :160], picture[:BADGES, 320:480]):
        assert badge.max() > 200
        assert badge.min() < 60


def test_a_trim_compares_the_same_moments(tmp_path: Path, interpolator: Interpolator) -> None:
    settings = replace(SLOW, trim_in=Fraction(2, 30))
    target = compared(brightening(tmp_path / "in.mp4"), tmp_path, interpolator, settings)
    assert halves(target)[0][0].mean() == pytest.approx(40 + 25 * 2, abs=3)


def test_a_variable_rate_shows_each_original_for_its_own_time(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    pictures = [np.full((120, 160, 3), 40 + 25 * k, np.uint8) for k in range(6)]
    source = clips.render(
        tmp_path / "in.mp4",
        pictures,
        pts=[0, 3000, 12000, 15000, 18000, 24000],
        time_base=Fraction(1, 90000),
    )
    target = compared(source, tmp_path, interpolator)
    rows = list(read_rows(tmp_path / "map.json"))
    for row, (left, _) in zip(rows, halves(target), strict=True):
        assert left.mean() == pytest.approx(40 + 25 * row.left, abs=3)


def test_a_turned_portrait_stands_upright_on_both_sides(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    # Stored lying, to be turned clockwise: what is stored left is shown on top.
    lying = [np.full((120, 160, 3), 60 + 3 * k, np.uint8) for k in range(4)]
    for picture in lying:
        picture[:, 80:] += 120
    source = clips.render(tmp_path / "in.mp4", lying, rotation=90)
    target = compared(source, tmp_path, interpolator)
    for side in halves(target)[0]:
        assert side.shape[:2] == (160 - BADGES, 120)
        assert side[:20].mean() < 90 < 150 < side[-20:].mean()


def test_wide_pixels_are_shown_wide(tmp_path: Path, interpolator: Interpolator) -> None:
    target = compared(clips.anamorphic(tmp_path / "in.mp4"), tmp_path, interpolator)
    assert halves(target)[0][0].shape == (64 - BADGES, 128, 3)


def test_odd_sizes_can_be_compared(tmp_path: Path, interpolator: Interpolator) -> None:
    pictures = clips.pan(4, width=97, height=65)
    source = clips.render(tmp_path / "in.webm", pictures, codec="libvpx-vp9")
    assert len(halves(compared(source, tmp_path, interpolator))) == 16


@pytest.mark.parametrize(
    ("rate", "frames"), [(Fraction(24000, 1001), 12), (Fraction(30000, 1001), 7), (Fraction(25), 8)]
)
def test_the_comparison_has_every_frame_at_the_exact_rate(
    tmp_path: Path, interpolator: Interpolator, rate: Fraction, frames: int
) -> None:
    source = clips.moving(tmp_path / "in.mp4", frames=frames, rate=rate, sound=False)
    settings = ConversionSettings(rate, Fraction(7))
    info = probe(compared(source, tmp_path, interpolator, settings))
    assert (info.frames, info.frame_rate, info.variable_rate) == (7 * frames, rate, False)


def test_a_high_output_rate_is_thinned_to_what_screens_show(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    settings = ConversionSettings(Fraction(240), Fraction(1))
    target = compared(brightening(tmp_path / "in.mp4"), tmp_path, interpolator, settings)
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == 60
    sides = halves(target)
    assert len(sides) == 12
    assert sides[-1][0].mean() == pytest.approx(40 + 25 * 5, abs=3)


def test_a_single_frame_can_be_compared_and_previewed(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    assert len(halves(compared(clips.single_frame(tmp_path / "in.mp4"), tmp_path, interpolator)))
    write_preview(tmp_path / "out.mp4", tmp_path / "preview.gif")
    assert Image.open(tmp_path / "preview.gif").size == (96, 64)


def test_a_single_frame_of_a_high_rate_can_be_compared(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = clips.render(tmp_path / "in.mp4", clips.pan(1), rate=240)
    settings = ConversionSettings(Fraction(240), Fraction(1))
    assert len(halves(compared(source, tmp_path, interpolator, settings))) == 1


def test_the_preview_is_a_looping_gif_of_the_first_seconds(
    tmp_path: Path, interpolator: Interpolator
) -> None:
    source = brightening(tmp_path / "in.mp4", width=640, height=360)
    convert(source, tmp_path / "out.mp4", replace(SLOW, slowness=Fraction(8)), interpolator)
    write_preview(tmp_path / "out.mp4", tmp_path / "preview.gif")
    with Image.open(tmp_path / "preview.gif") as gif:
        assert gif.size == (320, 180)
        assert gif.info["loop"] == 0
        shown, brightness = 0.0, []
        for index in range(gif.n_frames):
            gif.seek(index)
            shown += gif.info["duration"] / 1000
            brightness.append(float(np.asarray(gif.convert("L")).mean()))
    assert shown == pytest.approx(48 / 30, abs=0.09)
    assert brightness[0] < 60 < 150 < brightness[-1]


def test_a_request_to_stop_ends_the_writing(tmp_path: Path, interpolator: Interpolator) -> None:
    source = brightening(tmp_path / "in.mp4")
    result, frame_map = tmp_path / "out.mp4", tmp_path / "map.json"
    convert(source, result, SLOW, interpolator, frame_map=frame_map)

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        write_comparison(source, result, frame_map, SLOW, tmp_path / "both.mp4", before_each=stop)
    with pytest.raises(Cancelled):
        write_preview(result, tmp_path / "preview.gif", before_each=stop)
