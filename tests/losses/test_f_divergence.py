"""Every row of the f-divergences against its definition: numerically, on a grid, and for discrete distributions."""

from math import e, inf, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import grad, jacrev, vmap

from energan.losses.f_divergence import DIVERGENCES, Divergence, divergence_trick, variational

ROWS = list(DIVERGENCES)
each = pytest.mark.parametrize("name", ROWS)

# where f* is finite (table 2 and 6 of the paper), open unless said; and the t for which u >= 0 attains it
DOMAIN = {
    "kl": (-inf, inf),
    "reverse-kl": (-inf, 0.0),
    "pearson": (-inf, inf),
    "neyman": (-inf, 1.0),
    "squared-hellinger": (-inf, 1.0),
    "jeffrey": (-inf, inf),
    "jensen-shannon": (-inf, log(2)),
    "gan": (-inf, 0.0),
    "total-variation": (-0.5, 0.5),  # closed
}
ATTAINED = {**DOMAIN, "pearson": (-2.0, inf)}
AT_ONE = dict.fromkeys(ROWS, 0.0) | {"gan": -log(4)}
THRESHOLD = dict.fromkeys(ROWS, 0.0) | {"kl": 1.0, "reverse-kl": -1.0, "gan": -log(2)}


def wide(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def span(low: float, high: float, n: int = 201) -> Tensor:
    return torch.linspace(low, high, n, dtype=torch.float64)


def slope(function, x: Tensor) -> Tensor:
    return vmap(grad(function))(x)


def maximum(row: Divergence, t: Tensor) -> Tensor:
    """sup over u >= 0 of u t - f(u), by ternary search on log u: the function is concave."""
    low, high = torch.full_like(t, -40.0), torch.full_like(t, 40.0)

    def value(s: Tensor) -> Tensor:
        return s.exp() * t - row.f(s.exp())

    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        rising = value(a) < value(b)
        low, high = torch.where(rising, a, low), torch.where(rising, high, b)
    return value(low)


def test_rows_by_hand():
    u = wide(0.5, 2.0, 4.0)
    expected = {
        "kl": [-0.5 * log(2), 2 * log(2), 4 * log(4)],
        "reverse-kl": [log(2), -log(2), -log(4)],
        "pearson": [0.25, 1, 9],
        "neyman": [0.5, 0.5, 2.25],
        "squared-hellinger": [1.5 - 2**0.5, 3 - 2 * 2**0.5, 1],
        "jeffrey": [0.5 * log(2), log(2), 3 * log(4)],
        "jensen-shannon": [0.5 * log(0.5) - 1.5 * log(0.75), 2 * log(2) - 3 * log(1.5), 4 * log(4) - 5 * log(2.5)],
        "gan": [0.5 * log(0.5) - 1.5 * log(1.5), 2 * log(2) - 3 * log(3), 4 * log(4) - 5 * log(5)],
        "total-variation": [0.25, 0.5, 1.5],
    }
    for name in ROWS:
        assert DIVERGENCES[name].f(u).tolist() == pytest.approx(expected[name], abs=1e-14), name


@each
def test_f_is_convex_and_its_value_at_one_is_that_of_equal_distributions(name):
    row = DIVERGENCES[name]
    assert row.f(wide(1.0)).item() == pytest.approx(AT_ONE[name], abs=1e-15)
    u = span(0.05, 5)
    assert bool((slope(row.f, u).diff() >= -1e-12).all())


@each
def test_the_threshold_is_the_slope_of_f_at_one(name):
    row = DIVERGENCES[name]
    assert row.threshold == pytest.approx(THRESHOLD[name])
    h = 1e-4
    above, below = row.f(wide(1 + h)), row.f(wide(1 - h))
    assert ((above - below) / (2 * h)).item() == pytest.approx(row.threshold, abs=1e-7)


@each
def test_the_conjugate_is_a_maximum(name):
    row = DIVERGENCES[name]
    low, high = max(ATTAINED[name][0], -6.0), min(ATTAINED[name][1], 4.0)
    t = span(low, high)[1:-1]
    assert torch.allclose(row.conjugate(t), maximum(row, t), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "t"), [("pearson", -5.0), ("total-variation", -2.0)])
