"""Chains against closed forms, against the authors' loops written out, and against one another."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from energan.networks.conv.ppgn import upper_bound
from energan.samplers.activation_maximisation import activation_maximisation
from energan.samplers.chains import GRADIENTS, Trace, row_seeds
from energan.samplers.inpainting import Context
from energan.samplers.langevin import langevin
from energan.samplers.mala import mala_approx
from energan.utils.errors import UserError

D, PIXELS, CLASSES = 4, (1, 3, 3), 5
STILL = {"eps1": 0.0, "eps2": 0.0, "eps3": 0.0}  # one chooses among them


def double(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers).double().eval()


@pytest.fixture
def G() -> nn.Sequential:
    """Codes (n, 4) -> images (n, 1, 3, 3)."""
    return double(nn.Linear(D, 12), nn.Tanh(), nn.Linear(12, 9), nn.Unflatten(1, PIXELS))


@pytest.fixture
def E() -> nn.Sequential:
    """Images -> codes."""
    return double(nn.Flatten(), nn.Linear(9, D), nn.ReLU())


@pytest.fixture
def C() -> nn.Sequential:
    """Images -> logits."""
    return double(nn.Flatten(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, CLASSES))


def codes(n: int = 3) -> Tensor:
    return torch.randn(n, D, dtype=torch.float64)


def known() -> tuple[Tensor, Tensor]:
    """An image, and where it is missing: its middle column."""
    missing = torch.zeros(PIXELS, dtype=torch.bool)
    missing[..., 1] = True
    return torch.randn(PIXELS, dtype=torch.float64), missing


def vjp(f: Callable[[Tensor], Tensor], x: Tensor, diff: Tensor) -> Tensor:
    """What a deep-learning framework of 2016 calls backward: diff at f's output, brought to its input."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x, diff)[0]


# --- the equation ---------------------------------------------------------------------------------------------------


def test_a_step_along_the_prior_is_the_score_of_the_noised_density() -> None:
    """p = N(0, s^2), R(h) = h s^2 / (s^2 + sigma^2): (R(h) - h) / sigma^2 = grad log (p * N(0, sigma^2))."""
    s, sigma, h = 1.3, 0.7, codes().requires_grad_()
    (score,) = torch.autograd.grad(Normal(0.0, math.hypot(s, sigma)).log_prob(h).sum(), h)
    shrunk = s**2 / (s**2 + sigma**2)
    moved = mala_approx(
        lambda h: h * shrunk, lambda h: h, None, h, 0, **{**STILL, "eps1": 1 / sigma**2}, steps=1
    ).codes[-1]
    assert torch.allclose(moved - h, score) and torch.allclose(score, -h / (s**2 + sigma**2))


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_class_gradient_of_linear_maps_by_hand(gradient: str) -> None:
    A, W, h, c = torch.randn(9, D).double(), torch.randn(CLASSES, 9).double(), codes(), torch.tensor([0, 4, 2])
    p = (h @ A.T @ W.T).softmax(1)
    e, own = torch.eye(CLASSES).double()[c], p[range(3), c][:, None]
    expected = {"log-softmax": e - p, "logit": (1 - own) * e, "activation": e}[gradient] @ W @ A
    found = mala_approx(
        None, lambda h: h @ A.T, lambda x: x @ W.T, h, c, **{**STILL, "eps2": 0.5}, steps=1, gradient=gradient
    )
    assert torch.allclose(found.codes[-1] - h, 0.5 * expected)


