"""Frames held out of a clip, synthesised from their neighbours, and compared."""

import json
from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from inference.engine.holdout import HoldOut, Quality, picture, spread, summary
from inference.engine.interpolator import Interpolator, Synthesis
from inference.engine.quality import IDENTICAL_PSNR
from inference.engine.video.frames import FrameFormat

FORMAT = FrameFormat("yuv444p", 32, 16)


class Linear(Interpolator):
    """Stands in for the network: brightness in between, and a note of what was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def interpolate(
        self, frame0: Tensor, frame1: Tensor, timesteps: Sequence[float], **_: object
    ) -> Synthesis:
        self.asked += timesteps
        t = torch.tensor(timesteps).view(-1, 1, 1, 1)
        return Synthesis((1 - t) * frame0 + t * frame1, [1.0] * len(timesteps))


def grey(level: float) -> Tensor:
    return torch.full((3, FORMAT.height, FORMAT.width), level)


def measured(
    frames: int, *, breaks: Sequence[int] = (), expected: int | None = None
) -> tuple[Quality, Linear]:
    """Watch a clip that brightens evenly; frames of `breaks` are cuts or repeats."""
    model = Linear()
    length = Fraction(frames if expected is None else expected, 30)
    holdout = HoldOut(model, FORMAT, spread(Fraction(0), length, Fraction(30)))
    for k in range(frames):
        holdout.look(Fraction(k, 30), grey(k / 100), linked=k not in breaks)
    return summary(holdout.samples, frames=frames), model


@pytest.mark.parametrize(
    ("frames", "held_out"),
    [(3, [1]), (8, [4]), (14, [4, 10]), (50, [4, 10, 16, 22, 28, 34, 40, 46])],
)
def test_samples_are_spread_over_the_clip(frames: int, held_out: list[int]) -> None:
    quality, _ = measured(frames)
    assert [sample.frame for sample in quality.samples] == pytest.approx(held_out, abs=1)


def test_a_long_clip_has_eight_samples_from_beginning_to_end() -> None:
    frames = [sample.frame for sample in measured(400)[0].samples]
    assert len(frames) == 8
    assert frames[0] < 50 and frames[-1] > 350


def test_figures_are_the_means_over_the_samples_and_json() -> None:
    quality, model = measured(50)
    assert model.asked == [0.5] * 8
    assert quality.psnr == pytest.approx(sum(s.psnr for s in quality.samples) / 8)
    assert quality.worst_psnr == min(s.psnr for s in quality.samples)
    assert quality.psnr is not None and 45 < quality.psnr <= IDENTICAL_PSNR
    assert quality.ssim == pytest.approx(1, abs=1e-3)
    assert json.loads(json.dumps(quality.to_dict())) == quality.to_dict()


def test_a_variable_rate_holds_out_at_the_frames_own_time() -> None:
    model = Linear()
    holdout = HoldOut(model, FORMAT, [Fraction(1, 2)])
    for time, level in ((0, 0.2), (1, 0.3), (4, 0.6)):
        holdout.look(Fraction(time), grey(level), linked=True)
    assert model.asked == [0.25]
    sample = holdout.samples[0]
    assert sample.psnr > 45 and sample.blend_psnr > 45


def test_nothing_is_measured_across_a_cut_but_at_the_next_chance() -> None:
    quality, _ = measured(8, breaks=[3, 4, 5])
    assert [sample.frame for sample in quality.samples] == [6]


def test_a_sample_that_is_still_impossible_when_the_next_is_due_is_left_out() -> None:
    quality, _ = measured(14, breaks=range(3, 10))
    assert [sample.frame for sample in quality.samples] == [10]


@pytest.mark.parametrize(("until", "taken"), [(6, []), (7, [6]), (None, [6])])
def test_the_last_sample_is_waited_for_until_it_is_too_late(
    until: int | None, taken: list[int]
) -> None:
    last = None if until is None else Fraction(until, 30)
    holdout = HoldOut(Linear(), FORMAT, [Fraction(3, 30)], until=last)
    waited = []
    for k in range(9):
        holdout.look(Fraction(k, 30), grey(k / 100), linked=k not in (3, 4, 5))
        waited.append(holdout.waiting)
    assert [sample.frame for sample in holdout.samples] == taken
    assert waited == [True] * 7 + [False] * 2


@pytest.mark.parametrize(
    ("frames", "breaks", "reason"),
    [(0, (), "fewer than three"), (2, (), "fewer than three"), (9, range(9), "one motion")],
)
def test_what_cannot_be_measured_says_why(frames: int, breaks: Sequence[int], reason: str) -> None:
    quality, _ = measured(frames, breaks=breaks)
    assert reason in quality.reason
    assert (quality.psnr, quality.samples) == (None, [])


@pytest.mark.parametrize("expected", [0, 1, 5000])
def test_a_wrong_expectation_does_no_harm(expected: int) -> None:
    measured(30, expected=expected)


def test_the_synthesised_frame_is_compared_as_it_is_shown() -> None:
    # Red and blue that change from pixel to pixel do not survive 4:2:0, so they must not count.
    stripes = grey(0.5)
    stripes[0, :, ::2] += 0.2
    stripes[0, :, 1::2] -= 0.2

    class Striped(Linear):
        def interpolate(
            self, frame0: Tensor, frame1: Tensor, timesteps: Sequence[float], **_: object
        ) -> Synthesis:
            return Synthesis(stripes[None], [1.0])

    figures = []
    for name in ("yuv444p", "yuv420p"):
        holdout = HoldOut(Striped(), FrameFormat(name, 32, 16), [Fraction(1)])
        for k in range(3):
            holdout.look(Fraction(k), grey(0.5), linked=True)
        figures.append(holdout.samples[0].psnr)
    assert figures[1] > figures[0] + 3


def test_a_picture_is_rounded_and_clamped_codes() -> None:
    codes = picture(torch.tensor([-1.0, 0.5, 2.0]).view(3, 1, 1))
    assert codes.shape == (1, 1, 3)
    assert codes[0, 0].tolist() == [0, 128, 255]
