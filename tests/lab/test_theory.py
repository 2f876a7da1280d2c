"""Section 2.2 of arXiv:1609.03126 on finite sets, with the terms that the games use.

p are the data's probabilities, q the generator's, D_k >= 0 the energy of atom k:
    V(q, D) = sum_k p_k D_k + q_k [m - D_k]+        D minimises
    U(q, D) = sum_k q_k D_k                         G minimises
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from energan.losses.energy import hinge

P = torch.tensor([0.10, 0.20, 0.30, 0.25, 0.15], dtype=torch.float64)
Q = torch.tensor([0.30, 0.10, 0.20, 0.25, 0.15], dtype=torch.float64)
M = 10.0


def value(p: Tensor, q: Tensor, D: Tensor, m: float = M) -> float:
    return float((p * D + q * hinge(torch.tensor(m, dtype=D.dtype), D)).sum())


def generator_value(q: Tensor, D: Tensor) -> float:
    return float((q * D).sum())


def best_response(p: Tensor, q: Tensor, m: float = M) -> Tensor:
    return m * (p < q).to(p.dtype)


def total_variation(p: Tensor, q: Tensor) -> float:
    return float((p - q).abs().sum()) / 2


@st.composite
def distributions(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    n = draw(st.integers(2, 6))
    rows = [draw(st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(any)) for _ in range(2)]
    p, q = (torch.tensor(row, dtype=torch.float64) / sum(row) for row in rows)
    return p, q


@given(st.floats(0, 3), st.floats(0, 3), st.floats(0.1, 20))
def test_lemma_1(a, b, m):
    """phi(y) = a y + b [m - y]+ on y >= 0 has its minimum, m min(a, b), at m if a < b and at 0 otherwise."""
    y = torch.linspace(0, 3 * m, 3001, dtype=torch.float64)  # holds 0 and m
    phi = a * y + b * hinge(torch.tensor(m, dtype=torch.float64), y)
    assert phi.min().item() == pytest.approx(m * min(a, b), abs=1e-9)
    at = m if a < b else 0.0
    assert phi[(y - at).abs().argmin()].item() == pytest.approx(phi.min().item(), abs=1e-9)


@given(distributions(), st.floats(0.1, 20), st.lists(st.floats(0, 40), min_size=6, max_size=6))
def test_best_response_and_its_value(pq, m, others):
    p, q = pq
    expected = m * (1 - total_variation(p, q))
    assert value(p, q, best_response(p, q, m), m) == pytest.approx(expected, abs=1e-9)
    assert value(p, q, torch.tensor(others[: len(p)], dtype=torch.float64), m) >= expected - 1e-9


def test_the_worked_example():
    D = best_response(P, Q)
    assert total_variation(P, Q) == pytest.approx(0.2)
    assert D.tolist() == [10, 0, 0, 0, 0]
    assert value(P, Q, D) == pytest.approx(8.0)
    assert generator_value(Q, D) == pytest.approx(3.0)


def test_a_search_over_all_energies_finds_the_same_value():
    """The value is a sum over atoms, so each atom's energy can be searched for alone."""
    grid = torch.linspace(0, 20, 401, dtype=torch.float64)
    values = [P[k] * grid + Q[k] * hinge(torch.tensor(M, dtype=grid.dtype), grid) for k in range(5)]
    assert sum(v.min().item() for v in values) == pytest.approx(8.0)


def test_gradient_descent_on_the_discriminators_loss_reaches_the_value():
    """The loss as a game computes it, a mean over samples: each atom k appears 20 p_k or 20 q_k times among 20."""
    real, fake = (torch.repeat_interleave(torch.arange(5), (20 * w).round().long()) for w in (P, Q))
    root = torch.full((5,), 2.0, dtype=torch.float64, requires_grad=True)  # D = root^2 >= 0
    optimizer = torch.optim.Adam([root], lr=0.05)
    for t in range(1500):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - t / 1500)
        D = root.square()
        loss = (D[real] + hinge(torch.tensor(M, dtype=torch.float64), D[fake])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    D = root.detach().square()
    assert loss.item() == pytest.approx(8.0, abs=0.01)
    assert D[:3].tolist() == pytest.approx([10, 0, 0], abs=0.1)  # where p = q any energy in [0, m] is as good


@given(st.lists(st.floats(0, 10), min_size=5, max_size=5))
def test_at_equality_every_energy_within_the_margin_has_value_m(energies):
    assert value(P, P, torch.tensor(energies, dtype=torch.float64)) == pytest.approx(M)


def test_at_equality_energies_beyond_the_margin_only_cost():
    assert value(P, P, torch.full((5,), 12.0, dtype=torch.float64)) == pytest.approx(12)
    assert value(P, P, torch.tensor([0, 5, 10, 12.0, 3], dtype=torch.float64)) == pytest.approx(10 + 0.25 * 2)


@given(distributions())
def test_theorem_2_equilibria_are_equal_distributions_with_constant_energy(pq):
    """Where q != p, G gains by moving its mass to the lowest energy of D's best response; at D = c it cannot."""
    p, q = pq
    D = best_response(p, q)
    if total_variation(p, q) > 0:
        assert generator_value(q, D) > float(D.min()) + 1e-9
    constant = torch.full_like(p, 4.0)
    assert generator_value(p, constant) == pytest.approx(generator_value(q, constant)) == pytest.approx(4.0)


def test_play_cycles_but_its_time_average_reaches_the_data():
    """In turns as the games': projected gradient for D (step .5), then multiplicative weights for G (step .05)."""
    q, D, steps = Q.clone(), torch.full((5,), 5.0, dtype=torch.float64), 8000
    mean_q, mean_D = torch.zeros_like(q), torch.zeros_like(q)
    for _ in range(steps):
        mean_q += q / steps
        mean_D += D / steps
        D = (D - 0.5 * (P - q)).clamp(0, M)  # P - q: V's slope where D <= m
        step = q * torch.exp(-0.05 * D)
        q = step / step.sum()
    assert total_variation(P, mean_q) < 5e-4
    assert value(P, mean_q, best_response(P, mean_q)) == pytest.approx(M, abs=0.005)
    assert mean_D.tolist() == pytest.approx([5] * 5, abs=0.01)
    assert total_variation(P, q) > 0.05  # the last point is on the cycle
