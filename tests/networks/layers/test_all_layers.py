"""Layers of single papers against loops and torch.linalg; and that all of them batch, compile and write nothing."""

import copy

import pytest
import torch
from close import assert_close_to_scale
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from energan.engine.rng import seeded, stream
from energan.networks.dense.maxout import Maxout
from energan.networks.layers import MinibatchDiscrimination, SpectralNorm, Virtual, VirtualBatchNorm, WeightNorm
from energan.utils.errors import UserError


def number(x: Tensor) -> float:
    return float(x.detach())


def virtual(seed: int) -> nn.Module:
    with seeded(seed):
        net = nn.Sequential(nn.Linear(6, 4), VirtualBatchNorm(4, 0.1), nn.Tanh(), nn.Linear(4, 2), VirtualBatchNorm(2))
    return Virtual(net, torch.randn(5, 6, generator=torch.Generator().manual_seed(7)))


def virtual_maps(seed: int) -> nn.Module:
    with seeded(seed):
        net = nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 3, 2), VirtualBatchNorm(3, 0.1), nn.Flatten())
    return Virtual(net, torch.randn(5, 6, generator=torch.Generator().manual_seed(7)))


def build(layer):
    def seeded_layer(seed: int) -> nn.Module:
        with seeded(seed):
            return layer()

    return seeded_layer


