"""Improved GAN's nets: their layers, what data makes of them at the start, and that fixed gains stay."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from energan.networks.dense.improved_gan import SIZES, Discriminator, Generator
from energan.networks.layers import GaussianNoise, MinibatchDiscrimination, WeightNorm, initialise_by_data
from energan.utils.errors import UserError

SMALL = (16, 8, 6, 3)


def images(n: int = 40) -> torch.Tensor:
    return torch.rand(n, 1, 4, 4) * 2 - 1


# ---- initialisation by data ----


def test_data_make_every_pre_activation_standard():
    x = images()
    net = Discriminator(SMALL, noise=(0.0, 0.0))
    before = {k: w.clone() for k, w in net.named_parameters() if k.endswith("direction")}
    assert initialise_by_data(net, x) is net and net.training
    seen = []
    layers = [m for m in net.modules() if isinstance(m, WeightNorm)]
    for layer in layers:
        layer.register_forward_hook(lambda layer, inputs, y: seen.append(y))
    out = net(x)
    assert len(seen) == len(layers) == 3
    for y in seen:
        torch.testing.assert_close(y.mean(0), torch.zeros(y.shape[1]), rtol=0, atol=1e-5)
        torch.testing.assert_close(y.std(0, correction=0), torch.ones(y.shape[1]), rtol=0, atol=1e-5)
    assert torch.equal(seen[-1], out.logits)
    assert all(torch.equal(net.get_parameter(k), v) for k, v in before.items())


def test_data_set_one_unit_by_hand():
    """v = (3, 4) / 5 of the rows (1, 0), (0, 1), (1, 1), times 5: 3, 4, 7; mean 14/3, variance 26/9."""
    layer = WeightNorm(2, 1)
    layer.direction.data = torch.tensor([[3.0, 4.0]])
    layer.gain.data = torch.tensor([5.0])
    initialise_by_data(layer, torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    std = (26 / 9) ** 0.5
    assert layer.gain.item() == pytest.approx(5 / std) and layer.bias.item() == pytest.approx(-14 / 3 / std)


def test_the_noise_layers_are_on_while_data_initialise():
    """Of images that are all alike the noise alone makes a spread: about .3 over the rows of unit length."""
    net = Discriminator((16, 200, 3), noise=(0.3, 0.5))
    initialise_by_data(net.eval(), torch.zeros(500, 1, 4, 4))
    assert float(net.hidden[1].gain.detach().mean()) == pytest.approx(1 / 0.3, rel=0.02)


def test_data_set_the_scale_of_minibatch_discrimination():
    """The authors' layer in a loop: nearest others at 2 on average for each kernel, and o of mean 0."""
    layer, f = MinibatchDiscrimination(6, 4, 3), torch.randn(7, 6)
    initialise_by_data(layer, f)
    m = (f @ layer.tensor.weight().detach().T).view(7, 4, 3)
    for b in range(4):
        nearest = [min(float((m[i, b] - m[j, b]).abs().sum()) for j in range(7) if j != i) for i in range(7)]
        assert sum(nearest) / 7 == pytest.approx(2, rel=1e-4)
    torch.testing.assert_close(layer(f)[:, 6:].mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    for kernel in layer.tensor.gain.detach().view(4, 3):
        assert float(kernel.min()) == float(kernel.max())  # one scale for each kernel
    assert float(layer.tensor.gain.detach().std()) > 0


def test_the_last_layer_is_set_behind_minibatch_discrimination():
    net = initialise_by_data(Discriminator(SMALL, kernels=4, noise=(0.0, 0.0)), x := images())
    logits = net(x).logits
    torch.testing.assert_close(logits.mean(0), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(logits.std(0, correction=0), torch.ones(3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("x", [torch.zeros(5, 16), torch.rand(1, 16), torch.full((4, 16), torch.nan)])
def test_images_that_are_alike_cannot_initialise(x):
    net = Discriminator(SMALL, noise=(0.0, 0.0))
    with pytest.raises(UserError, match="cannot tell apart"):
        initialise_by_data(net, x)
    assert not any(m._forward_pre_hooks for m in net.modules())
    with pytest.raises(UserError, match="cannot tell apart"):
        initialise_by_data(MinibatchDiscrimination(4, 2), torch.ones(3, 4))


def test_initialisation_leaves_no_hooks_and_other_nets_alone():
    net = initialise_by_data(Discriminator(SMALL, kernels=2), images())
    assert not any(m._forward_pre_hooks for m in net.modules())
    plain = nn.Linear(16, 2)
    before = plain.weight.clone()
    assert torch.equal(initialise_by_data(plain, torch.rand(3, 16)).weight, before)


# ---- the nets ----


def test_the_papers_nets():
    D, G = Discriminator(), Generator()
    widths = [m.direction.shape for m in D.modules() if isinstance(m, WeightNorm)]
    assert widths == [(b, a) for a, b in pairwise(SIZES)]
    assert [m.sigma for m in D.modules() if isinstance(m, GaussianNoise)] == [0.3, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert [m.fixed_gain for m in D.modules() if isinstance(m, WeightNorm)] == [True] * 5 + [False]
    assert float(D.hidden[1].direction.detach().std()) == pytest.approx(0.1, rel=0.01)
    names = {k: tuple(w.shape) for k, w in G.named_parameters()}
    assert sum(1 for k in names if k.endswith("gain")) == 1 and names["net.6.direction"] == (784, 500)
    assert {k for k in names if k.startswith("net.1.")} == {"net.1.bias"}  # batch norm without gain
    assert "net.0.bias" not in names
    torch.testing.assert_close(G.net[6].weight().norm(dim=1), torch.ones(784))
    with torch.no_grad():
        fake = G(torch.rand(50, 100))
        logits, features = D(fake)
    assert fake.shape == (50, 1, 28, 28) and logits.shape == (50, 10) and features.shape == (50, 250)
    assert float(fake.abs().max()) <= 1 and float(fake.std()) > 0.1


def test_discriminator_by_hand():
    net = initialise_by_data(Discriminator(SMALL), x := images(9)).eval()
    h = (x.flatten(1) + 1) / 2
    one, two, last = net.hidden[1], net.hidden[4], net.top[1]
    for layer in (one, two):
        h = (h @ layer.weight().T + layer.bias).clamp(min=0)
    torch.testing.assert_close(net(x).features, h)
    torch.testing.assert_close(net(x).logits, h @ last.weight().T + last.bias)
    torch.testing.assert_close(net(x.flatten(1)).logits, net(x).logits)


@pytest.mark.parametrize("kernels", [0, 5])
def test_features_are_those_before_their_noise(kernels):
    """With noise behind them alone, the features repeat, and the logits do only without that noise."""
    net = initialise_by_data(Discriminator((16, 8, 3), noise=(0.0, 2.0), kernels=kernels), x := images())
    a, b = net(x), net(x)
    assert torch.equal(a.features, b.features) and bool((a.features >= 0).all())
    assert torch.equal(a.logits, b.logits) == (kernels > 0)


def test_a_fixed_gain_has_no_gradient_and_another_has():
    for fixed in (True, False):
        net = Discriminator(SMALL, fixed_gains=fixed)
        net(images()).logits.square().sum().backward()
        assert (net.hidden[1].gain.grad is None) == fixed
        assert net.top[1].gain.grad is not None


@pytest.mark.parametrize("sizes", [(16, 3), (16,), (), (16, 0, 3)])
def test_a_discriminator_needs_a_hidden_layer(sizes):
    with pytest.raises(UserError, match="a hidden layer"):
        Discriminator(sizes)
