"""Latent discriminators' networks against the thesis: counts, layers, critics of any layer."""

import pytest
import torch
from close import assert_close_to_scale
from network_facts import count, images
from torch import nn
from torch.func import functional_call, grad, vmap

from energan.losses import gradient_penalty
from energan.networks.conv import latent_discriminators
from energan.networks.layers import BatchNorm, FeatureExtractor
from energan.utils.errors import UserError


def test_the_thesis_counts():
    assert count(latent_discriminators.Encoder()) == 2_027_722
    assert count(latent_discriminators.Generator()) == 7_437_889
    assert count(latent_discriminators.Critic(latent_discriminators.SHAPES["x"])) == 2_363_393
    assert count(latent_discriminators.Critic(latent_discriminators.SHAPES["h"])) == 788_993


def test_the_thesis_layers():
    """Kernels and maps in order, 0 for a pooling, which the counts alone would not tell apart."""

    def plan(net):
        kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d)
        layers = [m for m in net.modules() if isinstance(m, kinds)]
        assert all(m.stride == (1, 1) and m.padding == (0, 0) for m in layers if not isinstance(m, nn.MaxPool2d))
        return [0 if isinstance(m, nn.MaxPool2d) else (m.kernel_size[0], m.out_channels) for m in layers]

    assert plan(latent_discriminators.Encoder()) == [(7, 64), (7, 128), 0, (7, 256), 0]
    assert plan(latent_discriminators.Generator()) == [(5, 512), (5, 256), (7, 256), (10, 1)]
    assert plan(latent_discriminators.Critic((1, 28, 28))) == [(3, 256), (3, 256), 0, (3, 256), 0, (3, 512), 0]
    assert plan(latent_discriminators.Critic((64,))) == [(2, 256), (2, 256), 0, (2, 512), 0]
    assert plan(latent_discriminators.Critic((64,), width=2)) == [(2, 8), (2, 8), 0, (2, 16), 0]
    assert not any(isinstance(m, nn.Dropout | BatchNorm) for m in latent_discriminators.Encoder().modules())


def test_the_encoders_taps_by_hand():
    """From pixels in [-1, 1] as the thesis has it from pixels in [0, 1]."""
    E, x = latent_discriminators.Encoder(), images(2)
    read = FeatureExtractor(E, latent_discriminators.SHAPES)(x)
    y = ((x * 0.5 + 0.5) - 0.1307) / 0.3081
    torch.testing.assert_close(read.layers["x"], y)
    for name, pooled in (("conv1", False), ("conv2", True), ("conv3", True)):
        layer = E.get_submodule(name)[0]
        y = nn.functional.conv2d(y, layer.weight, layer.bias).relu()
        y = nn.functional.max_pool2d(y, 2) if pooled else y
        torch.testing.assert_close(read.layers[name], y)
    h = (y.flatten(1) @ E.h[1].weight.T + E.h[1].bias).relu()
    torch.testing.assert_close(read.layers["h"], h)
    torch.testing.assert_close(read.output, h @ E.logits.weight.T + E.logits.bias)
    assert {k: tuple(v.shape[1:]) for k, v in read.layers.items()} == latent_discriminators.SHAPES
    assert latent_discriminators.Encoder(classes=2)(x).shape == (2, 2)


def test_the_generator_undoes_what_the_encoder_does_to_images():
    G = latent_discriminators.Generator(width=2)
    fake = G(torch.randn(3, 64))
    assert fake.shape == (3, 1, 28, 28)
    G.net[-1].weight.data.zero_()
    for standardised, pixel in (((0 - 0.1307) / 0.3081, -1.0), ((1 - 0.1307) / 0.3081, 1.0), (0.0, 2 * 0.1307 - 1)):
        G.net[-1].bias.data.fill_(standardised)
        torch.testing.assert_close(G(torch.randn(1, 64)), torch.full((1, 1, 28, 28), pixel))
        torch.testing.assert_close(
            latent_discriminators.Standardise()(torch.tensor(pixel)), torch.tensor(standardised), rtol=0, atol=1e-6
        )


def test_the_generators_initial_weights_are_within_the_bounds_of_then():
    G = latent_discriminators.Generator()
    for i, n in ((3, 64 * 25), (5, 512 * 25), (7, 256 * 49), (9, 256 * 100)):
        assert float(G.net[i].weight.detach().abs().max()) == pytest.approx(n**-0.5, rel=0.01)
        assert 0 < float(G.net[i].bias.detach().abs().max()) <= n**-0.5


