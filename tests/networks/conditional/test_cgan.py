"""The conditional GAN's networks against the paper: counts, dropout, units of pixels, where the class enters."""

import pytest
import torch
from network_facts import count, number, weight_layers

from energan.engine.noise import distribution
from energan.networks.conditional import cgan
from energan.networks.layers import Dropout
from energan.recipes.build import build


def test_the_nets_have_the_papers_layers():
    g, d = cgan.Generator(), cgan.Discriminator()
    assert count(g) == 100 * 200 + 200 + 10 * 1000 + 1000 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    assert count(d) == 784 * 1200 + 1200 + 10 * 250 + 250 + 290 * 960 + 960 + 240 + 1
    for net, bound in ((g, 0.05), (d, 0.005)):
        assert all(number(layer.weight.abs().max()) <= bound for layer in weight_layers(net))
        assert [m.rate for m in net.modules() if isinstance(m, Dropout)] == [0.5] * 3


def test_pixels_are_in_0_1_inside_and_in_minus_one_to_one_outside():
    g, d = cgan.Generator(3, 2, (1, 2, 2), sizes=(4, 4, 4)), cgan.Discriminator(2, (1, 2, 2), units=(3, 2, 3))
    seen: list[torch.Tensor] = []
    d.of_x.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    d.eval()(torch.tensor([-1.0, 0.0, 0.5, 1.0]).view(1, 1, 2, 2), torch.eye(2)[:1])
    torch.testing.assert_close(seen[0], torch.tensor([[0, 0.5, 0.75, 1]]))
    for w in g.parameters():
        torch.nn.init.zeros_(w)
    assert g.eval()(torch.rand(2, 3), torch.eye(2)).abs().max() == 0  # a sigmoid of 0 is grey


@pytest.mark.parametrize("net", ["G", "D"])
def test_the_class_makes_a_difference(net: str):
    y = torch.eye(3)
    if net == "G":
        given = cgan.Generator(4, 3, (1, 4, 4), sizes=(4, 4, 6)).eval()(torch.rand(1, 4).expand(3, -1), y).flatten(1)
    else:
        given = cgan.Discriminator(3, (1, 4, 4), units=(4, 3, 4)).eval()(
            torch.rand(1, 1, 4, 4).expand(3, -1, -1, -1), y
        )
    assert len(given.unique(dim=0)) == 3


def test_masks_of_the_noise_drop_in_use_and_by_hand_are_what_they_should_be():
    g = cgan.Generator(2, 3, (1, 2, 2), sizes=(4, 5, 6), dropout=0.2, masks=True).eval()
    assert g.noise == (2, 4, 5, 6)
    y, noise = torch.eye(3), torch.rand(3, sum(g.noise))
    z, *masks = noise.split(g.noise, 1)
    keep = [1.25 * (u >= 0.2) for u in masks]
    of_z, of_y = (layers[0](x).relu() * kept for layers, x, kept in zip((g.of_z, g.of_y), (z, y), keep, strict=False))
    both = g.net[0](torch.cat([of_z, of_y], 1)).relu() * keep[2]
    torch.testing.assert_close(g(noise, y).flatten(1), 2 * g.net[3](both).sigmoid() - 1)
    torch.testing.assert_close(g(noise, y), g.train()(noise, y))  # the same while training: its noise alone decides
    assert not torch.allclose(g(noise, y), g(torch.cat([z, 1 - noise[:, 2:]], 1), y))


def test_the_noise_of_masks_is_of_the_unit_cube_and_no_plain_uniform_one():
    noise = cgan.masked_noise(100, 2400)
    drawn = noise(torch.Generator().manual_seed(0), 50)
    assert drawn.shape == (50, 2500) and 0 <= number(drawn.min()) < 0.01 and 0.99 < number(drawn.max()) < 1
    assert distribution(noise).kind == "unknown"  # so it is not truncated: a mask is no number that may be made smaller
    assert cgan.Generator(100, dropout=0, masks=True).noise == (100,)  # nothing is dropped, so nothing is drawn for it


@pytest.mark.parametrize(("given", "dimensions"), [({}, 8 + 8 + 8 + 16), ({"masks": False}, 8), ({"dropout": 0.0}, 8)])
def test_the_recipe_has_masks_where_units_are_dropped(given, dimensions):
    sizes = {"size_z": 8, "size_y": 8, "size_g": 16, "size_d": 8, "size_dy": 4}
    game = build("cgan-mnist", data="digits", z=8, device="cpu", **sizes, **given).game
    assert game.noise["z"](torch.Generator(), 3).shape == (3, dimensions)
