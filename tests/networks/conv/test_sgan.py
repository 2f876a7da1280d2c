"""Stacked GANs' networks: counts, shapes, pixels from 0 to 1."""

import pytest
import torch
from close import assert_close_to_scale
from network_facts import count, images
from torch import nn
from torch.func import functional_call, grad, vmap

from energan.networks.conv import sgan
from energan.networks.layers import measure_batch_norm


def test_sgan_counts():
    """Weights and biases, or gains and biases of batch norm, layer by layer."""
    assert count(sgan.Encoder()) == (25 * 32 + 32) + (32 * 25 * 32 + 32) + (512 * 256 + 256) + (256 * 10 + 10)
    first, second, third = 60 * 512 + 2 * 512, 512 * 512 + 2 * 512, 512 * 256 + 256
    assert count(sgan.FeatureGenerator()) == first + second + third
    dense = 50 * 128 + 2 * 128 + (256 + 128) * 2048 + 2 * 2048
    deconvs = 128 * 128 * 25 + 2 * 128 + 128 * 64 * 25 + 2 * 64 + 64 * 64 * 25 + 2 * 64 + 64 * 25 + 1
    assert count(sgan.ImageGenerator()) == dense + deconvs
    heads = 256 * 51 + 51
    assert count(sgan.feature_discriminator()) == 2 * (256 * 256 + 256) + heads
    convs = (25 * 32 + 32) + (32 * 64 * 25 + 64) + (64 * 128 * 25 + 128)
    assert count(sgan.image_discriminator()) == convs + 128 * 16 * 256 + 256 + heads


def test_sgan_shapes_and_ranges():
    E, G_1, G_0 = sgan.Encoder(), sgan.FeatureGenerator(), sgan.ImageGenerator()
    D_1, D_0 = sgan.feature_discriminator(), sgan.image_discriminator()
    for net in (E, G_1, G_0, D_1, D_0):
        net.requires_grad_(False)
    x, y, z = images(4), torch.eye(10)[:4], torch.rand(4, 50)
    real = E.E_0(x)
    fake_h = G_1(y, z)
    fake_x = G_0(fake_h, z)
    assert E(x).shape == (4, 10) and torch.equal(E(x), E.E_1(real))
    for h in (real, fake_h):
        assert h.shape == (4, 256) and float(h.min()) == 0 < float(h.max())
    assert fake_x.shape == (4, 1, 28, 28) and -1 < float(fake_x.min()) < float(fake_x.max()) < 1
    for logits, estimate in (D_1(fake_h), D_0(fake_x)):
        assert logits.shape == (4,) and estimate.shape == (4, 50)
        assert 0 < float(estimate.min()) < float(estimate.max()) < 1
    sides = []
    for layer in G_0.net:
        layer.register_forward_hook(lambda layer, inputs, out: sides.append(out.shape[-1]) if out.ndim == 4 else None)
    G_0(fake_h, z)
    assert list(dict.fromkeys(sides)) == [4, 8, 12, 24, 28]


def test_sgan_reads_pixels_from_0_to_1():
    """Black is 0 there: no weight of the first layer counts, all images that are black look like its bias."""
    for net in (sgan.Encoder().E_0[:2], sgan.image_discriminator(width=2).trunk[:2]):
        black, white = net(torch.full((1, 1, 28, 28), -1.0)), net(torch.ones(1, 1, 28, 28))
        middle = (0, slice(None), 6, 6)
        torch.testing.assert_close(black[middle], net[1].bias)
        torch.testing.assert_close(white[middle], net[1].weight.sum((1, 2, 3)) + net[1].bias)
    G = sgan.ImageGenerator(width=1)
    G.net[-2].weight.data.zero_()
    G.net[-2].bias.data.fill_(3.0)
    expected = torch.full((2, 1, 28, 28), 2 * torch.tensor(3.0).sigmoid().item() - 1)
    torch.testing.assert_close(G(torch.rand(2, 256), torch.rand(2, 50)), expected)


