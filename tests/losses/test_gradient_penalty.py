"""Gradient penalties against gradients by hand, by torch.autograd.grad and by finite differences."""

import copy

import pytest
import torch
from shape_checks import untyped
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from energan.losses.gradient_penalty import gradient, gradient_norms, interpolate, wgan_gp, zero_centred


class Critic(nn.Module):
    """(n, 3, 2) -> (n,), smooth."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Softplus())
        self.last = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layers(x)).squeeze(1)


@pytest.fixture
def critic() -> Critic:
    return Critic().double()


def images(n: int = 4) -> Tensor:
    return torch.randn(n, 3, 2, dtype=torch.float64)


def weights_of(critic: nn.Module) -> list[Tensor]:
    return list(critic.parameters())


def by_hand(critic: nn.Module, x: Tensor) -> Tensor:
    """||grad D(x_i)|| example by example, with torch.autograd.grad."""
    norms = []
    for example in x:
        one = example[None].detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(one).sum(), one, create_graph=True)
        norms.append(slope.square().sum().sqrt())
    return torch.stack(norms)


def penalties(critic: nn.Module, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Each penalty, and the same by hand; at x itself, where eps is 1."""
    norms = by_hand(critic, x)
    ones = x.new_ones(len(x))
    return {
        "wgan_gp": (wgan_gp(critic, x, torch.zeros_like(x), ones), (norms - 1).square().mean()),
        "zero_centred": (zero_centred(critic, x), norms.square().mean()),
    }


def quadratic(x: Tensor) -> Tensor:
    """||x||^2 / 2, whose gradient is x."""
    return x.flatten(1).square().sum(1) / 2


# --- values -------------------------------------------------------------------------------------------------


def test_penalties_by_hand():
    x = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert gradient(quadratic, x).tolist() == x.tolist()
    assert gradient_norms(quadratic, x).tolist() == pytest.approx([5, 2])
    assert zero_centred(quadratic, x).item() == pytest.approx((25 + 4) / 2)
    # halfway to twice x the norms are 7.5 and 3
    assert wgan_gp(quadratic, x, 2 * x, torch.full((2,), 0.5)).item() == pytest.approx((6.5**2 + 2**2) / 2)


def test_norms_are_over_all_numbers_of_an_example(critic):
    x = images()
    assert torch.allclose(gradient_norms(critic, x), by_hand(critic, x))
    assert torch.allclose(gradient(critic, x).flatten(1).norm(dim=1), by_hand(critic, x))
    # and an example's does not depend on its neighbours
    assert torch.allclose(gradient_norms(critic, x)[:1], gradient_norms(critic, x[:1]))


def test_interpolate_takes_one_number_for_each_pair():
    real, fake = torch.ones(3, 2, 2), torch.zeros(3, 2, 2)
    eps = torch.tensor([0.0, 0.25, 1.0])  # eps is the real example's share
    between = interpolate(real, fake, eps)
    assert between[:, 0, 0].tolist() == eps.tolist()
    assert torch.equal(between, eps[:, None, None].expand(3, 2, 2))
    assert torch.equal(interpolate(real, fake, eps.view(3, 1, 1)), between)


@pytest.mark.parametrize(("fake", "eps"), [((4, 2), 3), ((3, 2), 6), ((3, 2), 1)])
def test_interpolate_refuses_what_it_would_broadcast(fake, eps):
    with untyped(), pytest.raises(ValueError, match="one is needed for each"):
        interpolate(torch.zeros(3, 2), torch.zeros(fake), torch.zeros(eps))


def test_a_linear_critic_of_slope_one_is_not_penalised():
    slope = torch.tensor([0.6, 0.8], dtype=torch.float64)
    real, fake = torch.randn(2, 5, 2, dtype=torch.float64)
    eps = torch.rand(5, dtype=torch.float64)
    assert wgan_gp(lambda x: x @ slope, real, fake, eps).item() == pytest.approx(0, abs=1e-20)
    assert wgan_gp(lambda x: x @ slope * 3, real, fake, eps).item() == pytest.approx(4)
    assert wgan_gp(lambda x: x @ slope / 2, real, fake, eps).item() == pytest.approx(0.25)  # two-sided
    assert zero_centred(lambda x: x @ slope * 3, real).item() == pytest.approx(9)