LAYERS = {  # seed -> (n, 6) -> (n, ...)
    "maxout": build(lambda: Maxout(6, 3, 2)),
    "weight norm": build(lambda: WeightNorm(6, 4)),
    "spectral norm": build(lambda: SpectralNorm(nn.Linear(6, 4))),
    "spectral norm of a convolution": build(
        lambda: nn.Sequential(nn.Unflatten(1, (2, 1, 3)), SpectralNorm(nn.Conv2d(2, 3, 3, 2, 1)))
    ),
    "minibatch discrimination": build(lambda: MinibatchDiscrimination(6, 4, 3)),
    "virtual batch norm": virtual,
    "virtual batch norm of maps": virtual_maps,
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def points(n: int = 4) -> Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@every_layer
def test_a_training_step_writes_nothing(make):
    net = make(0).double()
    before = copy.deepcopy(net.state_dict())
    x = points()
    net(x).square().sum().backward()
    assert torch.equal(x, points())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(w.grad is not None and bool(w.grad.isfinite().all()) for w in net.parameters())


@every_layer
def test_many_at_once_do_as_each_alone(make):
    nets = [make(seed).double() for seed in range(3)]
    x = torch.stack([points() * (i + 1) for i in range(3)])
    weights = {
        k: torch.stack([dict(net.named_parameters())[k].detach() for net in nets])
        for k, _ in nets[0].named_parameters()
    }

    def loss(w, x, key):
        with stream(key):
            return functional_call(nets[0], w, x).sin().sum()

    slopes = vmap(grad(loss))(weights, x, torch.arange(3))
    for i, net in enumerate(nets):
        with stream(torch.tensor(i)):
            net(x[i]).sin().sum().backward()
        for k, w in net.named_parameters():
            assert_close_to_scale(slopes[k][i], w.grad, rtol=1e-9)


@every_layer
def test_in_use_a_sample_is_independent_of_its_neighbours(make):
    net = make(0).double().eval()
    x = points()
    assert_close_to_scale(net(x)[1:2], net(x[1:2]), rtol=1e-12)
    assert_close_to_scale(net(x)[1], net(torch.cat([x[1:2], 100 * x]))[0], rtol=1e-12)


@pytest.mark.parametrize("name", [k for k in LAYERS if "spectral" not in k])  # whose singular vectors are held still
def test_gradients_are_those_of_finite_differences(name):
    net = LAYERS[name](0).double()
    weights = dict(net.named_parameters())

    def output(x: Tensor, *values: Tensor) -> Tensor:
        return functional_call(net, dict(zip(weights, values, strict=True)), x)

    inputs = [v.detach().requires_grad_() for v in (points(3), *weights.values())]
    assert torch.autograd.gradcheck(output, inputs)


@every_layer
def test_gradient_penalties_batch_as_they_differentiate_twice(make):
    net = make(0).double()
    weights = {k: w.detach() for k, w in net.named_parameters()}
    x = points().requires_grad_()

    def penalty(w, key):
        def output(x):
            with stream(key):
                return functional_call(net, w, x).sin().sum()

        return grad(output)(x.detach()).square().sum()

    both = {k: torch.stack([w, 2 * w]) for k, w in weights.items()}
    slopes = vmap(grad(penalty))(both, torch.arange(2))
    with stream(torch.tensor(0)):
        (slope,) = torch.autograd.grad(net(x).sin().sum(), x, create_graph=True)
    slope.square().sum().backward()
    for k, w in net.named_parameters():
        assert_close_to_scale(slopes[k][0], w.grad, rtol=1e-9)


@every_layer
def test_compiles_without_graph_breaks(make, trace_only):
    net = make(0)
    torch.testing.assert_close(torch.compile(net, fullgraph=True)(points().float()), net(points().float()))


# ---- maxout, weight norm ----


def test_maxout_by_hand():
    """Pieces of unit 0: x, -x; of unit 1: 2x + 1, 3."""
    layer = Maxout(1, 2, 2)
    layer.linear.weight.data = torch.tensor([[1.0], [-1.0], [2.0], [0.0]])
    layer.linear.bias.data = torch.tensor([0.0, 0.0, 1.0, 3.0])
    assert layer(torch.tensor([[-2.0], [3.0]])).tolist() == [[2, 3], [3, 7]]


def test_weight_norm_has_rows_of_the_gains_length_whatever_the_direction():
    layer = WeightNorm(5, 3)
    layer.gain.data = torch.tensor([1.0, 2.0, 0.5])
    layer.direction.data *= torch.tensor([[1.0], [1e3], [1e-3]])
    torch.testing.assert_close(layer.weight().norm(dim=1), layer.gain.detach())
    x = torch.randn(4, 5)
    for u, v in enumerate(layer.direction):
        torch.testing.assert_close(layer(x)[:, u], x @ v / v.norm() * layer.gain[u])


# ---- spectral norm ----


@pytest.mark.parametrize("shape", [(1, 64), (64, 2), (32, 64), (128, 128), (256, 300)])
def test_sigma_of_random_weights(shape):
    for _ in range(5):
        layer = nn.Linear(shape[1], shape[0])
        nn.init.normal_(layer.weight, std=0.02)
        exact = number(torch.linalg.matrix_norm(layer.weight, ord=2))
        assert 0.99 <= number(SpectralNorm(layer).sigma()) / exact <= 1 + 1e-5


def test_sigma_of_trained_weights():
    """Regression of a smooth function through a normalised hidden layer and a normalised convolution."""
    net = nn.Sequential(
        SpectralNorm(nn.Linear(6, 48)), nn.Tanh(), nn.Unflatten(1, (3, 4, 4)),
        SpectralNorm(nn.Conv2d(3, 8, 3)), nn.Tanh(), nn.Flatten(), nn.Linear(32, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 0.03)
    before = number(net[0].sigma())
    for _ in range(300):
        x = torch.randn(32, 6)
        loss = (net(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert abs(number(net[0].sigma()) / before - 1) > 0.05  # it did train
    for layer in (net[0], net[3]):
        exact = number(torch.linalg.matrix_norm(layer.layer.weight.flatten(1), ord=2))
        assert 0.99 <= number(layer.sigma()) / exact <= 1 + 1e-5


def test_spectral_norm_divides_the_weight_and_not_the_bias():
    x = torch.randn(2, 3, 8, 8)
    conv = nn.Conv2d(3, 4, 3, 2, 1, groups=1)
    layer = SpectralNorm(conv)
    bias = conv.bias[:, None, None]
    torch.testing.assert_close(layer(x), (conv(x) - bias) / layer.sigma() + bias)
    dense = SpectralNorm(nn.Linear(5, 5))
    normalised = dense.layer.weight.detach() / dense.sigma().detach()
    assert number(torch.linalg.matrix_norm(normalised, ord=2)) == pytest.approx(1, abs=0.01)


def test_sigma_is_computed_in_float32_under_autocast():
    layer = SpectralNorm(nn.Linear(9, 7))
    expected = layer.sigma()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer.sigma(), expected, rtol=1e-6, atol=0)


def test_sigmas_gradient_is_the_outer_product_of_its_singular_vectors():
    layer = SpectralNorm(nn.Linear(4, 3)).double()
    nn.init.orthogonal_(layer.layer.weight)
    layer.layer.weight.data *= torch.tensor([[3.0], [1.0], [0.5]])  # a wide gap: u and v are exact
    u, _, vt = torch.linalg.svd(layer.layer.weight.detach())
    layer.sigma().backward()
    assert_close_to_scale(layer.layer.weight.grad, torch.outer(u[:, 0], vt[0]), rtol=1e-9)


def test_sigmas_gradient_treats_unconverged_singular_vectors_as_constants():
    layer = SpectralNorm(nn.Linear(9, 7), doublings=0)
    layer.sigma().backward()
    singular = torch.linalg.svdvals(layer.layer.weight.grad)
    torch.testing.assert_close(singular, torch.eye(7)[0], rtol=0, atol=1e-5)  # u v^T and nothing else


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
def test_spectral_norm_of_extreme_weights_stays_finite(scale):
    layer = nn.Linear(4, 3, bias=False)
    layer.weight.data *= scale
    y = SpectralNorm(layer)(torch.ones(2, 4))
    assert bool(y.isfinite().all()) and number(y.abs().max()) <= 2.001


def test_all_models_start_their_iteration_alike():
    """`many` asks that what does not learn be shared."""
    assert torch.equal(LAYERS["spectral norm"](1).start, LAYERS["spectral norm"](2).start)


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(2, 2, 3), nn.Tanh(), nn.Conv2d(1, 1, 3, padding_mode="circular")])
def test_spectral_norm_refuses_other_layers(layer):
    with pytest.raises(UserError, match="SpectralNorm wraps"):
        SpectralNorm(layer)


# ---- minibatch discrimination ----


def test_minibatch_discrimination_against_a_loop():
    layer = MinibatchDiscrimination(6, 4, 3).double()
    layer.bias.data.uniform_(-1, 1)
    f = points()
    m = (f @ layer.tensor.weight().T).view(4, 4, 3)
    for i in range(4):
        for b in range(4):
            others = sum(number((-(m[i, b] - m[j, b]).abs().sum()).exp()) for j in range(4) if j != i)
            assert number(layer(f)[i, 6 + b]) == pytest.approx(others + number(layer.bias[b]), abs=1e-12)
    assert torch.equal(layer(f)[:, :6], f)


def test_equal_samples_are_as_near_as_can_be_and_far_ones_alone():
    layer = MinibatchDiscrimination(6, 4, 3)
    same = layer(torch.ones(5, 6))[:, 6:]
    torch.testing.assert_close(same, torch.full((5, 4), 4.0 - 1.0))  # 4 others at distance 0, bias -1
    far = torch.arange(5.0)[:, None] * 1e6 * torch.randn(6)
    torch.testing.assert_close(layer(far)[:, 6:], layer.eval()(far)[:, 6:])
    assert bool((layer(far)[:, 6:] == -1).all())


def test_minibatch_discrimination_measures_in_float32_under_autocast():
    layer = MinibatchDiscrimination(6, 4, 3)
    f = torch.randn(8, 6)
    expected = layer(f)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer(f), expected, rtol=0, atol=1e-6)


