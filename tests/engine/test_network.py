"""Both configurations of the network."""

import json

import pytest
import torch

from inference.engine.network import COMPACT, PUBLISHED, NetworkConfig, SuperSloMo, UNetConfig
from inference.engine.warp import fuse


def published_table(channels_in: int, channels_out: int) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of one published U-Net, as in the checkpoints in the wild."""
    weights = {
        "conv1": (32, channels_in, 7, 7),
        "conv2": (32, 32, 7, 7),
        "down1.conv1": (64, 32, 5, 5),
        "down1.conv2": (64, 64, 5, 5),
        "down2.conv1": (128, 64, 3, 3),
        "down2.conv2": (128, 128, 3, 3),
        "down3.conv1": (256, 128, 3, 3),
        "down3.conv2": (256, 256, 3, 3),
        "down4.conv1": (512, 256, 3, 3),
        "down4.conv2": (512, 512, 3, 3),
        "down5.conv1": (512, 512, 3, 3),
        "down5.conv2": (512, 512, 3, 3),
        "up1.conv1": (512, 512, 3, 3),
        "up1.conv2": (512, 1024, 3, 3),
        "up2.conv1": (256, 512, 3, 3),
        "up2.conv2": (256, 512, 3, 3),
        "up3.conv1": (128, 256, 3, 3),
        "up3.conv2": (128, 256, 3, 3),
        "up4.conv1": (64, 128, 3, 3),
        "up4.conv2": (64, 128, 3, 3),
        "up5.conv1": (32, 64, 3, 3),
        "up5.conv2": (32, 64, 3, 3),
        "conv3": (channels_out, 32, 3, 3),
    }
    table: dict[str, tuple[int, ...]] = {}
    for name, shape in weights.items():
        table[f"{name}.weight"] = shape
        table[f"{name}.bias"] = shape[:1]
    return table


@pytest.fixture(scope="module")
def published() -> SuperSloMo:
    return SuperSloMo(PUBLISHED).eval()


@pytest.mark.parametrize(("part", "channels"), [("flow", (6, 4)), ("refine", (20, 5))])
def test_the_published_network_has_the_published_keys_and_shapes(
    published: SuperSloMo, part: str, channels: tuple[int, int]
) -> None:
    state = published.get_submodule(part).state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == published_table(*channels)


def test_the_published_network_has_the_published_size(published: SuperSloMo) -> None:
    assert sum(p.numel() for p in published.parameters()) == 39_610_473
    assert PUBLISHED.multiple == 32


def reference_published(network: SuperSloMo, i0, i1, t):  # type: ignore[no-untyped-def]
    """The published forward pass written out plainly, from the equations."""
    mean = torch.tensor([0.429, 0.431, 0.397]).view(1, 3, 1, 1)
    i0, i1 = i0 - mean, i1 - mean

    def warp(image, flow):  # type: ignore[no-untyped-def]
        h, w = image.shape[-2:]
        ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        x = 2 * (xs + flow[:, 0]) / (w - 1) - 1
        y = 2 * (ys + flow[:, 1]) / (h - 1) - 1
        return torch.nn.functional.grid_sample(
            image, torch.stack((x, y), -1), align_corners=True, padding_mode="border"
        )

    f = network.flow(torch.cat((i0, i1), 1))
    f01, f10 = f[:, :2], f[:, 2:]
    ft0 = -(1 - t) * t * f01 + t * t * f10
    ft1 = (1 - t) ** 2 * f01 - t * (1 - t) * f10
    x = network.refine(torch.cat((i0, i1, f01, f10, ft1, ft0, warp(i1, ft1), warp(i0, ft0)), 1))
    ft0, ft1, v0 = ft0 + x[:, :2], ft1 + x[:, 2:4], torch.sigmoid(x[:, 4:])
    v1 = 1 - v0
    made = (1 - t) * v0 * warp(i0, ft0) + t * v1 * warp(i1, ft1)
    return made / ((1 - t) * v0 + t * v1) + mean


def test_the_published_network_computes_the_papers_equations(published: SuperSloMo) -> None:
    torch.manual_seed(0)
    i0, i1 = torch.rand(2, 1, 3, 64, 96)
    with torch.inference_mode():
        made = published(i0, i1, torch.full((1, 1, 1, 1), 0.25)).frame
        expected = reference_published(published, i0, i1, 0.25)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_the_compact_network_takes_multiples_of_its_own_and_answers_in_size() -> None:
    network = SuperSloMo(COMPACT).eval()
    network.initialise()
    height, width = 3 * COMPACT.multiple, 5 * COMPACT.multiple
    with torch.inference_mode():
        flows = network.flows(*torch.rand(2, 1, 3, height, width))
        made = network(*torch.rand(2, 2, 3, height, width), torch.full((2, 1, 1, 1), 0.5))
    assert [tuple(f.shape[-2:]) for f in flows] == [(6, 10), (12, 20), (24, 40)]
    assert made.frame.shape == (2, 3, height, width)


def test_a_fresh_compact_network_sees_no_motion_and_blends() -> None:
    network = SuperSloMo(COMPACT).eval()
    network.initialise(torch.Generator().manual_seed(0))
    i0, i1 = torch.full((1, 3, 48, 48), 0.2), torch.full((1, 3, 48, 48), 0.6)
    with torch.inference_mode():
        made = network(i0, i1, torch.full((1, 1, 1, 1), 0.5)).frame
    torch.testing.assert_close(made, torch.full_like(made, 0.4), atol=0.05, rtol=0)


def test_what_stands_still_is_taken_from_the_frames_as_they_are() -> None:
    network = SuperSloMo(COMPACT).eval()
    network.initialise(torch.Generator().manual_seed(1))
    frame0, frame1 = torch.rand(2, 1, 3, 64, 96).unbind(0)
    t = torch.full((1, 1, 1, 1), 0.25)
    assert network.refine.conv3.bias is not None
    with torch.no_grad():
        network.refine.conv3.weight.zero_()
        network.refine.conv3.bias.zero_()
        network.refine.conv3.bias[-4:] = 100  # of each of the 2 x 2 pixels of stride 2
        made = network(frame0, frame1, t)
        torch.testing.assert_close(made.frame, 0.75 * frame0 + 0.25 * frame1)
        assert bool((made.still == 1).all())
        network.refine.conv3.bias[-4:] = -100
        made = network(frame0, frame1, t)
        fused = fuse(made.warped0, made.warped1, made.visibility0, t)
        torch.testing.assert_close(made.frame, fused)


@pytest.mark.parametrize("config", [COMPACT, PUBLISHED])
def test_a_configuration_survives_json(config: NetworkConfig) -> None:
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_unet_without_matching_kernels_is_refused() -> None:
    with pytest.raises(ValueError, match="stages"):
        UNetConfig(widths=(8, 16), kernels=(3,))
