"""Each term against values by hand, and against a property that holds for all inputs."""

from math import exp, log, log1p, pi, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shape_checks import untyped
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils._python_dispatch import TorchDispatchMode

from energan.losses import adversarial
from energan.losses.contrastive_energy import LOSSES
from energan.losses.energy import convert_margin, energy, hinge, pulling_away

KINDS = ("l2", "ssq", "mse")


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def double_loop(code: Tensor) -> float:
    """Eq. 14 as it is printed."""
    n, total = len(code), 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += float(code[i] @ code[j] / (code[i].norm() * code[j].norm())) ** 2
    return total / (n * (n - 1))


# --- energy -------------------------------------------------------------------------------------------------


def test_energy_by_hand():
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    reconstruction = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[1.0, -1.0], [1.0, -1.0]]])
    # differences (0, 0, 3, 4) and (1, -1, 1, -1)
    assert energy(x, reconstruction).tolist() == pytest.approx([5.0, 2.0])
    assert energy(x, reconstruction, "ssq").tolist() == pytest.approx([25.0, 4.0])
    assert energy(x, reconstruction, "mse").tolist() == pytest.approx([6.25, 1.0])


@given(n=st.integers(1, 4), c=st.integers(1, 3), h=st.integers(1, 5), seed=st.integers(0, 99))
def test_energies_differ_by_their_units_only(n: int, c: int, h: int, seed: int):
    x, r = rows(n, c * h * h, seed).view(n, c, h, h), rows(n, c * h * h, seed + 100).view(n, c, h, h)
    l2, ssq, mse = (energy(x, r, kind) for kind in KINDS)
    assert torch.allclose(l2**2, ssq) and torch.allclose(mse * c * h * h, ssq)
    assert bool((l2 >= 0).all())
    # a sample's energy does not depend on its neighbours
    assert torch.equal(energy(x[:1], r[:1]), l2[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_energy_gradient_reaches_the_target_too(kind):
    x = rows(3, 4, 1).requires_grad_()
    reconstruction = rows(3, 4, 2).requires_grad_()
    grad_x, grad_r = torch.autograd.grad(energy(x, reconstruction, kind).sum(), (x, reconstruction))
    assert float(grad_r.abs().min()) > 0
    assert torch.equal(grad_x, -grad_r)  # E depends on the difference alone
    assert torch.autograd.gradcheck(lambda a, b: energy(a, b, kind), (x, reconstruction))


@pytest.mark.parametrize("kind", KINDS)
def test_energy_of_a_perfect_reconstruction_has_a_finite_gradient(kind):
    x = torch.ones(2, 3).requires_grad_()
    value = energy(x, torch.ones(2, 3), kind)
    value.sum().backward()
    assert value.tolist() == pytest.approx([0, 0], abs=2e-6)
    assert x.grad is not None and bool((x.grad == 0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_energy_of_bfloat16_is_float32_and_exact(kind):
    x, r = rows(2, 3000).to(torch.bfloat16), rows(2, 3000, 1).to(torch.bfloat16)
    value = energy(x, r, kind)
    assert value.dtype == torch.float32
    assert torch.allclose(value.double(), energy(x.double(), r.double(), kind), rtol=1e-5)
    assert energy(rows(2, 3), rows(2, 3), kind).dtype == torch.float64


# --- margins ------------------------------------------------------------------------------------------------

# setting: d, m, ssq, mse of the reference table; its last digits are rounded
MARGINS = {
    "MNIST 32": (1024, 10, 100, 0.0977),
    "CelebA 64": (12288, 20, 400, 0.03255),
    "LSUN 64": (12288, 80, 6400, 0.5208),
    "ImageNet 128": (49152, 40, 1600, 0.03255),
    "ImageNet 256": (196608, 80, 6400, 0.03255),
}


@pytest.mark.parametrize(("d", "m", "ssq", "mse"), MARGINS.values(), ids=MARGINS)
def test_margins_of_the_paper_in_other_units(d, m, ssq, mse):
    assert convert_margin(m, d, "l2", "ssq") == pytest.approx(ssq)
    assert convert_margin(m, d, "l2", "mse") == pytest.approx(mse, rel=6e-4)
    assert convert_margin(ssq, d, "ssq", "l2") == pytest.approx(m)
    assert convert_margin(mse, d, "mse", "ssq") == pytest.approx(ssq, rel=6e-4)


@pytest.mark.parametrize(
    ("m", "mse"),
    [(1, 0.001), (2, 0.0039), (4, 0.0156), (6, 0.0352), (8, 0.0625), (12, 0.141), (16, 0.25), (32, 1.0)],
)
def test_margins_of_figure_9(m, mse):
    assert convert_margin(m, 1024, "l2", "mse") == pytest.approx(mse, rel=0.03)


@given(st.floats(1e-3, 1e3), st.integers(1, 10**6), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_margin_converts_back(m, d, source, target):
    assert convert_margin(convert_margin(m, d, source, target), d, target, source) == pytest.approx(m)


@given(st.floats(0.1, 20), st.sampled_from(KINDS))
def test_hinge_switches_off_at_the_same_reconstruction_in_every_unit(m, kind):
    x, r = rows(8, 50), rows(8, 50, 3) * torch.linspace(0, 2, 8, dtype=torch.float64)[:, None]
    converted = torch.tensor(convert_margin(m, 50, "l2", kind), dtype=torch.float64)
    active = hinge(torch.tensor(m, dtype=torch.float64), energy(x, r)) > 0
    assert torch.equal(hinge(converted, energy(x, r, kind)) > 0, active)


def test_margin_20_on_mean_mse_never_switches_the_hinge_off():
    """Of images in [-1, 1] the largest mean-MSE is 4: a margin taken for the wrong unit is always active."""
    worst = energy(torch.ones(1, 12288), -torch.ones(1, 12288), "mse")
    assert worst.item() == pytest.approx(4.0)
    assert hinge(torch.tensor(20.0), worst).item() == pytest.approx(16.0)
    assert hinge(torch.tensor(convert_margin(20, 12288, "l2", "mse")), worst).item() == 0


def test_hinge_is_taken_per_sample():
    pushed = hinge(torch.tensor(10.0), torch.tensor([0.0, 4.0, 10.0, 26.0]))
    assert pushed.tolist() == [10, 6, 0, 0]
    assert pushed.mean() == 4  # on the batch's mean, 10, it would be 0


def test_hinge_gradient_is_minus_one_below_the_margin_and_zero_above():
    e = torch.tensor([1.0, 9.0, 11.0], requires_grad=True)
    hinge(torch.tensor(10.0), e).sum().backward()
    assert e.grad is not None and e.grad.tolist() == [-1, -1, 0]


# --- the pulling-away term ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(5, 12), (12, 5), (7, 7), (2, 1), (2, 40)])
def test_pulling_away_is_equation_14(n, d):
    code = rows(n, d)
    assert pulling_away(code).item() == pytest.approx(double_loop(code), rel=1e-10)


def test_pulling_away_by_hand():
    assert pulling_away(torch.eye(4)).item() == pytest.approx(0, abs=1e-7)
    assert pulling_away(torch.eye(4, 9)).item() == pytest.approx(0, abs=1e-7)
    assert pulling_away(torch.ones(6, 3)).item() == pytest.approx(1, abs=1e-6)
    # angles of 60 degrees between two of three: cos^2 = 1/4, the third is orthogonal to both
    code = torch.tensor([[1.0, 0, 0], [0.5, sqrt(3) / 2, 0], [0, 0, 2.0]])
    assert pulling_away(code).item() == pytest.approx(2 * 0.25 / 6, abs=1e-7)


def test_pulling_away_squares_the_cosines():
    """Without the square, opposite codes would cancel: a mistake of two public implementations."""
    opposite = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
    assert pulling_away(opposite).item() == pytest.approx(1, abs=1e-6)
    half = torch.tensor([[1.0, 0.0], [0.5, sqrt(3) / 2]])
    assert pulling_away(half).item() == pytest.approx(0.25, abs=1e-6)  # unsquared: 0.5


@given(
    n=st.integers(2, 9),
    d=st.integers(1, 9),
    seed=st.integers(0, 999),
    scale=st.lists(st.sampled_from([-3.0, -1.0, 0.01, 1.0, 50.0]), min_size=9, max_size=9),
)
def test_pulling_away_is_in_0_1_and_ignores_scale_sign_and_order(n, d, seed, scale):
    code = rows(n, d, seed)
    value = pulling_away(code)
    assert -1e-12 <= value.item() <= 1 + 1e-12
    assert torch.allclose(pulling_away(code * torch.tensor(scale[:n], dtype=code.dtype)[:, None]), value, atol=1e-10)
    assert torch.allclose(pulling_away(code.flip(0)), value, atol=1e-12)


@pytest.mark.parametrize("d", [16, 100])
def test_pulling_away_of_isotropic_codes_is_one_over_d(d):
    assert pulling_away(rows(1500, d)).item() == pytest.approx(1 / d, rel=0.02)


def test_pulling_away_of_non_negative_codes_has_a_floor():
    """Cosines of ReLU'd Gaussians tend to 1/pi, of absolute ones to 2/pi: prefer pre-activation codes."""
    code = rows(500, 4000)
    assert pulling_away(code.relu()).item() == pytest.approx(1 / pi**2, rel=0.01)
    assert pulling_away(code.abs()).item() == pytest.approx(4 / pi**2, rel=0.01)


def test_pulling_away_flattens_the_codes():
    code = rows(4, 24)
    assert torch.allclose(pulling_away(code.view(4, 6, 2, 2)), pulling_away(code))


def test_pulling_away_of_zero_codes_is_finite():
    """A zero code has no direction: it counts as orthogonal to all, and its gradient is finite."""
    code = torch.cat([torch.zeros(1, 3), torch.ones(2, 3)]).requires_grad_()
    value = pulling_away(code)
    value.backward()
    assert value.item() == pytest.approx(2 / 6)  # one pair of three, counted twice
    assert code.grad is not None and bool(code.grad.isfinite().all())
    assert pulling_away(torch.zeros(3, 2)).item() == 0


def test_pulling_away_needs_pairs():
    with pytest.raises(ValueError, match="at least 2"):
        pulling_away(torch.ones(1, 4))


@pytest.mark.parametrize(("n", "d"), [(3, 5), (5, 3)])
def test_pulling_away_gradient(n, d):
    assert torch.autograd.gradcheck(pulling_away, (rows(n, d).requires_grad_(),))


@pytest.mark.parametrize(("n", "d"), [(16, 256), (64, 16)])
def test_pulling_away_is_wide_under_autocast(n, d):
    code = rows(n, d).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        value = pulling_away(code)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(double_loop(code.double()), rel=1e-4)


class Largest(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor made."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.numel = max(self.numel, out.numel())
        return out


@pytest.mark.parametrize(("n", "d"), [(8, 300), (300, 8)])
def test_pulling_away_never_holds_n_n_d_numbers(n, d):
    code = torch.randn(n, d, requires_grad=True)
    with Largest() as largest:
        pulling_away(code).backward()
    assert 0 < largest.numel <= n * d


# --- adversarial --------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=6), st.sampled_from([0.0, 0.1, 0.25]))
def test_adversarial_losses_are_cross_entropies(logits: list[float], smoothing: float):
    real, fake = (
        torch.tensor(logits, dtype=torch.float64),
        torch.tensor(logits[::-1], dtype=torch.float64) / 2,
    )
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    expected = bce(real, one * (1 - smoothing)) + bce(fake, zero)
    assert torch.allclose(adversarial.discriminator(real, fake, smoothing), expected)
    assert torch.allclose(adversarial.non_saturating(fake), bce(fake, one))
    assert torch.allclose(adversarial.minimax(fake), -bce(fake, zero))


def test_adversarial_losses_by_hand():
    undecided = torch.zeros(3)
    assert adversarial.discriminator(undecided, torch.zeros(5)).item() == pytest.approx(2 * log(2))
    assert adversarial.minimax(undecided).item() == pytest.approx(-log(2))
    assert adversarial.non_saturating(undecided).item() == pytest.approx(log(2))
    # D(x) = 3/4, D(G(z)) = 1/4
    real, fake = torch.tensor([log(3)]), torch.tensor([-log(3)])
    assert adversarial.discriminator(real, fake).item() == pytest.approx(-2 * log(3 / 4))
    assert adversarial.discriminator(real, fake, 0.1).item() == pytest.approx(
        -0.9 * log(3 / 4) - 0.1 * log(1 / 4) - log(3 / 4)
    )


def test_smoothing_is_one_sided():
    """The real samples' optimum moves to D(x) = 1 - smoothing; that of the fakes stays at 0."""
    real = torch.tensor([log(0.9 / 0.1)], requires_grad=True)
    fake = torch.tensor([0.0], requires_grad=True)
    adversarial.discriminator(real, fake, torch.tensor(0.1)).backward()
    assert real.grad is not None and real.grad.item() == pytest.approx(0, abs=1e-6)
    assert fake.grad is not None and fake.grad.item() == pytest.approx(0.5)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_logits_stay_finite(size):
    logits = torch.full((2,), size, requires_grad=True)
    losses = (
        adversarial.discriminator(logits, logits),
        adversarial.minimax(logits),
        adversarial.non_saturating(logits),
    )
    for loss in losses:
        assert bool(torch.autograd.grad(loss, logits)[0].isfinite().all()) and bool(loss.isfinite())
    assert losses[0].item() == pytest.approx(1e4)


def test_where_d_is_sure_only_the_non_saturating_loss_has_a_gradient():
    sure = torch.tensor([-30.0], requires_grad=True)
    assert torch.autograd.grad(adversarial.minimax(sure), sure)[0].item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(adversarial.non_saturating(sure), sure)[0].item() == pytest.approx(-1)


def test_adversarial_losses_of_bfloat16_logits_are_float32():
    logits = torch.ones(4, dtype=torch.bfloat16)
    for loss in (
        adversarial.discriminator(logits, logits),
        adversarial.minimax(logits),
        adversarial.non_saturating(logits),
    ):
        assert loss.dtype == torch.float32


def test_evidence_by_hand_and_its_losses_are_those_of_k_plus_1_classes():
    logits = rows(5, 3)
    assert adversarial.evidence(torch.tensor([[log(1), log(2), log(5)]])).item() == pytest.approx(log(8))
    fake = torch.cat([logits, torch.zeros(5, 1, dtype=torch.float64)], 1).softmax(1)[:, 3]  # of class K + 1
    reading = adversarial.evidence(logits)
    assert torch.allclose(adversarial.probability(reading), 1 - fake)
    assert torch.allclose(adversarial.discriminator(reading, reading), -(1 - fake).log().mean() - fake.log().mean())
    assert torch.allclose(adversarial.minimax(reading), fake.log().mean())


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_evidence_of_large_logits_stays_finite(size):
    logits = torch.full((2, 10), size, requires_grad=True)
    loss = adversarial.discriminator(*adversarial.evidence(logits).split(1))
    assert bool(loss.isfinite()) and bool(torch.autograd.grad(loss, logits)[0].isfinite().all())
    narrow = adversarial.evidence(torch.ones(2, 10, dtype=torch.bfloat16))
    assert narrow.dtype == torch.float32 and narrow.tolist() == pytest.approx([1 + log(10)] * 2)


# --- critics ------------------------------------------------------------------------------------------------


def test_critics_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0])
    assert adversarial.wasserstein(real, fake).item() == pytest.approx(-1.5 - 0.5)
    assert adversarial.critic_generator(fake).item() == pytest.approx(1.5)
    assert adversarial.hinge_discriminator(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1) / 2)
    squares = ((1 + 0.25 + 4) / 3 + (9 + 0) / 2) / 2
    assert adversarial.least_squares_discriminator(real, fake).item() == pytest.approx(squares)
    assert adversarial.least_squares_generator(fake).item() == pytest.approx((16 + 1) / 2 / 2)
    pairs = (log1p(exp(-5)) + log1p(exp(-0.5))) / 2  # 2 - -3 and 0.5 - 0
    assert adversarial.relativistic(real[:2], fake).item() == pytest.approx(pairs)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=6), st.floats(-50, 50))
def test_only_differences_count_for_wasserstein_and_relativistic_pairs(outputs: list[float], shift: float):
    real, fake = torch.tensor(outputs, dtype=torch.float64), torch.tensor(outputs[::-1], dtype=torch.float64) * 2
    for loss in (adversarial.wasserstein, adversarial.relativistic):
        assert torch.allclose(loss(real + shift, fake + shift), loss(real, fake))
    # swapped, relativistic is the generator's; of equal outputs both players are undecided
    difference = (real - fake).mean()
    swapped = adversarial.relativistic(fake, real)
    assert torch.allclose(swapped - adversarial.relativistic(real, fake), difference)
    assert adversarial.relativistic(real, real).item() == pytest.approx(log(2))


def test_relativistic_pairs_are_not_all_pairs():
    real, fake = torch.tensor([10.0, -10.0]), torch.tensor([-10.0, 10.0])
    assert adversarial.relativistic(real, fake).item() == pytest.approx((0 + 20) / 2)
    assert adversarial.relativistic(real, fake.flip(0)).item() == pytest.approx(log(2))


def test_the_hinge_is_taken_per_sample_and_stops_beyond_one():
    real, fake = torch.tensor([-3.0, 5.0], requires_grad=True), torch.tensor([-2.0, 0.0], requires_grad=True)
    slopes = torch.autograd.grad(adversarial.hinge_discriminator(real, fake), (real, fake))
    assert slopes[0].tolist() == [-0.5, 0] and slopes[1].tolist() == [0, 0.5]


def test_least_squares_are_least_at_their_targets():
    one, zero = torch.ones(3), torch.zeros(2)
    assert adversarial.least_squares_discriminator(one, zero).item() == 0
    assert adversarial.least_squares_generator(one).item() == 0
    assert adversarial.least_squares_discriminator(zero, one).item() == 1


PAIRED = ("wasserstein", "hinge_discriminator", "least_squares_discriminator", "relativistic")


@pytest.mark.parametrize("name", PAIRED)
def test_critics_losses_are_wide_finite_and_push_real_up_and_fakes_down(name):
    loss = getattr(adversarial, name)
    low = torch.full((2,), 0.25, dtype=torch.bfloat16)
    assert loss(low, low).dtype == torch.float32
    down, up = grad(loss, argnums=(0, 1))(low, low)
    assert bool((down < 0).all()) and bool((up > 0).all())
    for size in (1e4, -1e4):
        v = torch.full((2,), size)
        values = (loss(v, -v), *grad(loss, argnums=(0, 1))(v, -v))
        assert all(bool(value.isfinite().all()) for value in values)


# --- the losses of energy-based learning --------------------------------------------------------------------


def test_energy_losses_by_hand():
    """m = 3, scale = 1/2; the second fake is the most offending answer of all."""
    correct, incorrect = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([4.0, 0.5, 2.0])
    z = [exp(-0.5 * own) + exp(-2) + exp(-0.25) + exp(-1) for own in (1, 2, 0)]
    expected = {
        "energy": [1, 2, 0],
        "perceptron": [0.5, 1.5, 0],
        "pairwise-hinge": [0, 4.5, 1],
        "ebgan-margin": [1, 4.5, 1],
        "log": [log1p(exp(-3)), log1p(exp(1.5)), log1p(exp(-2))],
        "lvq2": [0, 1, 0],
        "mce": [1 / (1 + exp(3)), 1 / (1 + exp(-1.5)), 1 / (1 + exp(2))],
        "square-square": [1, 4 + 6.25, 1],
        "square-exponential": [1 + 0.5 * exp(-4), 4 + 0.5 * exp(-0.5), 0.5 * exp(-2)],
        "nll": [1 + 2 * log(z[0]), 2 + 2 * log(z[1]), 2 * log(z[2])],
        "mee": [1 - exp(-0.5) / z[0], 1 - exp(-1) / z[1], 1 - 1 / z[2]],
    }
    assert set(LOSSES) == set(expected)
    for name, values in expected.items():
        assert LOSSES[name](correct, incorrect, 3.0, 0.5).tolist() == pytest.approx(values, abs=1e-6), name
        numbers = torch.tensor(3.0), torch.tensor(0.5)
        assert LOSSES[name](correct, incorrect, *numbers).tolist() == pytest.approx(values, abs=1e-6), name
    # between its ends: (2.5 - 2) / (1/2 * 2)
    assert LOSSES["lvq2"](torch.tensor([2.5]), torch.tensor([2.0]), 0.0, 0.5).tolist() == pytest.approx([0.5])


LOSS_NAMES = list(LOSSES)


@pytest.mark.parametrize("name", LOSS_NAMES)
@given(seed=st.integers(0, 99), margin=st.floats(0.1, 30), scale=st.floats(0.1, 3))
def test_energy_losses_never_pull_fakes_down_nor_push_real_samples_up(name, seed: int, margin: float, scale: float):
    correct, incorrect = rows(2, 5, seed).abs() * 4
    down, up = grad(lambda c, i: LOSSES[name](c, i, margin, scale).sum(), argnums=(0, 1))(correct, incorrect)
    assert bool((down >= -1e-12).all()) and bool((up <= 1e-12).all())
    # of offending answers below the margin, every loss but the collapsing one says something about the fakes
    margin, scale = margin + 50, 10.0 if name == "lvq2" else scale
    slopes = grad(lambda i: LOSSES[name](incorrect + 1, i, margin, scale).sum())(incorrect)
    assert (float(slopes.abs().amax()) > 0) is (name != "energy")


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_energy_losses_are_non_negative_wide_and_finite(name):
    loss = LOSSES[name]
    e = torch.tensor([0.0, 1e-3, 1.0, 1e4])
    correct, incorrect = torch.meshgrid(e, e, indexing="xy")
    for c, i in ((correct.flatten(), incorrect.flatten()), (e, torch.zeros(4)), (torch.zeros(4), e)):
        value, slopes = loss(c, i, 10.0, 2.0), grad(lambda c, i: loss(c, i, 10.0, 2.0).sum(), argnums=(0, 1))(c, i)
        assert bool((value >= 0).all()) and bool(value.isfinite().all())
        assert all(bool(slope.isfinite().all()) for slope in slopes)
    low = torch.ones(3, dtype=torch.bfloat16)
    assert loss(low, low, 10.0, 2.0).dtype == torch.float32


def test_ebgan_margin_is_the_decoupled_loss_of_equation_1():
    correct, incorrect = rows(2, 6).abs() * 8
    m = torch.tensor(5.0, dtype=torch.float64)
    assert torch.equal(LOSSES["ebgan-margin"](correct, incorrect, m, 1.0), correct + hinge(m, incorrect))


def test_nll_tends_to_the_perceptron_loss_for_a_large_beta():
    correct, incorrect = rows(2, 6).abs()
    perceptron = LOSSES["perceptron"](correct, incorrect, 0.0, 1.0)
    assert torch.allclose(LOSSES["nll"](correct, incorrect, 0.0, 1e4), perceptron, atol=1e-3)
    # of 1 real sample and 6 fakes of one energy, each answer has a seventh
    same = torch.full((6,), 2.0)
    assert LOSSES["nll"](same, same, 0.0, 1.0).tolist() == pytest.approx([log(7)] * 6)
    assert LOSSES["mee"](same, same, 0.0, 1.0).tolist() == pytest.approx([6 / 7] * 6)


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_energy_losses_of_many_models_with_their_own_margins(name):
    correct, incorrect = rows(6, 4).abs().view(2, 3, 4) * 5
    margin, scale = rows(2, 3, 1).abs() * 3 + 0.1
    together = vmap(LOSSES[name])(correct, incorrect, margin, scale)
    for k in range(3):
        alone = LOSSES[name](correct[k], incorrect[k], margin[k], scale[k])
        assert torch.allclose(together[k], alone)


def test_critics_and_energy_losses_compile_into_one_graph(trace_only):
    def all_of_them(a: Tensor, b: Tensor) -> Tensor:
        critics = [getattr(adversarial, name)(a, b) for name in PAIRED]
        return torch.stack([*critics, *(loss(a, b, 3.0, 0.5).mean() for loss in LOSSES.values())])

    a, b = torch.rand(4), torch.rand(4)
    assert torch.allclose(torch.compile(all_of_them, fullgraph=True)(a, b), all_of_them(a, b))


def test_shapes_are_checked_here():
    """The import hook of conftest.py is at work: without it wrong shapes would broadcast silently."""
    with pytest.raises(Exception, match=r"shape|type"):
        hinge(torch.tensor(1.0), torch.ones(2, 2))


def test_a_reconstruction_of_another_shape_is_refused_not_broadcast():
    x = torch.zeros(4, 1, 2, 2)
    with untyped(), pytest.raises(ValueError, match=r"\(4, 1, 2, 2\) cannot be \(1, 2, 2\)"):
        energy(x, x[0])  # what D(x)[0] is for a D that returns no pair