# ---- virtual batch norm ----


def test_virtual_batch_norm_against_a_loop():
    layer = VirtualBatchNorm(3, 0.5).double()
    layer.bias.data.uniform_(-1, 1)
    x, reference = torch.randn(4, 3, 2, 5, dtype=torch.float64), 2 + torch.randn(6, 3, 2, 5, dtype=torch.float64)
    y = Virtual(layer, reference)(x)
    assert y.shape == x.shape
    for i in range(4):
        for c in range(3):
            mean = x[i, c].mean() / 7 + 6 / 7 * reference[:, c].mean()
            square = x[i, c].square().mean() / 7 + 6 / 7 * reference[:, c].square().mean()
            expected = (x[i, c] - mean) / (square - mean**2 + 1e-5).sqrt() * layer.weight[c] + layer.bias[c]
            assert_close_to_scale(y[i, c], expected, rtol=1e-10)


def test_virtual_batch_norm_normalises_the_reference_by_itself():
    """The second layer's reference is the first one's output of it."""
    layer = VirtualBatchNorm(4)
    reference = 3 + 2 * torch.randn(50, 4)
    Virtual(layer, reference)
    y = layer(reference)
    torch.testing.assert_close(y.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.std(0, correction=0), torch.ones(4), rtol=0, atol=1e-4)


def test_virtual_batch_norm_of_far_off_values_keeps_its_digits():
    reference = torch.randn(20, 2, dtype=torch.float64)
    x = torch.randn(3, 2, dtype=torch.float64)
    near, far = (
        Virtual(VirtualBatchNorm(2), reference.float()),
        Virtual(VirtualBatchNorm(2), (reference + 1000).float()),
    )
    torch.testing.assert_close(near(x.float()), far((x + 1000).float()), rtol=0, atol=1e-2)


def test_virtual_passes_pairs_and_gradients_to_the_reference_too():
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 2), VirtualBatchNorm(2))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, self.net(x)

    net = Virtual(Pair(), torch.randn(5, 6))
    x = torch.randn(3, 6)
    reconstruction, code = net(x)
    assert torch.equal(reconstruction, x) and code.shape == (3, 2)
    assert [k for k in net.state_dict() if "reference" in k] == ["reference"]  # it travels with the weights


def test_virtual_refuses_what_it_cannot_use():
    with pytest.raises(UserError, match="wrapped"):
        VirtualBatchNorm(2)(torch.randn(3, 2))
    with pytest.raises(UserError, match="VirtualBatchNorm layers"):
        Virtual(nn.Linear(2, 2), torch.randn(3, 2))
    with pytest.raises(UserError, match="at least 1"):
        Virtual(VirtualBatchNorm(2), torch.randn(0, 2))