def test_conjugates_of_the_whole_line_attain_less_on_ratios(name, t):
    """Where u < 0 would attain f*, no ratio does. Pearson's is above, so still a bound; TV's g never goes there."""
    row, t = DIVERGENCES[name], wide(t)
    constrained = maximum(row, t)
    assert constrained.item() == pytest.approx(-row.f(wide(0.0)).item(), abs=1e-6)
    assert (row.conjugate(t) > constrained).item() is (name == "pearson")


@each
@given(u=st.floats(0.01, 50), v=st.floats(-12, 12))
def test_fenchel(name, u: float, v: float):
    """f(u) + f*(t) >= u t, with equality at t = f'(u)."""
    row, ratio = DIVERGENCES[name], wide(u)
    t = row.activation(wide(v))
    scale = 1 + abs(u) * t.abs()
    assert bool((row.f(ratio) + row.composed(wide(v)) - ratio * t >= -1e-9 * scale).all())
    best = slope(row.f, ratio)
    if name != "total-variation" or u != 1:
        assert torch.allclose(row.f(ratio) + row.conjugate(best), ratio * best, rtol=1e-9, atol=1e-9)


@each
def test_the_activation_rises_through_the_conjugates_domain(name):
    row, v = DIVERGENCES[name], span(-25, 25, 1001)
    t = row.activation(v)
    low, high = DOMAIN[name]
    assert bool((t >= low).all()) and bool((t <= high).all())
    assert bool((t.diff() >= 0).all())
    assert bool((row.activation(span(-8, 8)).diff() > 0).all())
    # it comes close to both ends: nothing of the domain is out of reach
    ends = row.activation(wide(-1e4, 1e4)).tolist()
    for end, bound in zip(ends, (low, high), strict=True):
        assert abs(end) > 30 if abs(bound) == inf else end == pytest.approx(bound, abs=1e-9)


@each
def test_composed_is_the_conjugate_of_the_activation(name):
    row, v = DIVERGENCES[name], span(-8, 8)
    assert torch.allclose(row.composed(v), row.conjugate(row.activation(v)), rtol=1e-9, atol=1e-9)
    assert torch.allclose(slope(row.composed, v), slope(lambda v: row.conjugate(row.activation(v)), v), rtol=1e-7)


def test_composed_is_the_conjugate_of_the_activation_beyond_the_bend_too():
    ends = {"kl": 45.0, "reverse-kl": -45.0, "neyman": -45.0, "squared-hellinger": -45.0, "jeffrey": 45.0}
    for name, v in ends.items():
        row = DIVERGENCES[name]
        composed, direct = row.composed(wide(v)).item(), row.conjugate(row.activation(wide(v))).item()
        assert composed == pytest.approx(direct, rel=1e-9), name


def test_composed_by_hand():
    v = wide(-25.0, -1.0, 0.0, 2.0, 25.0)
    expected = {
        "kl": (v - 1).exp(),
        "reverse-kl": v - 1,
        "pearson": v**2 / 4 + v,
        "neyman": 2 - 2 * (-v / 2).exp(),
        "squared-hellinger": v.exp() - 1,
        "jensen-shannon": (1 + v.exp()).log() - log(2),
        "gan": (1 + v.exp()).log(),
        "total-variation": v.tanh() / 2,
    }
    for name, value in expected.items():
        assert torch.allclose(DIVERGENCES[name].composed(v), value, rtol=1e-12, atol=1e-10), name


