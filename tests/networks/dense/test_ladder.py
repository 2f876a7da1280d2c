"""The ladder against an independent float64 transcription of its equations in numpy, and the bugs of public ports."""

from itertools import pairwise
from math import e, log

import numpy as np
import pytest
import torch
from close import assert_close_to_scale
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from energan.engine.optimizers import Adam, linear_decay
from energan.engine.rng import seeded
from energan.networks.dense.ladder import SIZES, Denoised, Ladder, denoising
from energan.networks.layers import BatchNorm, measure_batch_norm
from energan.networks.layers.ladder_combinators import AMLP, COMBINATORS, Gaussian, Sigmoid
from energan.utils.errors import UserError

SMALL = (5, 4, 3)
LAMBDAS = (1000.0, 10.0, 0.1)
LABELLED, UNLABELLED = 6, 7
every_combinator = pytest.mark.parametrize("combinator", COMBINATORS)


def small(combinator: str = "gaussian", seed: int = 0, gain: bool = True, dtype: torch.dtype = torch.float64) -> Ladder:
    """Every weight random, so that none hides behind a 0 or a 1."""
    with seeded(seed):
        net = Ladder(SMALL, combinator=combinator, gain=gain).to(dtype)
        for w in net.parameters():
            w.data.add_(0.3 * torch.randn_like(w))
    return net


