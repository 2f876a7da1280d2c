"""WGAN-GP's networks against its code: counts, deviations of the weights, the crop."""

from math import prod, sqrt

import pytest
import torch
from network_facts import count, number, weight_layers
from torch import Tensor, nn

from energan.networks.conv import wgan_gp
from energan.networks.layers import BatchNorm

IMAGE = (1, 28, 28)


def test_wgan_gp_nets_have_the_codes_parameters():
    g, d = wgan_gp.Generator(), wgan_gp.Critic()
    assert count(g) == 129 * 4096 + (25 * 256 * 128 + 128) + (25 * 128 * 64 + 64) + (25 * 64 + 1)
    assert count(d) == (25 * 64 + 64) + (25 * 64 * 128 + 128) + (25 * 128 * 256 + 256) + 4097
    normed = wgan_gp.Generator(norm=True)
    assert count(normed) == count(g) + 4096 + 128 + 64  # a gain each; batch norm's biases take the layers' place
    assert count(wgan_gp.Critic(norm=True)) == count(d) + 128 + 256


def test_wgan_gp_weights_have_the_codes_deviations():
    def deviations(net: nn.Module) -> list[float]:
        return [number(m.weight.std()) for m in weight_layers(net)]

    g = [sqrt(2 / (128 + 4096)), sqrt(4 / (256 * 25 / 4 + 128 * 25)), sqrt(4 / (128 * 25 / 4 + 64 * 25))]
    assert deviations(wgan_gp.Generator()) == pytest.approx([*g, sqrt(4 / (64 * 25 / 4 + 25))], rel=0.05)
    d = [sqrt(4 / (25 + 64 * 25 / 4)), sqrt(4 / (64 * 25 + 128 * 25 / 4)), sqrt(4 / (128 * 25 + 256 * 25 / 4))]
    assert deviations(wgan_gp.Critic()) == pytest.approx([*d, sqrt(2 / 4097)], rel=0.05)


@pytest.mark.parametrize("norm", [False, True])
def test_wgan_gp_samples_are_images_in_range(norm):
    x = wgan_gp.Generator(width=4, norm=norm)(5 * torch.randn(8, 128))
    assert x.shape == (8, *IMAGE) and number(x.min()) >= -1 and number(x.max()) <= 1
    assert wgan_gp.Critic(width=4, norm=norm)(x).shape == (8,)


def test_the_crop_keeps_the_first_rows_of_the_8_by_8_maps():
    g = wgan_gp.Generator(4, width=2)
    seen: list[Tensor] = []
    g.first.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    g.rest.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    g(torch.randn(2, 4))
    assert seen[0].shape == (2, 4, 8, 8) and torch.equal(seen[1], seen[0][:, :, :7, :7])


def test_mlp_generator_of_wgan():
    g = wgan_gp.mlp_generator(100, (3, 8, 8))
    assert count(g) == 101 * 512 + 2 * 513 * 512 + 513 * prod((3, 8, 8))
    assert not [m for m in g.modules() if isinstance(m, BatchNorm)]
    assert number(g(100 * torch.randn(4, 100)).abs().max()) <= 1
