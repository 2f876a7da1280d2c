"""The first GAN's networks against its code: counts, initial weights, dropout."""

from math import sqrt

import pytest
import torch
from network_facts import count, number, weight_layers
from torch import Tensor

from energan.engine.rng import stream
from energan.networks.dense import maxout
from energan.networks.layers import Dropout
from energan.utils.errors import UserError


def test_maxout_nets_have_the_papers_parameters():
    g, d = maxout.Generator(), maxout.Discriminator()
    assert count(g) == 100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    assert count(d) == 784 * 1200 + 1200 + 240 * 1200 + 1200 + 240 + 1
    for net, bound in ((g, 0.05), (d, 0.005)):
        for layer in weight_layers(net):
            assert number(layer.weight.abs().max()) <= bound
            assert number(layer.weight.std()) == pytest.approx(bound / sqrt(3), rel=0.15)
            assert bool((layer.bias == 0).all())
    assert [m.rate for m in d.modules() if isinstance(m, Dropout)] == [0.2, 0.5, 0.5]
    assert not [m for m in g.modules() if isinstance(m, Dropout)]


def test_maxout_generator_starts_at_the_mean_image():
    mean = torch.tensor([-1.0, -0.5, 0.0, 0.9]).view(1, 2, 2)
    g = maxout.Generator(3, (1, 2, 2), size=4, mean=mean)
    torch.testing.assert_close(g(torch.zeros(1, 3))[0], mean, rtol=0, atol=1e-6)
    assert bool(g.net[4].bias.isfinite().all())
    with pytest.raises(UserError, match="mean"):
        maxout.Generator(3, (1, 2, 2), mean=torch.zeros(4))


def test_maxout_discriminator_sees_pixels_in_0_1_and_drops_them():
    d = maxout.Discriminator((1, 2, 2), units=3, pieces=2)
    seen: list[Tensor] = []
    d.net[1].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0]).view(1, 1, 2, 2)
    d.eval()(x)
    torch.testing.assert_close(seen[0], torch.tensor([[0, 0.5, 0.75, 1]]))
    with stream(torch.tensor(0)):
        d.train()(torch.ones(5000, 1, 2, 2))
    assert sorted(set(seen[1].flatten().tolist())) == [0.0, pytest.approx(1.25)]
    assert number(seen[1].mean()) == pytest.approx(1, abs=0.02)
