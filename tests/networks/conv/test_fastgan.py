"""FastGAN's networks: shapes, what is decoded, what gates what."""

import pytest
import torch
from network_facts import count

from energan.networks.conv import fastgan
from energan.networks.layers import SpectralNorm
from energan.utils.errors import UserError


@pytest.mark.parametrize("size", [16, 32, 64, (16, 24), (48, 80)])
def test_shapes(size):
    shape = (size, size) if isinstance(size, int) else size
    z, x = torch.randn(3, 5), torch.randn(3, 2, *shape)
    G, D = fastgan.Generator(5, channels=2, size=size, width=2), fastgan.Discriminator(channels=2, size=size, width=2)
    assert G(z).shape == x.shape and float(G(z).detach().abs().max()) <= 1
    scores, maps = D(x)
    assert scores.shape == (3, 1) and tuple(m.shape[1] for m in maps) == D.features
    assert maps[0].shape[2] == 2 * maps[1].shape[2]
    decoded, target = fastgan.Decoders(D.features, channels=2, size=size)(maps, x)
    assert decoded.shape == target.shape == (3, 4, shape[0] // 2, shape[1] // 2)


@pytest.mark.parametrize("size", [8, 12, 0, (8, 64)])
def test_sizes_that_have_no_two_maps_are_refused(size):
    with pytest.raises(UserError, match=r"16 pixels|need images|cannot halve"):
        fastgan.Discriminator(size=size)


def test_targets_are_the_small_image_and_its_quarters_in_turn():
    D = fastgan.Discriminator(channels=1, size=16, width=2)
    x = torch.zeros(5, 1, 16, 16)
    x[:, :, :8, 8:], x[:, :, 8:, :8], x[:, :, 8:, 8:] = 1.0, 2.0, 3.0
    _, target = fastgan.Decoders(D.features, channels=1, size=16)(D(x)[1], x)
    assert [float(t[1].unique()) for t in target] == [0, 1, 2, 3, 0]
    assert target[0, 0, 0, 0] == 0 and target[0, 0, -1, -1] == 3 and target[:, 0].shape[1:] == (8, 8)


def test_low_maps_gate_those_that_are_16_times_larger():
    assert [len(fastgan.Generator(5, size=size, width=1).gates) for size in (32, 64, 128)] == [0, 1, 2]
    G = fastgan.Generator(5, size=64, width=2).eval()
    z = torch.randn(2, 5)
    before = G(z)
    with torch.no_grad():
        G.gates[0].net[-2].bias.fill_(-1e4)  # every gate shut
    assert not torch.equal(before, G(z)) and torch.equal(G(z)[0], G(z)[1])


def test_every_layer_of_d_has_a_spectral_norm():
    D = fastgan.Discriminator(size=32, width=2)
    convolutions = [m for m in D.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len([m for m in D.modules() if isinstance(m, SpectralNorm)]) == len(convolutions) == 1 + 2 * 3 + 2


def test_parameters_of_the_recipe():
    D = fastgan.Discriminator()
    sizes = [count(net) for net in (fastgan.Generator(256), D, fastgan.Decoders(D.features))]
    assert sizes == [1_571_987, 1_579_680, 970_326]