# --- gradients of the weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wgan_gp", "zero_centred"])
def test_weights_get_the_gradient_of_the_penalty(critic, name):
    x = images()
    ours, hand = penalties(critic, x)[name]
    assert torch.allclose(ours, hand)
    expected = torch.autograd.grad(hand, weights_of(critic), allow_unused=True)
    ours.backward()
    for weight, slope in zip(weights_of(critic), expected, strict=True):
        if weight is critic.last.bias:
            assert slope is None and (weight.grad is None or not weight.grad.any())  # it shifts D everywhere alike
        else:
            assert slope is not None and weight.grad is not None and float(slope.abs().amax()) > 0
            assert torch.allclose(weight.grad, slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["wgan_gp", "zero_centred"])
def test_weights_get_the_slope_of_finite_differences(critic, name):
    x = images()
    directions = [torch.randn_like(w) for w in weights_of(critic)]
    slopes = torch.autograd.grad(penalties(critic, x)[name][0], weights_of(critic), allow_unused=True)
    along = sum(float((s * d).sum()) for s, d in zip(slopes, directions, strict=True) if s is not None)

    def moved(step: float) -> float:
        other = copy.deepcopy(critic)
        with torch.no_grad():
            for w, d in zip(weights_of(other), directions, strict=True):
                w.add_(d, alpha=step)
        return penalties(other, x)[name][0].item()

    assert (moved(1e-5) - moved(-1e-5)) / 2e-5 == pytest.approx(along, rel=1e-6)


def test_frozen_weights_get_none_and_the_samples_do(critic):
    critic.requires_grad_(False)
    real, fake = images(), images().requires_grad_()
    loss = wgan_gp(critic, real, fake, torch.full((4,), 0.25, dtype=torch.float64))
    (slope,) = torch.autograd.grad(loss, fake)
    assert float(slope.abs().amax()) > 0


# --- hostile critics ----------------------------------------------------------------------------------------


def test_a_flat_critic_has_finite_gradients():
    weight = torch.zeros(2, requires_grad=True)
    x = torch.randn(3, 2)
    loss = wgan_gp(lambda x: x @ weight, x, x, torch.rand(3)) + zero_centred(lambda x: x @ weight, x)
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=1e-5)
    assert weight.grad is not None and weight.grad.tolist() == [0, 0]


def test_penalties_of_bfloat16_are_float32():
    x = torch.randn(3, 500).to(torch.bfloat16)
    assert gradient(quadratic, x).dtype == torch.bfloat16
    for value in (gradient_norms(quadratic, x), zero_centred(quadratic, x), wgan_gp(quadratic, x, x, torch.rand(3))):
        assert value.dtype == torch.float32
    assert torch.allclose(zero_centred(quadratic, x), x.float().square().sum(1).mean(), rtol=1e-3)


def test_penalties_under_autocast_are_float32_with_gradients():
    critic = Critic()
    x = images().float()
    with torch.autocast("cpu", torch.bfloat16):
        loss = wgan_gp(critic, x, -x, torch.rand(4)) + zero_centred(critic, x)
    loss.backward()
    assert loss.dtype == torch.float32
    exact = zero_centred(critic, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(zero_centred(critic, x), exact, rtol=0.05)
    assert all(w.grad is None or bool(w.grad.isfinite().all()) for w in critic.parameters())


# --- as the engine runs them --------------------------------------------------------------------------------


def test_many_critics_at_once_get_what_each_would_alone():
    critics = [Critic().double() for _ in range(3)]
    stacked, _ = stack_module_state(critics)
    real, fake, eps = images(12).view(3, 4, 3, 2), images(12).view(3, 4, 3, 2), torch.rand(3, 4, dtype=torch.float64)
    net = critics[0]

    def loss(weights: dict[str, Tensor], real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
        def bound(x: Tensor) -> Tensor:
            return functional_call(net, weights, x)

        return wgan_gp(bound, real, fake, eps) + zero_centred(bound, fake)

    slopes = vmap(grad(loss))(stacked, real, fake, eps)
    for i, critic in enumerate(critics):
        value = wgan_gp(critic, real[i], fake[i], eps[i]) + zero_centred(critic, fake[i])
        value.backward()
        for name, weight in critic.named_parameters():
            expected = torch.zeros_like(weight) if weight.grad is None else weight.grad
            assert torch.allclose(slopes[name][i], expected, atol=1e-9)


def test_penalties_compile_into_one_graph(compile_cheaply, critic):
    real, fake, eps = images(), images(), torch.rand(4, dtype=torch.float64)

    def loss(real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
        return wgan_gp(critic, real, fake, eps) + zero_centred(critic, fake)

    expected = torch.autograd.grad(loss(real, fake, eps), weights_of(critic)[:4])
    compiled = torch.compile(loss, fullgraph=True)(real, fake, eps)
    for ours, slope in zip(torch.autograd.grad(compiled, weights_of(critic)[:4]), expected, strict=True):
        assert torch.allclose(ours, slope)