@pytest.mark.parametrize("t", [-1e30, -1e4, -50.0, -e, -1.0, 0.0, 0.5, 1.0, 3.0, 20.0])
def test_jeffrey_by_lamberts_function(t):
    from scipy.special import lambertw, wrightomega

    expected = wrightomega(1 - t) + 1 / wrightomega(1 - t) + t - 2 if t > -1e20 else -1 - log(-t)
    if t > -600:
        assert wrightomega(1 - t) == pytest.approx(lambertw(e ** (1 - t)).real)
    assert DIVERGENCES["jeffrey"].conjugate(wide(t)).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_jeffrey_is_differentiated_twice_through_newtons_steps():
    """f*' = u = 1/w and f*'' = 1 / f''(u), f'' = 1/u + 1/u^2."""
    t = span(-200, 8)
    conjugate = DIVERGENCES["jeffrey"].conjugate
    u = slope(conjugate, t)
    assert torch.allclose(u.log() + 1 - 1 / u, t, rtol=1e-10, atol=1e-10)
    second = vmap(grad(grad(conjugate)))(t)
    assert torch.allclose(second, 1 / (1 / u + 1 / u**2), rtol=1e-8)


# --- hostile critics ----------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_at_large_outputs(name, dtype):
    row = DIVERGENCES[name]
    size = torch.logspace(-3, 4, 200, dtype=dtype)
    v = torch.cat([-size, torch.zeros(1, dtype=dtype), size])
    for function in (row.activation, row.composed):
        first, second = slope(function, v), vmap(grad(grad(function)))(v)
        for values in (function(v), first, second):
            assert values.dtype == dtype and bool(values.isfinite().all())
        if name != "pearson":
            assert bool((first >= 0).all())
    f, (real, fake) = variational(row, v, v), grad(lambda v: variational(row, v[0], v[1]))(torch.stack([v, v]))
    assert bool(f.isfinite()) and bool(real.isfinite().all()) and bool(fake.isfinite().all())
    assert float(real.abs().amax()) < 1e18 and float(fake.abs().amax()) < 1e18  # and so are their squares, in Adam


def test_the_bend_continues_the_exponential_as_a_line_and_changes_nothing_within():
    row = DIVERGENCES["squared-hellinger"]
    within = span(-30, 30)
    assert torch.equal(row.composed(within), within.expm1())
    v = wide(31.0, 130.0, 1e4)
    assert torch.allclose(row.composed(v) + 1, e**30 * (1 + v - 30), rtol=1e-9)
    assert torch.allclose(slope(row.composed, v), wide(e**30), rtol=1e-9)
    assert torch.equal(slope(DIVERGENCES["kl"].activation, wide(-30.0, 30.0)), wide(1.0, 1.0))


# --- the bound ----------------------------------------------------------------------------------------------

P, Q = (4, 1, 8, 3, 4), (1, 5, 4, 6, 4)  # of 20; log-ratios of both signs


def sample(counts: tuple[int, ...], v: Tensor) -> Tensor:
    """One output of V for each of 20 draws: their mean is the exact expectation."""
    return torch.repeat_interleave(v, torch.tensor(counts))


def best_output(name: str, t: Tensor) -> Tensor:
    """g^-1(t)."""
    inverses = {
        "reverse-kl": lambda t: -(-t).log(),
        "neyman": lambda t: -(1 - t).log(),
        "squared-hellinger": lambda t: -(1 - t).log(),
        "jensen-shannon": lambda t: -(log(2) - t).expm1().log(),
        "gan": lambda t: -(-t).expm1().log(),
        "total-variation": lambda t: 40 * t,  # f' = +-1/2 is the limit; 0 at the kink
    }
    return inverses.get(name, lambda t: t)(t)


