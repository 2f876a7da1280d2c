"""Families of f-divergences: by hand, by their definition, beside the rows that they contain."""

import pytest
import torch
from torch.func import grad, vmap

from energan.losses.f_divergence import (
    DIVERGENCES,
    alpha_divergence,
    divergence_of,
    variational,
    weighted_jensen_shannon,
)
from energan.recipes.build import build
from energan.utils.errors import UserError

MEMBERS = [("weighted-jensen-shannon", pi) for pi in (0.1, 0.5, 0.9)]
MEMBERS += [("alpha", alpha) for alpha in (-1.0, -0.3, 0.2, 0.5, 0.9, 1.5, 2.0, 4.0)]
each = pytest.mark.parametrize(("family", "parameter"), MEMBERS)
U = torch.tensor([0.01, 0.3, 1.0, 2.0, 9.0], dtype=torch.float64)
P, Q = (torch.tensor(counts, dtype=torch.float64) / 20 for counts in ((4, 1, 8, 3, 4), (1, 5, 4, 6, 4)))


def slope(function, x):
    return vmap(grad(function))(x)


def test_the_rows_that_they_contain() -> None:
    def equal(a, b):
        assert a.f(U).tolist() == pytest.approx(b(U).tolist(), abs=1e-12)

    equal(weighted_jensen_shannon(0.5), lambda u: DIVERGENCES["jensen-shannon"].f(u) / 2)
    equal(alpha_divergence(2.0), lambda u: DIVERGENCES["pearson"].f(u) / 2)
    equal(alpha_divergence(-1.0), lambda u: DIVERGENCES["neyman"].f(u) / 2)
    equal(alpha_divergence(0.5), lambda u: 2 * DIVERGENCES["squared-hellinger"].f(u))
    near = alpha_divergence(1 + 1e-7).f(U), alpha_divergence(1e-7).f(U)
    # KL and reverse KL differ from their rows by a multiple of u - 1, which no divergence sees
    assert near[0].tolist() == pytest.approx((DIVERGENCES["kl"].f(U) - (U - 1)).tolist(), abs=1e-5)
    assert near[1].tolist() == pytest.approx((DIVERGENCES["reverse-kl"].f(U) + (U - 1)).tolist(), abs=1e-5)


def test_weighted_jensen_shannon_by_hand() -> None:
    m = 0.3 * P + 0.7 * Q
    want = 0.3 * (P * (P / m).log()).sum() + 0.7 * (Q * (Q / m).log()).sum()
    assert float((Q * weighted_jensen_shannon(0.3).f(P / Q)).sum()) == pytest.approx(float(want))


@each
def test_f_is_convex_0_at_1_and_flat_there(family: str, parameter: float) -> None:
    row = divergence_of(family, parameter)
    assert float(row.f(U[2])) == pytest.approx(0, abs=1e-12)
    assert float(grad(row.f)(U[2])) == pytest.approx(row.threshold, abs=1e-9)
    assert bool((slope(row.f, torch.linspace(0.05, 5, 200, dtype=torch.float64)).diff() > 0).all())


@each
def test_fenchel_with_equality_at_the_slope(family: str, parameter: float) -> None:
    row = divergence_of(family, parameter)
    v = torch.linspace(-8, 8, 101, dtype=torch.float64)
    t = row.activation(v)
    assert bool((row.f(U)[:, None] + row.composed(v) - U[:, None] * t >= -1e-9 * (1 + U[:, None] * t.abs())).all())
    best = slope(row.f, U)
    assert torch.allclose(row.f(U) + row.conjugate(best), U * best, rtol=1e-9, atol=1e-9)
    assert torch.allclose(row.composed(v), row.conjugate(t), rtol=1e-7, atol=1e-9)
    assert bool((t.diff() > 0).all())


@each
def test_the_bound_is_below_the_divergence_and_reaches_it(family: str, parameter: float) -> None:
    row = divergence_of(family, parameter)
    divergence = float((Q * row.f(P / Q)).sum())
    best = slope(row.f, P / Q)
    assert float((P * best - Q * row.conjugate(best)).sum()) == pytest.approx(divergence, rel=1e-9)
    for seed in range(50):
        v = torch.randn(5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert float(row.activation(v) @ P - row.composed(v) @ Q) <= divergence + 1e-12


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_at_large_outputs(family: str, parameter: float, dtype: torch.dtype) -> None:
    size = torch.logspace(-3, 3, 100, dtype=dtype)
    v = torch.cat([-size, size])
    value = variational(divergence_of(family, parameter), v, v)
    gradient = grad(lambda v: variational(divergence_of(family, parameter), v, v))(v)
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"divergence": "alpha"}, "divergence alpha is a family: give its parameter"),
        ({"divergence": "alpha", "parameter": 1.0}, "parameter 1 is a limit: divergence kl"),
        ({"divergence": "alpha", "parameter": 0.0}, "parameter 0 is a limit: divergence reverse-kl"),
        ({"divergence": "weighted-jensen-shannon", "parameter": 1.0}, "is above 0 and below 1, got 1"),
        ({"divergence": "kl", "parameter": 1.0}, "parameter is for weighted-jensen-shannon and alpha"),
    ],
)
def test_a_parameter_that_is_none_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build("fgan-mnist", data="digits", width=4, **given)


def test_a_recipe_of_a_family_plays() -> None:
    from energan.training.loop import trainer_of

    run = build("fgan-mnist", data="digits", width=4, batch=8, divergence="alpha", parameter=0.5, device="cpu")
    logs = trainer_of(run, run.training_set()).step()
    assert all(bool(value.isfinite()) for value in logs.values())