def test_prior_and_class_gradient_are_of_the_same_code(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    """Each evaluation of R sees the very code that G is given for the class gradient."""
    seen: dict[str, list[Tensor]] = {"R": [], "G": []}

    def R(h: Tensor) -> Tensor:
        seen["R"].append(h.detach().clone())
        return E(G(h))

    def draw(h: Tensor) -> Tensor:
        seen["G"].append(h.detach().clone())
        return G(h)

    mala_approx(R, draw, C, codes(), 1, eps1=0.1, eps2=1, eps3=0.1, steps=4)
    assert len(seen["R"]) == 4 and torch.equal(torch.stack(seen["R"]), torch.stack(seen["G"][:4]))


def test_the_terms_add_up(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    h, eps = codes(), {"eps1": 0.3, "eps2": 0.2, "eps3": 0.1}
    together = mala_approx(lambda h: E(G(h)), G, C, h, 3, **eps, steps=1).codes[-1] - h
    apart = [
        mala_approx(lambda h: E(G(h)), G, C, h, 3, **{**STILL, name: each}, steps=1).codes[-1] - h
        for name, each in eps.items()
    ]
    assert torch.allclose(together, sum(apart)) and all(each.abs().min() > 0 for each in apart[1:])


def test_stationary_variance_of_a_gaussian_code() -> None:
    """h <- a h + eps3 n, a = 1 - eps1 sigma^2 / (s^2 + sigma^2): variance eps3^2 / (1 - a^2)."""
    s, sigma, eps1, eps3 = 1.0, 0.5, 0.8, 0.3
    a = 1 - eps1 * sigma**2 / (s**2 + sigma**2)
    end = mala_approx(
        lambda h: h * s**2 / (s**2 + sigma**2), lambda h: h, None, torch.zeros(8, 5000), 0,
        eps1=eps1, eps2=0, eps3=eps3, steps=60,
    ).codes[-1]  # fmt: skip
    assert a**120 < 1e-8 and end.var() == pytest.approx(eps3**2 / (1 - a**2), rel=0.03)
    assert end.var(1) == pytest.approx(torch.full((8,), eps3**2 / (1 - a**2)), rel=0.1)  # each chain for itself


def test_noise_below_the_rounding_is_none(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    G, E, C, h = G.float(), E.float(), C.float(), codes().float()
    ends = [
        mala_approx(lambda h: E(G(h)), G, C, h, 3, eps1=1e-2, eps2=1, eps3=eps3, seed=seed).codes[-1]
        for seed, eps3 in enumerate((0, 1e-15, 1e-15, 1e-3))
    ]
    assert torch.equal(ends[0], ends[1]) and torch.equal(ends[1], ends[2]) and not torch.equal(ends[2], ends[3])
    assert ends[0].abs().min() > 1e-7  # the statement is of codes that are not tiny themselves


# --- as the official code runs it -----------------------------------------------------------------------------------


def official(
    G: nn.Module, E: nn.Module, C: nn.Module, h: Tensor, unit: int, eps: list[float], rates: tuple[float, float],
    steps: int, painting: tuple[Tensor, Tensor] | None,
) -> Tensor:  # fmt: skip
    """The loop of the authors' sampler.py, line by line, of one code (1, d), with no noise."""
    for i in range(steps):
        lr = rates[0] + (rates[1] - rates[0]) * i / steps
        x = G(h).detach()
        seen, context = x, torch.zeros_like(h)
        if painting:
            image, mask = painting[0] * ~painting[1], painting[1].double()
            seen = x * mask + image
            context = vjp(G, h, (image - x) * (1 - mask))
        prior = E(seen).detach() - h
        probs = C(seen).detach().softmax(1)
        one_hot = torch.zeros_like(probs)
        one_hot[0, unit] = 1 - probs[0, unit]
        at_image = vjp(C, seen, one_hot)
        if painting:
            at_image = at_image * mask
        d = eps[0] * prior + eps[1] * vjp(G, h, at_image) + eps[2] * context
        h = (h + lr / d.abs().mean() * d).clamp(0, 30)
    return h


@pytest.mark.parametrize("inpaint", [False, True])
def test_as_the_official_code_runs_it(G: nn.Module, E: nn.Module, C: nn.Module, inpaint: bool) -> None:
    """Mean |d|, [0, 30], the target's logit, a falling rate, inpainting: three chains, each the authors' own."""
    h, classes, painting = codes(), [1, 4, 1], known()
    expected = torch.cat([
        official(G, E, C, each[None], c, [1e-2, 1, 0.3], (1, 1e-10), 25, painting if inpaint else None)
        for each, c in zip(h, classes, strict=True)
    ])  # fmt: skip
    context = Context(*painting, eps4=0.3) if inpaint else None
    found = mala_approx(
        lambda h: E(context.paste(G(h)) if context else G(h)), G, C, h, classes, eps1=1e-2, eps2=1, eps3=0, steps=25,
        rate=1, last_rate=1e-10, normalise=True, clip=(0, 30), gradient="logit", context=context,
    ).codes[-1]  # fmt: skip
    assert torch.allclose(found, expected, atol=1e-9) and bool((found == 0).any()) and bool((found > 0).any())


def test_normalised_steps_have_a_size_and_know_only_ratios(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    h = codes()
    ends = [
        mala_approx(
            lambda h: E(G(h)), G, C, h, 2, eps1=k * 1e-2, eps2=k, eps3=k * 0.2, steps=1, rate=0.7, normalise=True
        ).codes[-1]
        for k in (1, 50)
    ]
    assert torch.allclose(*ends) and torch.allclose((ends[0] - h).abs().mean(1), torch.full((3,), 0.7).double())


def test_nowhere_to_go_is_a_stop(G: nn.Module) -> None:
    """d = 0: the authors divide 0 by 0 and end. Here that chain stays, and the others go on."""
    h = codes()
    dead = torch.tensor([1.0, 0.0, 1.0]).double()[:, None]
    C = lambda x: x.flatten(1) * dead  # noqa: E731
    found = mala_approx(None, G, C, h, 0, eps1=0, eps2=1, eps3=0, steps=3, normalise=True, gradient="activation")
    climbed = activation_maximisation(G, C, h, 0, clip=None, steps=3)
    for trace in (found, climbed):
        assert torch.equal(trace.codes[-1][1], h[1]) and bool((trace.codes[-1] != h)[[0, 2]].all())


def test_context_pulls_what_is_known_and_nothing_else(G: nn.Module) -> None:
    image, missing = known()
    context = Context(image, missing, eps4=0.05)
    trace = mala_approx(None, G, None, codes(), 0, **STILL, steps=60, context=context, keep=10)
    gaps = -torch.stack([context.closeness(x) for x in trace.images])
    assert bool((gaps.diff(dim=0) < 0).all())
    assert torch.allclose(gaps[-1], 0.5 * ((trace.images[-1] - image) * ~missing).flatten(1).square().sum(1))
    pasted = context.paste(trace.images[-1])
    assert torch.equal(pasted[..., 1], trace.images[-1][..., 1])
    assert torch.equal(pasted[..., 0], image[..., 0].expand(3, 1, 3))
    elsewhere = context._replace(image=torch.where(missing, image + 100, image))  # what is missing is not looked at
    assert torch.equal(mala_approx(None, G, None, trace.codes[0], 0, **STILL, steps=60, context=elsewhere).codes[-1],
                       trace.codes[-1])  # fmt: skip


# --- activation maximisation ----------------------------------------------------------------------------------------


def synthesizing(G: nn.Module, C: nn.Module, h: Tensor, unit: int, upper: Tensor, steps: int) -> Tensor:
    """The loop of the authors' act_max.py, line by line, of one code."""
    for i in range(steps):
        size = 8 + (1e-10 - 8) * i / steps
        x0 = G(h).detach()
        g = vjp(lambda x: C(x)[:, unit].sum(), x0, torch.tensor(1.0).double())
        x = x0 + size / g.abs().mean() * g
        back = vjp(G, h, x - x0)
        h = h + size / back.abs().mean() * back
        h = torch.minimum(h.clamp(min=0), upper)
        h = h * 0.99
    return h


def test_activation_maximisation_as_its_authors_do_it(G: nn.Module, C: nn.Module) -> None:
    """Their division at the image cancels in the one at the code: it is in their loop, and not in ours."""
    h, units, upper = codes(), [3, 0, 3], upper_bound(torch.rand(50, D).double())
    found = activation_maximisation(G, C, h, units, clip=(0, upper)).codes[-1]
    expected = [synthesizing(G, C, each[None], u, upper, 200) for each, u in zip(h, units, strict=True)]
    assert torch.allclose(found, torch.cat(expected), atol=1e-8)
    assert bool((found <= 0.99 * upper).all()) and bool((found >= 0).all()) and bool((found > 0).any())


def test_activation_maximisation_climbs(G: nn.Module, C: nn.Module) -> None:
    trace = activation_maximisation(G, C, codes(), 2, clip=(-3, 3), rate=0.2, decay=1.0, keep=200)
    assert trace.images is not None and bool((C(trace.images[-1])[:, 2] > C(trace.images[0])[:, 2]).all())


def test_upper_bound() -> None:
    seen = torch.tensor([[0.0, 2.0], [2.0, 2.0]])
    assert torch.equal(upper_bound(seen), torch.tensor([4.0, 2.0]))
    assert torch.equal(upper_bound(seen, deviations=1), torch.tensor([2.0, 2.0]))


# --- Langevin -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_stationary_variance_of_langevin(temperature: float) -> None:
    """E = x^2 / 2s^2: x <- (1 - rate / s^2) x + N(0, 2 rate T), variance T s^2 / (1 - rate / 2s^2)."""
    s, rate = 1.5, 0.6
    end = langevin(
        lambda x: x.square().sum(1) / (2 * s**2), torch.zeros(8, 5000), rate=rate, steps=60, temperature=temperature
    )
    assert end.codes[-1].var() == pytest.approx(temperature * s**2 / (1 - rate / (2 * s**2)), rel=0.03)
    assert end.images is None


def test_langevin_without_heat_is_gradient_descent() -> None:
    x = codes()
    end = langevin(lambda x: x.square().sum(1) / 2, x, rate=0.1, steps=10, temperature=0, clip=(-0.2, 9))
    assert torch.allclose(end.codes[-1], torch.where(x > 0, x * 0.9**10, (x * 0.9).clamp(min=-0.2) * 0.9**9))


# --- chains of a batch ----------------------------------------------------------------------------------------------


def chains_of(G: nn.Module, E: nn.Module, C: nn.Module) -> dict[str, Callable[..., Trace]]:
    """Each sampler as (codes, classes, seed) -> Trace."""
    common: dict[str, Any] = {"eps1": 0.1, "eps2": 1.0, "eps3": 0.1, "steps": 20, "keep": 5}
    return {
        "equation": lambda h, c, seed: mala_approx(lambda h: E(G(h)), G, C, h, c, **common, seed=seed),
        "official": lambda h, c, seed: mala_approx(
            lambda h: E(G(h)), G, C, h, c, **common, normalise=True, clip=(0, 30), gradient="logit", seed=seed
        ),
        "activation": lambda h, c, seed: activation_maximisation(G, C, h, c, clip=(0, 2), rate=0.1, steps=20, keep=5),
        "langevin": lambda h, c, seed: langevin(
            lambda h: -C(G(h))[:, 0], h, rate=0.01, steps=20, seed=seed, keep=5
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["equation", "official", "activation", "langevin"])
def test_a_row_is_what_it_is_alone(name: str, G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    sample, h, classes = chains_of(G, E, C)[name], codes(5), [0, 1, 2, 3, 4]
    together = sample(h, classes, 7)
    for i, seed in enumerate(row_seeds(7, 5)):
        alone = sample(h[i : i + 1], [classes[i]], [seed])
        assert torch.allclose(alone.codes, together.codes[:, i : i + 1], atol=1e-9)
    h[0] += 1  # a neighbour elsewhere
    assert torch.allclose(sample(h, classes, 7).codes[:, 1:], together.codes[:, 1:], atol=1e-9)


@pytest.mark.parametrize("name", ["equation", "official", "langevin"])
def test_runs_repeat_and_seeds_differ(name: str, G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    sample, h = chains_of(G, E, C)[name], codes(1).expand(4, D)
    first = sample(h, 2, 7).codes
    torch.manual_seed(99)  # not where the noise comes from
    assert torch.equal(first, sample(h, 2, 7).codes)
    paths = torch.cat([first, sample(h, 2, 8).codes], 1).transpose(0, 1).flatten(1)
    assert bool((torch.cdist(paths, paths) + torch.eye(8) > 1e-6).all())  # eight chains from one start, all their own


def test_row_seeds_continue() -> None:
    assert row_seeds(3, 40)[:7] == row_seeds(3, 7) and not set(row_seeds(3, 40)) & set(row_seeds(4, 40))


def test_traces(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    h = codes()
    trace = mala_approx(lambda h: E(G(h)), G, C, h, 0, eps1=0.1, eps2=1, eps3=0.1, steps=7, keep=3)
    assert trace.steps.tolist() == [0, 3, 6, 7] and trace.codes.shape == (4, 3, D) and torch.equal(trace.codes[0], h)
    assert trace.images is not None and torch.allclose(trace.images, torch.stack([G(h) for h in trace.codes]))
    shorter = mala_approx(lambda h: E(G(h)), G, C, h, 0, eps1=0.1, eps2=1, eps3=0.1, steps=3)
    assert shorter.steps.tolist() == [3] and torch.equal(shorter.codes[0], trace.codes[1])
    assert not trace.codes.requires_grad and not trace.images.requires_grad


def test_modules_and_start_codes_are_left_as_they_were(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    first = double(nn.ReLU(inplace=True), nn.Linear(D, 9), nn.Unflatten(1, PIXELS))
    h = codes()
    before = [p.clone() for net in (first, E, C) for p in net.parameters()]
    start = h.clone()
    first[1].weight.grad = torch.ones_like(first[1].weight)
    for sample in chains_of(first, E, C).values():
        moved = sample(h, 1, 0).codes
        assert torch.equal(moved[0], start) and not torch.equal(moved[-1], start)
    assert torch.equal(h, start) and not h.requires_grad
    for was, now in zip(before, (p for net in (first, E, C) for p in net.parameters()), strict=True):
        assert torch.equal(was, now) and now.requires_grad
    assert bool((first[1].weight.grad == 1).all())
    assert all(p.grad is None for net in (E, C) for p in net.parameters())
    assert not any(net.training for net in (first, E, C))


def test_any_classifier_plugs_in(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    """Other labels, frozen or not, module or not: each leads the same R, G and start to what it calls class 1."""
    h, pairs = codes(), lambda x: torch.stack([C(x)[:, :2].logsumexp(1), C(x)[:, 2:].logsumexp(1)], 1)
    C.requires_grad_(False)
    ends = []
    for classifier in (C, pairs):
        trace = mala_approx(lambda h: E(G(h)), G, classifier, h, 1, eps1=1e-3, eps2=1, eps3=0, keep=200)
        assert trace.images is not None
        before, after = (classifier(x).softmax(1)[:, 1] for x in trace.images)
        assert bool((after > before).all())
        ends.append(trace.images[-1])
    assert bool((pairs(ends[1])[:, 1] > pairs(ends[0])[:, 1]).all())


# --- pitfalls -------------------------------------------------------------------------------------------------------


def test_start_codes_may_be_negative_where_real_ones_are_not(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    """h ~ N(0, I) though R gives only what a ReLU gives: the prior brings it there, clipping does in one step."""
    h, outside = -codes().abs(), lambda h: int((h < 0).sum())
    free = mala_approx(lambda h: E(G(h)), G, C, h, 0, eps1=0.5, eps2=0, eps3=0, steps=60).codes[-1]
    clipped = mala_approx(lambda h: E(G(h)), G, C, h, 0, eps1=1e-2, eps2=1, eps3=0, steps=1, clip=(0, 30)).codes[-1]
    assert outside(h) == h.numel() and free.min() > -1e-9 and outside(clipped) == 0


def test_training_mode_is_refused_since_rows_would_mix(G: nn.Module, E: nn.Module) -> None:
    norm = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9), nn.Linear(9, CLASSES)).double()
    run = lambda C: mala_approx(None, G, C, codes(), 0, eps1=0, eps2=1, eps3=0, steps=2)  # noqa: E731
    with pytest.raises(UserError, match=r"C is in training mode.*eval\(\)"):
        run(norm)
    assert norm.training and norm[1].num_batches_tracked == 0
    assert torch.isfinite(run(norm.eval()).codes).all() and norm[1].num_batches_tracked == 0
    with pytest.raises(UserError, match="R is in training mode"):
        mala_approx(nn.Linear(D, D).double(), G, None, codes(), 0, eps1=1, eps2=0, eps3=0)
    with pytest.raises(UserError, match="G is in training mode"):
        activation_maximisation(nn.Sequential(nn.Dropout(), *G), norm, codes(), 0, clip=None)
    with pytest.raises(UserError, match="energy is in training mode"):
        langevin(norm.train(), codes(), rate=0.1, steps=1)


def test_a_constant_scale_of_the_images_is_part_of_the_classifier(G: nn.Module, C: nn.Module) -> None:
    """A classifier of (x - .1307) / .3081 plugs into a G of [-1, 1] with its own normalisation in front."""
    normalised = lambda x: C(((x + 1) / 2 - 0.1307) / 0.3081)  # noqa: E731
    folded = double(nn.Flatten(), nn.Linear(9, 8), *C[2:])
    scale, shift = 0.5 / 0.3081, (0.5 - 0.1307) / 0.3081
    with torch.no_grad():
        folded[1].weight.copy_(C[1].weight * scale)
        folded[1].bias.copy_(C[1].bias + shift * C[1].weight.sum(1))
    h = codes()
    ends = [mala_approx(None, G, c, h, 2, eps1=0, eps2=1, eps3=0, steps=30).codes for c in (normalised, folded, C)]
    assert torch.allclose(ends[0], ends[1]) and not torch.allclose(ends[0], ends[2])


# --- what cannot be used --------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "codes without rows": ({"h": torch.zeros(D)}, "finite floats"),
    "no codes": ({"h": torch.zeros(0, D)}, "finite floats"),
    "codes of integers": ({"h": torch.zeros(3, D, dtype=torch.long)}, "finite floats"),
    "codes not finite": ({"h": torch.full((3, D), NAN)}, "finite floats"),
    "eps1": ({"eps1": NAN}, "eps1 must be a finite number"),
    "eps2": ({"eps2": INF}, "eps2 must be a finite number"),
    "eps3": ({"eps3": -1.0}, "standard deviation"),
    "rate": ({"rate": NAN}, "rate must be a finite number"),
    "last rate": ({"last_rate": INF}, "last_rate must be a finite number"),
    "no steps": ({"steps": 0}, "at least 1"),
    "keep": ({"keep": 0}, "at least 1"),
    "clip upside down": ({"clip": (30, 0)}, "clip takes"),
    "clip of nan": ({"clip": (0, NAN)}, "clip takes"),
    "clip of another shape": ({"clip": (0, torch.ones(D + 1))}, "clip takes"),
    "gradient": ({"gradient": "softmax"}, "no gradient 'softmax'; there are log-softmax"),
    "a class too many": ({"classes": CLASSES}, "class 5 is asked for"),
    "a class below 0": ({"classes": -1}, "a class is an integer"),
    "a class of a float": ({"classes": torch.tensor(1.0)}, "a class is an integer"),
    "classes of too few rows": ({"classes": [0, 1]}, "a class is an integer"),
    "seeds of too few rows": ({"seed": [1, 2]}, "3 rows need one seed"),
    "no R": ({"R": None}, "there is no R"),
    "no C": ({"C": None}, "there is no C"),
    "R to another shape": ({"R": lambda h: h[:, :1]}, r"R must give codes"),
    "C to one number": ({"C": lambda x: x.flatten(1).sum(1)}, r"C gave \(3,\)"),
    "C of fewer rows": ({"C": lambda x: x.flatten(1)[:1]}, "C gave"),
    "G detached": ({"G": lambda h: torch.ones(3, *PIXELS).double()}, "no gradient reaches"),
    "C detached": ({"C": lambda x: x.detach().flatten(1)}, "no gradient reaches"),
    "C to nan": ({"C": lambda x: x.flatten(1) * NAN}, "chain 0 left the finite numbers"),
    "a rate that explodes": ({"R": lambda h: h * 1e9}, "left the finite numbers"),
    "an image that does not fit": ({"context": Context(torch.ones(2, 3, 3), torch.ones(3, 3) > 0, 1.0)}, "a context"),
    "a mask of floats": ({"context": Context(torch.ones(PIXELS), torch.ones(3, 3), 1.0)}, "a context"),
    "eps4": ({"context": Context(torch.ones(PIXELS), torch.ones(3, 3) > 0, NAN)}, "eps4 must be a finite number"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_used(name: str, G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    changes, said = HOSTILE[name]
    arguments: dict[str, Any] = {
        "R": lambda h: E(G(h)), "G": G, "C": C, "h": codes(), "classes": 0, "eps1": 0.1, "eps2": 1.0, "eps3": 0.1,
    }  # fmt: skip
    with pytest.raises(UserError, match=said):
        mala_approx(**{**arguments, **changes})


def test_settings_that_no_chain_can_use_are_refused(G: nn.Module, C: nn.Module) -> None:
    square = lambda x: x.square().sum(1)  # noqa: E731
    for rate, temperature in ((0.0, 1.0), (-1.0, 1.0), (0.1, -1.0), (NAN, 1.0), (0.1, INF)):
        with pytest.raises(UserError, match=r"Langevin needs|finite number"):
            langevin(square, codes(), rate=rate, temperature=temperature, steps=1)
    with pytest.raises(UserError, match="one number per row"):
        langevin(torch.square, codes(), rate=0.1, steps=1)
    with pytest.raises(UserError, match="left the finite numbers"):
        langevin(lambda x: x.pow(4).sum(1), codes(), rate=10, steps=50)
    with pytest.raises(UserError, match="asked for"):
        activation_maximisation(G, C, codes(), [0, 9, 0], clip=None)
    with pytest.raises(UserError, match="decay must be"):
        activation_maximisation(G, C, codes(), 0, clip=None, decay=NAN)


def test_the_same_without_gradients_around(G: nn.Module, E: nn.Module, C: nn.Module) -> None:
    sample = chains_of(G, E, C)["equation"]
    with torch.inference_mode():
        h = codes()
        with pytest.raises(UserError, match="runs without gradients"):
            sample(h, 0, 0)
    with torch.no_grad():
        inside = sample(h, 0, 0).codes
    assert torch.equal(inside, sample(h, 0, 0).codes)
