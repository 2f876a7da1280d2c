"""The convolutional ladder: its costs by hand, its shapes, what it refuses."""

import pytest
import torch
from torch.nn import functional as F

from energan.engine.rng import seeded
from energan.networks.conv.ladder import ConvLadder
from energan.networks.layers import measure_batch_norm
from energan.utils.errors import UserError


def moved(decoder: bool, side: int = 9) -> ConvLadder:
    """A ladder whose weights all count, in float64."""
    with seeded(0):
        D = ConvLadder((1, side), 3, width=2, decoder=decoder).double()
        with torch.no_grad():
            for w in D.parameters():
                w.add_(torch.randn_like(w), alpha=0.1)
    return D


def normal(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + 1e-10).sqrt(), mean, var


def applied(D: ConvLadder, i: int, h: torch.Tensor) -> torch.Tensor:
    """f_{i+1} as the paper's table has it: 5 full, pool, 3 valid, 3 full, pool, 3 valid, 1, mean, W."""
    if i in (1, 4):
        return F.max_pool2d(h, 2)
    if i == 7:
        return h.mean((2, 3), keepdim=True)
    return F.conv2d(h, D.up[i].weight, padding={0: 4, 3: 2}.get(i, 0))


def encoded(D: ConvLadder, x: torch.Tensor, noise: list[torch.Tensor]) -> tuple[list, list]:
    z, moments = [x + noise[0]], [None]
    h = z[0]
    for i in range(9):
        normed, mean, var = normal(applied(D, i, h))
        z.append(normed + noise[i + 1])
        moments.append((mean, var))
        h = z[-1] if i in (1, 4, 7) else (z[-1] + D.beta[str(i)][:, None, None]).relu()
    return z, moments


def g(a: torch.Tensor, z: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The Gaussian combinator of each channel."""
    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = a[:, None, :, None, None]
    mu = a1 * torch.sigmoid(a2 * u + a3) + a4 * u + a5
    v = a6 * torch.sigmoid(a7 * u + a8) + a9 * u + a10
    return (z - mu) * v + mu


@pytest.mark.parametrize("decoder", [False, True])
def test_the_costs_are_those_of_the_equations(decoder: bool) -> None:
    D = moved(decoder)
    r = torch.Generator().manual_seed(0)
    x = torch.rand(7, 1, 9, 9, generator=r, dtype=torch.float64) * 2 - 1
    noise = 0.3 * torch.randn(7, sum(D.sizes), generator=r, dtype=torch.float64)
    found = D(x, noise, 3)
    parts = [n.view(7, c, s, s) for n, (c, s) in zip(noise.split(D.sizes, 1), D.shapes, strict=True)]
    labelled, _ = encoded(D, (x[:3] + 1) / 2, [n[:3] for n in parts])
    other, _ = encoded(D, (x[3:] + 1) / 2, [n[3:] for n in parts])
    clean, moments = encoded(D, (x[3:] + 1) / 2, [torch.zeros_like(n[3:]) for n in parts])
    logits = lambda z: D.gamma * (z.flatten(1) + D.beta["8"])  # noqa: E731
    assert torch.allclose(found.logits, logits(labelled[-1]))
    u, costs = logits(other[-1]).softmax(1)[:, :, None, None], {}
    for layer in reversed(D.cost_layers):
        estimate = g(D.combinators[D.cost_layers.index(layer)].a, other[layer], normal(u)[0])
        mean, var = moments[layer] or (0, torch.ones(()))
        scaled = estimate if layer == 0 else (estimate - mean) / (var + 1e-10).sqrt()
        costs[layer] = (clean[layer] - scaled).square().flatten(1).mean(1)
        if layer in (2, 5, 8):
            u = F.interpolate(estimate, size=other[layer - 1].shape[2:])
        elif layer and decoder:
            u = F.conv_transpose2d(estimate, D.down[layer - 1].weight, padding={1: 4, 4: 2}.get(layer, 0))
    assert len(found.costs) == (10 if decoder else 1) and D.cost_layers[-1] == 9
    for layer, cost in zip(D.cost_layers, found.costs, strict=True):
        assert torch.allclose(cost, costs[layer]), layer


def test_fewer_costs_are_the_same_ones() -> None:
    D = moved(True)
    x, noise = torch.rand(5, 1, 9, 9, dtype=torch.float64), torch.randn(5, sum(D.sizes), dtype=torch.float64)
    whole, bottom = D(x, noise, 2), D(x, noise, 2, 1)
    assert torch.equal(whole.costs[0], bottom.costs[0]) and len(bottom.costs) == 1
    assert D(x, noise, 5).costs == ()


@pytest.mark.parametrize("side", [8, 28, 30, 33])
def test_any_side_from_8_on_will_do(side: int) -> None:
    D = moved(True, side)
    x = torch.rand(4, 1, side, side, dtype=torch.float64)
    assert D(x, torch.zeros(4, sum(D.sizes), dtype=torch.float64), 2).logits.shape == (2, 3)
    assert ConvLadder((1, 28), 10).shapes[6:8] == ((128, 6), (10, 6))  # the authors' 6 x 6


def test_a_row_does_not_depend_on_the_others_in_use() -> None:
    D = moved(False)
    x = torch.rand(6, 1, 9, 9, dtype=torch.float64)
    measure_batch_norm([D], lambda: D(x), 1)
    assert torch.allclose(D(x)[:2], D(x[:2]))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ConvLadder((1, 7), 3), "8 pixels a side or more"),
        (lambda: ConvLadder((1, 9), 3, combinator="sum"), "no combinator 'sum'"),  # type: ignore[arg-type]
        (lambda: moved(False)(torch.zeros(4, 1, 9, 9), torch.zeros(4, 3)), "need noise of"),
    ],
)
def test_what_it_cannot_be_made_of_is_refused(make, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        make()


def test_one_row_of_a_kind_cannot_be_normalised() -> None:
    D = moved(False)
    with pytest.raises(UserError, match="none or at least 2"):
        D(torch.zeros(4, 1, 9, 9), torch.zeros(4, sum(D.sizes)), 1)