def rows(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """x in [-1, 1], noise, and labels of the first rows."""
    with seeded(seed):
        x = 2 * torch.rand(LABELLED + UNLABELLED, SMALL[0], dtype=torch.float64) - 1
        return x, 0.3 * torch.randn(len(x), sum(SMALL), dtype=torch.float64), torch.arange(LABELLED) % SMALL[-1]


def cost(net: Ladder, weights: dict[str, Tensor], x: Tensor, noise: Tensor, y: Tensor, lambdas=LAMBDAS) -> Tensor:
    logits, costs = functional_call(net, weights, (x, noise, len(y)))
    return cross_entropy(logits, y) + denoising(costs, lambdas)


def learning(net: Ladder) -> dict[str, Tensor]:
    return {k: w.detach().clone() for k, w in net.named_parameters()}


# ---- the equations again, in numpy -------------------------------------------------------------------------


def np_bn(a):
    return (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-10)


def np_sigmoid(a):
    return 1 / (1 + np.exp(-a))


def np_softmax(a):
    raised = np.exp(a - a.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def np_combine(w, kind, level, z, u):
    own = f"combinators.{level}."
    if kind == "gaussian":
        a = w[own + "a"]
        mu = a[0] * np_sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
        v = a[5] * np_sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
        return (z - mu) * v + mu
    if kind == "sigmoid":
        a = w[own + "a"]
        inner = a[5] + a[6] * z + a[7] * u + a[8] * z * u
        return a[0] + a[1] * z + a[2] * u + a[3] * z * u + a[4] * np_sigmoid(inner)
    hidden = np.einsum("nwi,hi->nwh", np.stack([u, z, u * z], 2), w[own + "net.0.weight"]) + w[own + "net.0.bias"]
    hidden = np.maximum(hidden, 0.1 * hidden)
    return hidden @ w[own + "net.2.weight"][0] + w[own + "net.2.bias"][0]


def np_logits(w, z):
    return w.get("gamma", 1.0) * (z + w["beta.1"])


def np_ladder(w, kind, x, noise):
    """(logits of the labelled rows, mean costs of layers 0, 1, 2); a layer is a few lines, and there are two."""
    x = (x + 1) / 2
    n0, n1, n2 = noise[:, :5], noise[:, 5:9], noise[:, 9:]
    labelled, unlabelled = slice(None, LABELLED), slice(LABELLED, None)

    def encode(rows, with_noise):
        a, b, c = (with_noise * n[rows] for n in (n0, n1, n2))
        z0 = x[rows] + a
        pre1 = z0 @ w["up.0.weight"].T
        z1 = np_bn(pre1) + b
        pre2 = np.maximum(z1 + w["beta.0"], 0) @ w["up.1.weight"].T
        return z0, z1, np_bn(pre2) + c, pre1, pre2

    logits = np_logits(w, encode(labelled, 1)[2])
    t0, t1, t2, _, _ = encode(unlabelled, 1)
    z0, z1, z2, pre1, pre2 = encode(unlabelled, 0)
    e2 = np_combine(w, kind, 2, t2, np_bn(np_softmax(np_logits(w, t2))))
    e1 = np_combine(w, kind, 1, t1, np_bn(e2 @ w["down.1.weight"].T))
    e0 = np_combine(w, kind, 0, t0, np_bn(e1 @ w["down.0.weight"].T))
    e1 = (e1 - pre1.mean(0)) / np.sqrt(pre1.var(0) + 1e-10)
    e2 = (e2 - pre2.mean(0)) / np.sqrt(pre2.var(0) + 1e-10)
    return logits, [((z - est) ** 2).sum(1).mean() / z.shape[1] for z, est in ((z0, e0), (z1, e1), (z2, e2))]


def np_cost(w, kind, x, noise, y, lambdas=LAMBDAS):
    logits, costs = np_ladder(w, kind, x, noise)
    likelihood = np_softmax(logits)[np.arange(len(y)), y]
    return -np.log(likelihood).mean() + sum(weight * c for weight, c in zip(lambdas, costs, strict=True))


def as_numpy(net: Ladder) -> dict[str, np.ndarray]:
    return {k: w.numpy() for k, w in learning(net).items()}


@every_combinator
@pytest.mark.parametrize("gain", [True, False])
def test_forward_is_the_equations(combinator, gain):
    net = small(combinator, gain=gain)
    x, noise, _ = rows()
    logits, costs = net(x, noise, LABELLED)
    expected_logits, expected_costs = np_ladder(as_numpy(net), combinator, x.numpy(), noise.numpy())
    np.testing.assert_allclose(logits.detach().numpy(), expected_logits, rtol=0, atol=1e-10)
    assert [c.shape for c in costs] == [(UNLABELLED,)] * 3
    np.testing.assert_allclose([c.mean().item() for c in costs], expected_costs, rtol=1e-9)


@every_combinator
@pytest.mark.parametrize("lambdas", [LAMBDAS, (5000.0, 0.0, 0.0), (0.0, 0.0, 0.5)], ids=["full", "bottom", "gamma"])
def test_gradients_are_finite_differences_of_the_equations(combinator, lambdas):
    net = small(combinator)
    x, noise, y = rows()
    slopes = grad(lambda w: cost(net, w, x, noise, y, lambdas))(learning(net))
    w, h = as_numpy(net), 1e-6
    for name, slope in slopes.items():
        for i in np.ndindex(w[name].shape):
            start, ends = w[name][i], []
            for shift in (h, -h):
                w[name][i] = start + shift
                ends.append(np_cost(w, combinator, x.numpy(), noise.numpy(), y.numpy(), lambdas))
            w[name][i] = start
            scale = max(1.0, *lambdas)
            assert slope[i].item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-8 * scale), name


def test_the_gradient_reaches_samples_as_rows_and_as_targets():
    """What an EBGAN whose D is a ladder asks of it: C_0 of G's samples, per row."""
    net, (x, noise, _) = small(), rows()
    slope = grad(lambda x: net(x, noise, LABELLED).costs[0].sum())(x)
    assert bool((slope[:LABELLED] == 0).all())
    w, h, i = as_numpy(net), 1e-6, (LABELLED + 2, 3)
    ends = []
    for shift in (h, -h):
        moved = x.numpy().copy()
        moved[i] += shift
        ends.append(UNLABELLED * np_ladder(w, "gaussian", moved, noise.numpy())[1][0])
    assert slope[i].item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


# ---- bugs of public ports, and what else deviates ----------------------------------------------------------


def test_the_supervised_cost_is_of_logits():
    """A softmax before the cross-entropy keeps it above ln(e + 9) - 1 = 1.461 for ten classes."""
    with seeded(0):
        net = Ladder((5, 10)).double()
    net.gamma.data.fill_(30.0)
    x, noise = rows()[0], torch.zeros(13, 15, dtype=torch.float64)
    logits = net(x, noise, LABELLED).logits
    y = logits.argmax(1)
    assert cross_entropy(logits.softmax(1), y) > log(e + 9) - 1 - 1e-9
    assert cross_entropy(logits, y) < 0.5


def test_the_gradient_flows_through_the_statistics():
    """What is normalised does not change with the scale of W: the slope along W is 0, unless they are detached."""
    net, (x, noise, y) = small(), rows()
    cross_entropy(net(x, noise, LABELLED).logits, y).backward()
    for layer in net.up:
        assert layer.weight.grad.abs().max() > 1e-3
        along = (layer.weight.grad * layer.weight).sum(1)
        assert along.abs().max() < 1e-6


def test_clean_statistics_and_targets_know_no_noise():
    """Fresh Gaussian combinators give 0, so the costs are of the clean path alone: mean (z + mu / sigma)^2."""
    with seeded(0):
        net = Ladder(SMALL).double()
    x, noise, _ = rows()
    quiet, loud = (net(x, scale * noise, LABELLED).costs for scale in (0.0, 10.0))
    h = (x[LABELLED:] + 1) / 2
    expected = [h.square().mean(1)]
    for layer in net.up:
        before = layer(h)
        expected.append((before / before.var(0, correction=0).sqrt()).square().mean(1))
        h = ((before - before.mean(0)) / before.var(0, correction=0).sqrt()).relu()
    for a, b, c in zip(quiet, loud, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        torch.testing.assert_close(a, c, rtol=1e-7, atol=1e-7)


def test_estimates_are_divided_by_the_standard_deviation_and_pixels_are_not_normalised():
    """An estimate of 0 costs mean(pre^2) / sigma^2 on average: 1 + mu^2 / sigma^2, whatever the scale of W.

    Divided by the variance instead, it would change with that scale. The pixels' costs mean(x^2) in [0, 1] units.
    """
    with seeded(0):
        net = Ladder(SMALL).double()
    x, noise, _ = rows()
    before = net(x, noise, LABELLED).costs
    for layer in net.up:
        layer.weight.data.mul_(7.0)
    after = net(x, noise, LABELLED).costs
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)
    torch.testing.assert_close(before[0], ((x[LABELLED:] + 1) / 2).square().mean(1), rtol=1e-12, atol=0)


def test_adam_keeps_its_moments_while_the_rate_decays():
    """Rebuilt for each new rate it would forget them, and step by the whole rate again."""
    net, (x, noise, y) = small(), rows()
    adam, weights, theirs = Adam(0.002, schedule=linear_decay(2, 6)), learning(net), list(net.parameters())
    torch_adam = torch.optim.Adam(theirs, lr=0.002)
    decay = torch.optim.lr_scheduler.LambdaLR(torch_adam, adam.schedule)
    moments = adam.init(weights)
    for t in range(6):
        slopes = grad(lambda w: cost(net, w, x, noise, y))(weights)
        weights, moments = adam.step(weights, slopes, moments, adam.schedule(t))
        torch_adam.zero_grad()
        cost(net, dict(net.named_parameters()), x, noise, y).backward()
        torch_adam.step()
        decay.step()
    assert {int(c) for c in moments["count"].values()} == {6}
    for k, w in net.named_parameters():
        assert_close_to_scale(weights[k], w, rtol=1e-9)


def test_labelled_and_unlabelled_rows_are_normalised_apart():
    net, (x, noise, _) = small(), rows()
    both = net(x, noise, LABELLED)
    other = x.clone()
    other[LABELLED:] *= -0.5
    assert_close_to_scale(net(other, noise, LABELLED).logits, both.logits, rtol=1e-12)
    other = x.clone()
    other[:LABELLED] *= -0.5
    for a, b in zip(net(other, noise, LABELLED).costs, both.costs, strict=True):
        assert_close_to_scale(a, b, rtol=1e-12)


def test_either_kind_of_rows_may_be_missing():
    net, (x, noise, _) = small(), rows()
    both = net(x, noise, LABELLED)
    supervised = net(x[:LABELLED], noise[:LABELLED], LABELLED)
    torch.testing.assert_close(supervised.logits, both.logits)
    assert supervised.costs == ()
    samples = net(x[LABELLED:], noise[LABELLED:])
    assert samples.logits.shape == (0, 3)
    torch.testing.assert_close(samples.costs, both.costs)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_lowest_costs_alone_are_those_of_all(depth):
    net, (x, noise, _) = small(), rows()
    every, few = (net(x, noise, LABELLED, d) for d in (None, depth))
    assert len(few.costs) == depth
    torch.testing.assert_close(few.logits, every.logits, rtol=0, atol=0)
    assert_close_to_scale(torch.stack(few.costs), torch.stack(every.costs[:depth]), rtol=1e-12)
    weights = [w for w in net.parameters() if w.requires_grad]
    slopes = [torch.autograd.grad(out.costs[depth - 1].sum(), weights, allow_unused=True) for out in (every, few)]
    for a, b in zip(*slopes, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert_close_to_scale(a, b, rtol=1e-12)


def test_training_writes_nothing():
    net, (x, noise, _) = small(), rows()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    first = net(x, noise, LABELLED)
    torch.testing.assert_close(net(x, noise, LABELLED), first, rtol=0, atol=0)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


# ---- for use -----------------------------------------------------------------------------------------------


def test_in_use_the_clean_path_has_standing_statistics():
    net, (x, _, _) = small(), rows()
    measure_batch_norm([net], lambda: net(x), 1)
    w = as_numpy(net)
    pre1 = (x.numpy() + 1) / 2 @ w["up.0.weight"].T
    z1 = (pre1 - pre1.mean(0)) / np.sqrt(pre1.var(0) + 1e-5)
    pre2 = np.maximum(z1 + w["beta.0"], 0) @ w["up.1.weight"].T
    expected = np_logits(w, (pre2 - pre2.mean(0)) / np.sqrt(pre2.var(0) + 1e-5))
    with torch.no_grad():
        np.testing.assert_allclose(net.predict(x).numpy(), expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(net(x[3:4]).numpy(), expected[3:4], rtol=0, atol=1e-9)  # no neighbours needed
        assert net(x[:0]).shape == (0, 3)


def test_images_are_flattened_here():
    net, (x, noise, _) = small(), rows()
    net.eval()
    images = x.view(-1, 1, 1, 5)
    torch.testing.assert_close(net(images), net(x))
    torch.testing.assert_close(net(images, noise, LABELLED), net(x, noise, LABELLED))


# ---- many at once, compiled, mixed precision ---------------------------------------------------------------


@every_combinator
def test_many_at_once_do_as_each_alone(combinator):
    nets = [small(combinator, seed) for seed in range(3)]
    weights = {k: torch.stack([learning(net)[k] for net in nets]) for k in learning(nets[0])}
    x, noise, y = (torch.stack(parts) for parts in zip(*(rows(seed) for seed in range(3)), strict=True))
    slopes = vmap(grad(lambda w, x, noise, y: cost(nets[0], w, x, noise, y)))(weights, x, noise, y)
    for i, net in enumerate(nets):
        cost(net, dict(net.named_parameters()), x[i], noise[i], y[i]).backward()
        for k, w in net.named_parameters():
            assert_close_to_scale(slopes[k][i], w.grad, rtol=1e-9)
    torch.testing.assert_close(vmap(lambda w, x: functional_call(nets[0], w, (x,)))(weights, x)[1], nets[1](x[1]))


@pytest.mark.parametrize("combinator", ["gaussian", "amlp"])
def test_compiles_without_graph_breaks(combinator, compile_cheaply):
    net, (x, noise, y) = small(combinator), rows()
    plain = cost(net, learning(net), x, noise, y)

    def loss(x, noise):
        logits, costs = net(x, noise, LABELLED)
        return cross_entropy(logits, y) + denoising(costs, LAMBDAS)

    compiled = torch.compile(loss, fullgraph=True)(x, noise)
    compiled.backward()
    torch.testing.assert_close(compiled, plain)
    assert net.up[0].weight.grad.abs().max() > 0
    net.eval()
    torch.testing.assert_close(torch.compile(net, fullgraph=True)(x), net(x))


def test_costs_are_wide_under_autocast():
    net, (x, noise, _) = small(dtype=torch.float32), rows()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, costs = net(x.float(), noise.float(), LABELLED)
    expected = net(x.float(), noise.float(), LABELLED)
    assert logits.dtype == torch.float32 and {c.dtype for c in costs} == {torch.float32}
    torch.testing.assert_close(logits, expected.logits, rtol=0.1, atol=0.1)


def test_constant_pixels_and_dead_units_are_finite():
    net = small(dtype=torch.float32)
    net.beta[0].data.fill_(-100.0)  # no hidden unit fires: variance 0 above
    x = torch.full((8, 5), -1.0)
    weights = learning(net)
    y = torch.tensor([0, 1])
    value = cost(net, weights, x, torch.zeros(8, 12), y)
    slopes = grad(lambda w: cost(net, w, x, torch.zeros(8, 12), y))(weights)
    assert value.isfinite() and all(bool(s.isfinite().all()) for s in slopes.values())


# ---- weights, combinators, costs ---------------------------------------------------------------------------


def test_the_papers_ladder():
    net = Ladder()
    pairs = list(pairwise(SIZES))
    products = sum(a * b for a, b in pairs)
    assert sum(w.numel() for w in net.parameters()) == 2 * products + sum(SIZES[1:]) + 10 + 10 * sum(SIZES)
    for (a, b), up, down in zip(pairs, net.up, net.down, strict=True):
        assert up.weight.std().item() == pytest.approx(a**-0.5, rel=0.1)
        assert down.weight.std().item() == pytest.approx(b**-0.5, rel=0.1)
    assert [type(m) for m in net.norms] == [BatchNorm] * 6 and not list(net.norms.parameters())


@pytest.mark.parametrize("hidden", [(4,), (2, 2, 2), (3, 5)])
def test_combinators_at_the_start(hidden):
    z, u = torch.randn(6, 4), torch.randn(6, 4)
    assert bool((Gaussian(4)(z, u) == 0).all())
    torch.testing.assert_close(Sigmoid(4)(z, u), z + z.sigmoid())
    torch.testing.assert_close(AMLP(4, hidden, std=0.0)(z, u), z)
    noisy = AMLP(4, hidden)(z, u)
    assert 0 < (noisy - z).abs().mean() < 0.3


def test_combinators_are_of_each_unit():
    """Unit i's estimate depends on its own z~ and u, by its own numbers (AMLP's are its layer's)."""
    z, u = torch.randn(6, 4), torch.randn(6, 4)
    for build in (Gaussian, Sigmoid, AMLP):
        g = build(4)
        for w in g.parameters():
            w.data.normal_()
        moved = u.clone()
        moved[:, 2] += 1
        assert (g(z, moved) != g(z, u)).any(0).tolist() == [False, False, True, False]
    gaussian = Gaussian(4)
    gaussian.a.data[4, 1] = 3.0
    assert gaussian(z, u)[0].tolist() == [0, 3, 0, 0]


def test_denoising_by_hand():
    costs = (torch.tensor([1.0, 3.0]), torch.tensor([4.0, 6.0]), torch.tensor([0.5, 0.5]))
    assert denoising(costs, (10, 1.0, 0.2)).item() == pytest.approx(25.1)
    assert denoising(costs, (0, 0, 2.0)).item() == 1
    assert denoising(costs, (0, 0, 0)).item() == 0
    assert denoising(costs, (0, torch.tensor(2.0), 0)).item() == 10


def test_a_term_of_weight_0_costs_no_gradient():
    """The bottom cost alone still trains the whole decoder; the top one none of it below."""
    x, noise, _ = rows()
    for lambdas, reached in (((1.0, 0, 0), True), ((0, 0, 1.0), False)):
        net = small()
        denoising(net(x, noise, LABELLED).costs, lambdas).backward()
        assert all((layer.weight.grad is not None) == reached for layer in net.down)


# ---- hostile input -----------------------------------------------------------------------------------------


def test_what_cannot_be_built():
    with pytest.raises(UserError, match="sizes"):
        Ladder((5,))
    with pytest.raises(UserError, match="sizes"):
        Ladder((5, 0, 3))
    with pytest.raises(UserError, match="there are gaussian"):
        Ladder(SMALL, combinator="vanilla")
    for hidden in ((), (1,), (4, 1)):
        with pytest.raises(UserError, match="2 units or more"):
            AMLP(3, hidden)


def test_what_cannot_be_denoised():
    net, (x, noise, _) = small(), rows()
    for bad in (noise[:, :-1], noise[:-1], noise[:1]):
        with pytest.raises(UserError, match="noise"):
            net(x, bad, LABELLED)
    for labelled in (-1, 1, len(x) - 1, len(x) + 1):
        with pytest.raises(UserError, match="at least 2"):
            net(x, noise, labelled)
    with pytest.raises(ValueError, match="lambdas"):
        denoising(net(x, noise, LABELLED).costs, (1.0, 2.0))
    assert isinstance(net(x, noise, LABELLED), Denoised)