@each
def test_the_bound_reaches_the_divergence_at_the_best_critic_and_nowhere_passes_it(name, generator):
    row = DIVERGENCES[name]
    p, q = wide(*P) / 20, wide(*Q) / 20
    divergence = (q * row.f(p / q)).sum()
    best = best_output(name, slope(row.f, p / q))
    assert torch.allclose(variational(row, sample(P, best), sample(Q, best)), divergence, rtol=1e-9)
    others = best + torch.randn(500, 5, generator=generator, dtype=torch.float64)
    bounds = vmap(lambda v: row.activation(v) @ p - row.composed(v) @ q)(others)
    assert bool((bounds <= divergence + 1e-12).all()) and float(bounds.amax()) > float(divergence) - 0.5
    # real where p > q: T(x) against f'(1); the last two are equal
    assert torch.equal((row.activation(best) > row.threshold)[:4], (p > q)[:4])
    assert row.activation(best)[4].item() == pytest.approx(row.threshold)


def test_named_divergences_are_what_their_names_say():
    p, q = wide(*P) / 20, wide(*Q) / 20
    m = (p + q) / 2
    d = {name: (q * row.f(p / q)).sum().item() for name, row in DIVERGENCES.items()}
    kl = (p * (p / q).log()).sum().item()
    reverse = (q * (q / p).log()).sum().item()
    twice_jsd = ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()).item()
    assert d["kl"] == pytest.approx(kl) and d["reverse-kl"] == pytest.approx(reverse)
    assert d["jeffrey"] == pytest.approx(kl + reverse)
    assert d["jensen-shannon"] == pytest.approx(twice_jsd) and d["gan"] == pytest.approx(twice_jsd - log(4))
    assert d["total-variation"] == pytest.approx((p - q).abs().sum().item() / 2)
    assert d["pearson"] == pytest.approx(((p - q) ** 2 / q).sum().item())
    assert d["neyman"] == pytest.approx(((p - q) ** 2 / p).sum().item())
    assert d["squared-hellinger"] == pytest.approx(((p.sqrt() - q.sqrt()) ** 2).sum().item())


def test_the_gan_row_is_minus_the_cross_entropy_of_the_logits():
    from energan.losses.adversarial import discriminator, non_saturating

    real, fake = wide(3.0, -1.0, 0.5), wide(-2.0, 4.0)
    assert torch.allclose(variational(DIVERGENCES["gan"], real, fake), -discriminator(real, fake))
    assert torch.allclose(divergence_trick(DIVERGENCES["gan"], fake), -non_saturating(fake))


@each
def test_g_is_pushed_towards_outputs_of_real_samples_by_bound_and_trick(name):
    """Both of G's objectives push V(G(z)) up around its threshold."""
    row, v = DIVERGENCES[name], wide(-0.5, 0.0, 0.5)
    down = grad(lambda v: variational(row, wide(0.0), v))(v)
    up = grad(lambda v: divergence_trick(row, v))(v)
    assert bool((down < 0).all()) and bool((up > 0).all())


# --- as the engine runs them --------------------------------------------------------------------------------


def test_bounds_of_bfloat16_outputs_are_float32():
    v = torch.linspace(-3, 3, 7, dtype=torch.bfloat16)
    for row in DIVERGENCES.values():
        assert variational(row, v, v).dtype == torch.float32
        assert torch.allclose(variational(row, v, v), variational(row, v.float(), v.float()))
        assert divergence_trick(row, v).dtype == torch.float32


@each
def test_many_critics_at_once(name):
    row = DIVERGENCES[name]
    v = torch.randn(4, 2, 6, dtype=torch.float64)
    together = vmap(grad(lambda v: variational(row, v[0], v[1])))(v)
    alone = jacrev(lambda v: torch.stack([variational(row, a[0], a[1]) for a in v]).sum())(v)
    assert torch.allclose(together, alone)


def test_bounds_compile_into_one_graph(trace_only):
    def all_of_them(real: Tensor, fake: Tensor) -> Tensor:
        return torch.stack([variational(row, real, fake) for row in DIVERGENCES.values()])

    real, fake = torch.randn(5), torch.randn(3)
    assert torch.allclose(torch.compile(all_of_them, fullgraph=True)(real, fake), all_of_them(real, fake))