@pytest.mark.parametrize(
    "shape",
    [
        *latent_discriminators.SHAPES.values(),
        (1,),
        (3,),
        (17,),
        (4096,),
        (3, 32, 32),
        (5, 4, 4),
        (5, 5, 9),
        (2, 3, 3),
        (7, 8),
        (2, 6, 20),
    ],
    ids=str,
)
def test_a_critic_reads_any_layer(shape):
    D, features = latent_discriminators.Critic(shape, width=1), torch.randn(4, *shape)
    readings = D(features)
    assert readings.shape == (4,)
    torch.testing.assert_close(D(features[1:2]), readings[1:2])  # each on its own
    slope = grad(lambda f: D(f).sum())(features)
    assert slope.shape == features.shape and bool(slope.isfinite().all())
    for w in D.parameters():
        w.data.abs_()  # nothing is cut by a ReLU: every number counts, unless no kernel ever reaches it
    slope = grad(lambda f: D(f).sum())(10 + torch.rand(200, *shape)).abs().sum(0)
    assert float((slope > 0).float().mean()) > 0.7


def test_a_critic_lays_out_vectors_as_the_thesis_does():
    D, h = latent_discriminators.Critic((64,), width=1), torch.randn(2, 64)
    torch.testing.assert_close(D(h), D.net(h.view(2, 1, 8, 8)).squeeze(1))
    assert latent_discriminators.Critic((65,), width=1).maps == (1, 9, 9) and latent_discriminators.Critic(
        (3,), width=1
    ).maps == (1, 4, 4)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 4)])
def test_a_critic_needs_numbers(shape):
    with pytest.raises(UserError, match="shape"):
        latent_discriminators.Critic(shape)


@pytest.mark.parametrize("shape", [(1, 28, 28), (64,)], ids=["D", "D_1"])
def test_many_penalised_critics_do_as_each_alone(shape):
    nets = [latent_discriminators.Critic(shape, width=1).double() for _ in range(2)]
    learning = [{k: w.detach() for k, w in net.named_parameters()} for net in nets]
    weights = {k: torch.stack([own[k] for own in learning]) for k in learning[0]}
    real, fake = torch.randn(2, 2, 3, *shape, dtype=torch.float64)
    eps = torch.rand(2, 3, dtype=torch.float64)

    def loss(w, real, fake, eps):
        def critic(x):
            return functional_call(nets[0], w, (x,))

        return critic(fake).mean() - critic(real).mean() + 10 * gradient_penalty.wgan_gp(critic, real, fake, eps)

    slopes = vmap(grad(loss))(weights, real, fake, eps)
    for i, net in enumerate(nets):
        value = net(fake[i]).mean() - net(real[i]).mean() + 10 * gradient_penalty.wgan_gp(net, real[i], fake[i], eps[i])
        value.backward()
        for k, w in net.named_parameters():
            alone = torch.zeros_like(w) if w.grad is None else w.grad
            assert_close_to_scale(slopes[k][i], alone, rtol=1e-9)


def test_a_penalised_critic_compiles_without_graph_breaks(compile_cheaply):
    D, real, fake = latent_discriminators.Critic((64,), width=1), torch.randn(3, 64), torch.randn(3, 64)
    eps = torch.rand(3)
    compiled = torch.compile(lambda: gradient_penalty.wgan_gp(D, real, fake, eps), fullgraph=True)()
    torch.testing.assert_close(compiled, gradient_penalty.wgan_gp(D, real, fake, eps))
    compiled.backward()
    assert float(D.net[0].weight.grad.abs().max()) > 0


def test_the_gradient_reaches_the_generator_through_a_frozen_encoder_and_a_latent_critic():
    E, G = (
        FeatureExtractor(latent_discriminators.Encoder().eval().requires_grad_(False), ["h"]),
        latent_discriminators.Generator(width=1),
    )
    D_1 = latent_discriminators.Critic((64,), width=1).requires_grad_(False)
    (-D_1(E(G(torch.rand(2, 64))).layers["h"]).mean()).backward()
    assert all(w.grad is not None and float(w.grad.abs().max()) > 0 for w in G.parameters())
    assert all(w.grad is None for net in (E, D_1) for w in net.parameters())


def test_a_critic_of_images_in_the_houses_range():
    """Its slope is the thesis' D's times d standardised / d pixel, 1 / (2 x .3081)."""
    D, x = latent_discriminators.Critic((1, 28, 28), width=1), images(2)
    own = nn.Sequential(latent_discriminators.Standardise(), D)
    inner = latent_discriminators.Standardise()(x)
    torch.testing.assert_close(own(x), D(inner))
    theirs, ours = grad(lambda u: D(u).sum())(inner), grad(lambda x: own(x).sum())(x)
    torch.testing.assert_close(ours, 1.6228 * theirs, rtol=1e-4, atol=1e-7)