def test_sgan_noise_and_condition_both_count_and_q_shares_the_trunk():
    G_1, G_0, D = sgan.FeatureGenerator(), sgan.ImageGenerator(width=2), sgan.image_discriminator(width=2)
    y, h, z = torch.eye(10)[:6], torch.rand(6, 256), torch.rand(6, 50)
    for G, condition in ((G_1, y), (G_0, h)):
        out = G(condition, z)
        assert not torch.equal(G(condition.flip(0), z), out) and not torch.equal(G(condition, z.flip(0)), out)
    (D(images(6)).z - z).square().mean().backward()
    assert all(w.grad is not None for w in D.trunk.parameters()) and D.real.weight.grad is None


def test_sgans_samples_do_not_depend_on_their_neighbours():
    G_1, G_0 = sgan.FeatureGenerator(), sgan.ImageGenerator(width=1)
    h, z, y = torch.rand(6, 256), torch.rand(6, 50), torch.eye(10)[:6]
    measure_batch_norm([G_1, G_0], lambda: G_0(G_1(y, z), z), 2)
    torch.testing.assert_close(G_0(h[:1], z[:1]), G_0(h, z)[:1])
    torch.testing.assert_close(G_1(y[:1], z[:1]), G_1(y, z)[:1])


def test_many_sgans_at_once_do_as_each_alone():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.E = sgan.Encoder(h=8, classes=3)
            self.G_1, self.D_1 = (
                sgan.FeatureGenerator(h=8, z=2, classes=3, hidden=4),
                sgan.feature_discriminator(h=8, z=2),
            )
            self.G_0, self.D_0 = sgan.ImageGenerator(h=8, z=2, width=1), sgan.image_discriminator(z=2, width=1)

        def forward(self, y, z):
            h = self.G_1(y, z)
            x = self.G_0(h, z)
            return sum(w.square().mean() for w in (self.E(x) - y, *self.D_1(h), *self.D_0(x)))

    nets = [Stack().double() for _ in range(2)]
    learning = [{k: w.detach() for k, w in net.named_parameters()} for net in nets]
    weights = {k: torch.stack([own[k] for own in learning]) for k in learning[0]}
    y, z = torch.eye(3, dtype=torch.float64), torch.rand(2, 3, 2, dtype=torch.float64)
    slopes = vmap(grad(lambda w, z: functional_call(nets[0], w, (y, z))))(weights, z)
    for i, net in enumerate(nets):
        net(y, z[i]).backward()
        for k, w in net.named_parameters():
            assert_close_to_scale(slopes[k][i], w.grad, rtol=1e-8)


def test_each_of_the_authors_scripts_has_discriminators_of_its_own() -> None:
    """Deviations and activations as their files have them; Glorot's uniform weights reach sqrt(6 / (in + out))."""
    torch.manual_seed(0)
    for script, activation in (("independent", nn.LeakyReLU), ("joint", nn.ReLU)):
        D_1, D_0 = sgan.feature_discriminator(script=script), sgan.image_discriminator(script=script)
        assert [type(layer) for layer in D_1.trunk[1::2]] == [activation] * 2 and type(D_0.trunk[-1]) is activation
        assert all(type(layer) is nn.LeakyReLU for layer in D_0.trunk[2:7:2])
        for layer in [*D_1.modules(), *D_0.modules()]:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                std = 0.01 if isinstance(layer, nn.Conv2d) else (2 / sum(layer.weight.shape)) ** 0.5
                expected = 0.02 if script == "independent" else std
                assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.2) and not layer.bias.any()
    assert float(D_1.trunk[0].weight.detach().abs().max()) <= (6 / 512) ** 0.5


def test_features_are_scaled_and_logits_stay() -> None:
    E, x = sgan.Encoder(), images(6)
    E.requires_grad_(False)
    before = E(x)
    E.scale_features(x, 0.73)
    assert float(E.E_0(x).square().mean()) == pytest.approx(0.73, rel=1e-5)
    torch.testing.assert_close(E(x), before, rtol=1e-5, atol=1e-5)
