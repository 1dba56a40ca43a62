"""Cuts and repeats, in clips whose pictures are known and in real footage.

The real clips have no cut (looked at picture by picture), `walking-1080p30` included: what its
differences show, at frames 164 to 183, is a leaping man who covers the sun and uncovers it. So
cuts in real footage are made here, by splicing.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from inference.engine.scenes import Link, SceneWatcher, Thumbnail, thumbnail
from tests.engine import clips
from tests.engine.clips import Picture

CLIPS = (
    "children-jumping-540p30",
    "dashcam-720p25",
    "handheld-480p30",
    "treadmill-portrait-60fps",
    "walking-1080p30",
)


def watched(frames: list[Thumbnail]) -> tuple[list[int], list[int]]:
    """Indexes of cuts and of repeats."""
    watcher = SceneWatcher()
    links = [watcher.look(frame) for frame in frames]
    cuts = [i for i, link in enumerate(links) if link is Link.CUT]
    repeats = [i for i, link in enumerate(links) if link is Link.REPEAT]
    return cuts, repeats


def luma(pictures: list[Picture]) -> list[Thumbnail]:
    return [thumbnail(picture.mean(axis=2).astype(np.uint8), 8) for picture in pictures]


def decoded(path: Path, *, first: int = 0, count: int = 60) -> Iterator[Thumbnail]:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in itertools.islice(container.decode(video=0), first, first + count):
            picture = frame.to_ndarray()[: frame.height, : frame.width]
            yield thumbnail(picture, 8)


def test_cuts_are_found_where_scenes_change_and_nowhere_else() -> None:
    assert watched(luma(clips.cuts(24, every=5))) == ([5, 10, 15, 20], [])


def test_fast_motion_is_no_cut() -> None:
    assert watched(luma(clips.pan(12, width=320, height=160, speed=(30, 9)))) == ([], [])


def test_a_flash_is_no_cut() -> None:
    pictures = clips.pan(6)
    pictures[3] = np.clip(pictures[3].astype(int) + 60, 0, 255).astype(np.uint8)
    assert watched(luma(pictures)) == ([], [])


def test_a_cut_to_black_is_a_cut() -> None:
    pictures = clips.pan(6)
    pictures[3:] = [np.zeros_like(pictures[0])] * 3
    assert watched(luma(pictures)) == ([3], [4, 5])


def test_noise_in_the_dark_is_no_cut() -> None:
    random = np.random.default_rng(0)
    frames = [random.normal(8, 3, (30, 50)).astype(np.float32) for _ in range(8)]
    assert watched(frames) == ([], [])


def test_repeats_are_found(tmp_path: Path) -> None:
    clip = clips.render(tmp_path / "repeats.mp4", clips.repeats(18, every=3))
    assert watched(list(decoded(clip))) == ([], [2, 5, 8, 11, 14, 17])


def test_repeats_in_animation_on_threes_are_found_through_compression(tmp_path: Path) -> None:
    moving = clips.pan(10, width=160, height=96)
    clip = clips.render(
        tmp_path / "threes.mp4",
        [moving[k // 3] for k in range(30)],
        options={"crf": "26", "preset": "medium"},
    )
    cuts, repeats = watched(list(decoded(clip)))
    wrong = set(repeats) ^ {k for k in range(30) if k % 3}
    assert cuts == []
    # Until there is a difference to compare with, only identical frames count.
    assert wrong <= {1, 2}


def test_a_small_thing_moving_over_a_still_background_is_no_repeat() -> None:
    still = clips.to_bytes(clips.texture(96, 160))
    pictures = []
    for k in range(8):
        picture = still.copy()
        picture[40:46, 10 + 4 * k : 16 + 4 * k] = 255
        pictures.append(picture)
    assert watched(luma(pictures)) == ([], [])


@pytest.mark.parametrize(("size", "speed"), [(2, 1), (4, 2), (8, 1)])
def test_a_far_ball_over_a_wall_without_noise_is_no_repeat(size: int, speed: int) -> None:
    pictures = [np.full((360, 640, 3), 100, np.uint8) for _ in range(24)]
    for k, picture in enumerate(pictures):
        picture[100 : 100 + size, 100 + speed * k : 100 + size + speed * k] = 235
    assert watched(luma(pictures)) == ([], [])


def test_ten_bit_pictures_are_judged_as_their_eight_bit_selves() -> None:
    picture = clips.pan(1)[0][..., 0]
    assert np.array_equal(thumbnail(picture, 8), thumbnail(picture.astype(np.uint16) << 2, 10))


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (16, 16)])
def test_pictures_of_any_shape_can_be_compared(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    frames = [thumbnail(random.integers(0, 256, shape, dtype=np.uint8), 8) for _ in range(3)]
    watched(frames)


@pytest.mark.parametrize("name", CLIPS)
def test_real_footage_without_cuts_has_none(name: str, shared_data: Path) -> None:
    first = 140 if name.startswith("walking") else 0  # where the sun goes on and off
    cuts, repeats = watched(list(decoded(shared_data / f"clips/{name}.mp4", first=first)))
    assert cuts == []
    assert repeats == []


def test_every_splice_of_real_footage_is_a_cut(shared_data: Path) -> None:
    shots = [list(spliced(shared_data / f"clips/{name}.mp4")) for name in CLIPS]
    frames = [frame for pair in itertools.permutations(shots, 2) for shot in pair for frame in shot]
    # A shot that follows itself, where one pair ends as the next begins, is a jump in its time.
    cuts, _ = watched(frames)
    pairs = list(itertools.permutations(range(len(CLIPS)), 2))
    order = [shot for pair in pairs for shot in pair]
    starts = list(itertools.accumulate(len(shots[shot]) for shot in order))[:-1]
    expected = [at for at, (a, b) in zip(starts, itertools.pairwise(order), strict=True) if a != b]
    assert cuts == expected


def spliced(path: Path) -> Iterator[Thumbnail]:
    """Four frames, brought to one size."""
    with av.open(str(path)) as container:
        for frame in itertools.islice(container.decode(video=0), 10, 14):
            small = frame.reformat(width=640, height=360, format="gray")
            yield thumbnail(small.to_ndarray(), 8)
