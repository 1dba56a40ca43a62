"""Text and logos that stand still on the picture."""

import numpy as np
import torch

from inference.engine.train.overlays import overlaid


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    scene = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(seed))
    frames, hidden = overlaid(scene, np.random.default_rng(seed))
    return scene, frames, hidden


def test_it_stands_still_and_leaves_the_rest_alone() -> None:
    for seed in range(20):
        scene, frames, hidden = drawn(seed)
        assert frames.shape == scene.shape
        assert hidden.shape == (1, 128, 128)
        assert 0 <= hidden.min() <= hidden.max() <= 1
        assert 0 <= frames.min() <= frames.max() <= 1
        seen = (hidden == 0).expand_as(scene)
        assert torch.equal(frames[seen], scene[seen])
        written = (hidden[0] == 1).nonzero()
        for y, x in written[:50].tolist():
            assert torch.equal(frames[0, :, y, x], frames[1, :, y, x])
            assert torch.equal(frames[0, :, y, x], frames[2, :, y, x])


def test_nearly_every_picture_gets_something_and_none_is_covered() -> None:
    shares = [drawn(seed)[2].mean().item() for seed in range(40)]
    assert sum(share > 0.003 for share in shares) >= 38
    assert max(shares) < 0.7


def test_the_generator_decides_everything() -> None:
    assert torch.equal(drawn(5)[1], drawn(5)[1])
    assert not torch.equal(drawn(5)[2], drawn(6)[2])
