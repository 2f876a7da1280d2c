"""Chains of a trained system: each row for itself, by any classifier, with a context; and the way to bytes."""

from pathlib import Path

import pytest
import torch
from small_runs import trained
from torch import Tensor, nn

import energan
from energan.data import to_bytes, to_unit
from energan.engine import Trainer
from energan.engine.game import SamplerSettings
from energan.games import GAMES
from energan.games.plug_and_play.latent_discriminators import THESIS
from energan.inference import guided
from energan.inference.guided import latent_maps, reconstruct, sample_guided, start_codes
from energan.inference.model import Model
from energan.inference.snapshot import snapshot
from energan.networks.conv.latent_discriminators import MEAN, STD
from energan.networks.layers import BatchNorm, FeatureExtractor
from energan.samplers import mala
from energan.samplers.inpainting import Context
from energan.utils.errors import UserError

STEPS = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        folder = tmp_path_factory.mktemp("runs") / "run"
        return energan.load(trained(folder, "latent-discriminators-mnist", chain_steps=STEPS))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return energan.load(trained(tmp_path_factory.mktemp("runs") / "gan", "lsgan-mnist", steps=1))


def asked(*classes: int) -> Tensor:
    return torch.tensor(classes)


def images(n: int = 5) -> Tensor:
    return torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8)


# ---- what the maps are ----


def test_the_maps_are_those_of_the_nets(model: Model) -> None:
    E, G, maps, x, h = model.nets["E"].module, model.nets["G"], latent_maps(model), to_unit(images()), torch.randn(4, 6)
    with torch.no_grad():
        torch.testing.assert_close(maps.encode(x), E.h(x))
        torch.testing.assert_close(maps.decode(h), G(h))
        torch.testing.assert_close(maps.prior(h), E.h(G(h)))
        torch.testing.assert_close(maps.logits(x), E(x))
    assert maps.clip is None
    assert not any(net.training for net in model.nets.values())
    assert model.game.codes.chain == THESIS._replace(steps=STEPS)


def test_the_thesis_settings_are_those_of_its_code() -> None:
    assert SamplerSettings(
        eps1=1e-2, eps2=1.0, eps3=1e-15, steps=200, rate=1.0, last_rate=None, normalise=False, clip=None,
        gradient="log-softmax", decay=1.0,
    ) == THESIS  # fmt: skip


def test_a_system_without_codes_is_refused(other: Model) -> None:
    for refused in (
        lambda: latent_maps(other),
        lambda: reconstruct(other, images()),
        lambda: start_codes(other, 3, 0),
        lambda: sample_guided(other, asked(1)),
    ):
        with pytest.raises(UserError, match="this run's system has no codes to look for"):
            refused()


# ---- images of codes ----


def test_reconstructions_are_decoded_codes_in_bytes(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guided, "CHUNK", 3)
    x, before = images(7), {k: w.clone() for k, w in model.nets["E"].state_dict().items()}
    made, E, G = reconstruct(model, x), model.nets["E"].module, model.nets["G"]
    assert made.shape == x.shape and made.dtype == torch.uint8
    alone = torch.cat([to_bytes(G(E.h(to_unit(row[None])))) for row in x])
    assert int((made.int() - alone.int()).abs().max()) <= 1  # rounding
    assert all(torch.equal(w, before[k]) for k, w in model.nets["E"].state_dict().items())


def test_images_are_brought_back_from_the_standardised_unit(model: Model) -> None:
    """The thesis' G gives (pixel - mean) / deviation: 0 there is MNIST's mean grey, not mid-grey."""
    last = model.nets["G"].net[-1]
    before = {k: w.clone() for k, w in last.state_dict().items()}
    try:
        last.weight.data.zero_()
        for standardised, byte in ((0.0, round(255 * MEAN)), (-MEAN / STD, 0), ((1 - MEAN) / STD, 255), (9.0, 255)):
            last.bias.data.fill_(standardised)
            assert bool((reconstruct(model, images(2)) == byte).all())
            assert bool((to_bytes(sample_guided(model, asked(1, 2)).images[-1]) == byte).all())
    finally:
        last.load_state_dict(before)


# ---- chains ----


def test_starts_are_normal_and_a_larger_n_continues_them(model: Model) -> None:
    """h ~ N(0, I), though E gives nothing below 0."""
    h = start_codes(model, 600, seed=3)
    assert h.shape == (600, 6) and float(h.mean()) == pytest.approx(0, abs=0.1)
    assert float(h.std()) == pytest.approx(1, abs=0.05) and 0.4 < float((h < 0).float().mean()) < 0.6
    assert torch.equal(start_codes(model, 7, seed=3), h[:7]) and not torch.equal(start_codes(model, 7, seed=4), h[:7])


def test_a_step_by_hand(model: Model) -> None:
    """Both terms of the same code: h + eps1 (E(G(h)) - h) + eps2 d log p_c(G(h)) / dh."""
    E, G, c = model.nets["E"].module, model.nets["G"], asked(3, 0, 7)
    h = torch.randn(3, 6)
    trace = sample_guided(model, c, start=h, chain=THESIS._replace(eps1=0.3, eps2=0.7, steps=2), keep=1)
    for _ in range(2):
        h = h.detach().requires_grad_()
        x = G(h)
        (slope,) = torch.autograd.grad(E(x).log_softmax(1)[range(3), c].sum(), h)
        h = h + 0.3 * (E.h(x) - h) + 0.7 * slope
    torch.testing.assert_close(trace.codes[-1], h.detach(), rtol=1e-5, atol=1e-6)
    assert float((0.7 * slope).abs().max()) > 1e-4 and trace.steps.tolist() == [0, 1, 2]
    torch.testing.assert_close(trace.images[-1], G(h).detach(), rtol=1e-4, atol=1e-5)


def test_chains_are_apart_and_larger_numbers_continue_them(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = THESIS._replace(eps3=0.1, steps=STEPS)  # so that each has a noise of its own
    together = sample_guided(model, asked(1, 2, 3, 4, 5), seed=5, chain=chain)
    assert together.codes.shape == (1, 5, 6) and together.images.shape == (1, 5, 1, 28, 28)
    torch.testing.assert_close(sample_guided(model, asked(1, 2), seed=5, chain=chain).codes, together.codes[:, :2])
    another = sample_guided(model, asked(1, 9, 9, 4, 5), seed=5, chain=chain).codes  # other classes for the neighbours
    torch.testing.assert_close(another[:, [0, 3, 4]], together.codes[:, [0, 3, 4]])
    monkeypatch.setattr(guided, "CHAINS", 2)
    parts: list[slice] = []
    in_parts = sample_guided(
        model, asked(1, 2, 3, 4, 5), seed=5, chain=chain, progress=lambda p: iter(parts.extend(p) or p)
    )
    torch.testing.assert_close(in_parts.codes, together.codes)
    torch.testing.assert_close(in_parts.images, together.images)
    assert [(part.start, part.stop) for part in parts] == [(0, 2), (2, 4), (4, 6)]
    assert torch.equal(sample_guided(model, asked(1, 2), seed=5).codes, sample_guided(model, asked(1, 2), seed=5).codes)
    assert not torch.equal(
        sample_guided(model, asked(1, 2), seed=6).codes, sample_guided(model, asked(1, 2), seed=5).codes
    )


def test_the_published_noise_is_none(model: Model) -> None:
    c, without = asked(1, 2, 3), THESIS._replace(steps=STEPS, eps3=0.0)
    assert model.game.codes.chain.eps3 == 1e-15
    assert torch.equal(sample_guided(model, c).codes, sample_guided(model, c, chain=without).codes)
    assert not torch.equal(
        sample_guided(model, c, chain=without._replace(eps3=1e-3)).codes, sample_guided(model, c).codes
    )


def test_any_classifier_leads(model: Model) -> None:
    """Two classes, dark and bright, that the system was not made with; its own would go elsewhere."""

    def brightness(x: Tensor) -> Tensor:
        mean = x.flatten(1).mean(1, keepdim=True)
        return 5 * torch.cat([-mean, mean], 1)

    chain, h = THESIS._replace(eps1=0.0, rate=3.0, steps=20), torch.randn(4, 6)
    dark, bright = (
        sample_guided(model, asked(*[c] * 4), classifier=brightness, start=h, chain=chain).images[-1].flatten(1).mean(1)
        for c in (0, 1)
    )
    own = sample_guided(model, asked(0, 0, 0, 0), start=h, chain=chain).images[-1].flatten(1).mean(1)
    before = model.nets["G"](h).flatten(1).mean(1)
    assert bool((dark < before).all()) and bool((before < bright).all()) and not torch.equal(own, dark)


def test_the_class_asked_for_becomes_likelier(model: Model) -> None:
    c, h = asked(*range(10)), torch.randn(10, 6)
    trace = sample_guided(model, c, start=h, chain=THESIS._replace(steps=30), keep=30)
    first, last = (model.nets["E"].module(x).log_softmax(1)[range(10), c] for x in trace.images)
    assert float((last - first).mean()) > 0


def test_a_context_is_what_the_prior_and_the_classifier_see(model: Model) -> None:
    E, G, h = model.nets["E"].module, model.nets["G"], torch.randn(2, 6)
    missing = torch.zeros(1, 28, 28, dtype=torch.bool)
    missing[:, 10:20] = True
    known = torch.rand(1, 28, 28) * 2 - 1
    context = Context(known, missing, eps4=0.01)
    trace = sample_guided(
        model, asked(4, 2), start=h, context=context, chain=THESIS._replace(eps1=0.3, eps2=0.7, steps=1)
    )
    at = h.clone().requires_grad_()
    x = G(at)
    pasted = torch.where(missing, x, known)
    climbed = 0.7 * E(pasted).log_softmax(1)[[0, 1], [4, 2]].sum() - 0.01 / 2 * ((x - pasted) ** 2).sum()
    (slope,) = torch.autograd.grad(climbed, at)
    torch.testing.assert_close(trace.codes[-1], (h + 0.3 * (E.h(pasted) - h) + slope).detach(), rtol=1e-5, atol=1e-6)
    free = sample_guided(model, asked(4, 2), start=h, chain=THESIS._replace(eps1=0.3, eps2=0.7, steps=1))
    assert not torch.allclose(free.codes, trace.codes)


def test_factors_of_0_ask_no_prior(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    real = mala.mala_approx

    def watched(R, *rest, **settings):
        given.append(R)
        return real(R, *rest, **settings)

    monkeypatch.setattr(guided, "mala_approx", watched)
    for eps1 in (0.0, 1e-2):
        sample_guided(model, asked(1), chain=THESIS._replace(eps1=eps1, steps=1))
    assert given[0] is None and given[1] is not None


def test_a_chain_that_names_no_clipping_has_the_bounds_of_the_units_and_no_others(model: Model) -> None:
    codes, h = model.game.codes, torch.randn(3, 6)
    bounds = lambda p, b: torch.stack([torch.zeros(6), torch.full((6,), 0.5)])  # noqa: E731
    held = Model(model.game._replace(codes=codes._replace(bounds=bounds)), model.nets)
    ends = sample_guided(held, asked(1, 2, 3), start=h).codes[-1]
    assert float(ends.min()) >= 0 and float(ends.max()) <= 0.5
    ends = sample_guided(held, asked(1, 2, 3), start=h, chain=THESIS._replace(steps=1, clip=(-0.125, 0.125))).codes[-1]
    assert float(ends.abs().max()) <= 0.125 < float(h.abs().max())
    clipped = codes._replace(chain=THESIS._replace(steps=1, clip=(0.0, 0.25)))  # as PPGN's chain has it
    held = Model(model.game._replace(codes=clipped), model.nets)
    ends = sample_guided(held, asked(1, 2, 3), start=h).codes[-1]
    assert float(ends.min()) >= 0 and float(ends.max()) <= 0.25
    ends = sample_guided(held, asked(1, 2, 3), start=h, chain=THESIS._replace(steps=1)).codes[-1]
    assert float(ends.min()) < 0 and float(ends.max()) > 0.25  # the thesis' chain says: no clipping


def test_bf16_is_of_the_nets_alone(model: Model) -> None:
    c, h = asked(1, 2, 3), torch.randn(3, 6)
    exact, rough = (sample_guided(model, c, start=h, precision=precision) for precision in ("fp32", "bf16"))
    assert rough.images.dtype == rough.codes.dtype == torch.float32
    assert rough.codes.dtype == torch.float32 and not torch.equal(rough.codes, exact.codes)
    torch.testing.assert_close(rough.codes, exact.codes, rtol=0.05, atol=0.05)


def test_what_cannot_be_asked_for(model: Model) -> None:
    with pytest.raises(UserError, match="class"):
        sample_guided(model, asked(10))
    with pytest.raises(UserError, match="class"):
        sample_guided(model, asked(-1))
    with pytest.raises(UserError):
        sample_guided(model, asked(1), classifier=lambda x: x)  # no logits
    with pytest.raises(UserError):
        sample_guided(model, asked(1), start=torch.full((1, 6), float("nan")))
    with pytest.raises(UserError):
        sample_guided(model, asked(1), chain=THESIS._replace(steps=0))


def test_chains_leave_the_model_as_it_was(model: Model) -> None:
    before = {(name, k): w.clone() for name, net in model.nets.items() for k, w in net.state_dict().items()}
    sample_guided(model, asked(1, 2))
    for name, net in model.nets.items():
        assert not net.training and all(w.grad is None and not w.requires_grad for w in net.parameters())
        assert all(torch.equal(w, before[name, k]) for k, w in net.state_dict().items())


def test_a_run_without_labels_of_the_images_is_fed_codes_all_the_same(tmp_path: Path) -> None:
    """Labels are the encoder's affair: a folder of pictures has none."""
    folder = trained(tmp_path / "run", "latent-discriminators-mnist", steps=2, data="pictures")
    assert reconstruct(energan.load(folder), images(2)).shape == (2, 1, 28, 28)


def test_statistics_of_a_generator_with_batch_norm_are_measured_over_codes_and_the_encoders_are_its_own() -> None:
    x = images(16)
    E = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), BatchNorm(4)).requires_grad_(False)
    E[2].mean.fill_(0.3)
    G = nn.Sequential(nn.Linear(4, 784), BatchNorm(784), nn.Unflatten(1, (1, 28, 28)))
    game = GAMES["latent-discriminators"](
        FeatureExtractor(E, ("2",)), G, {}, 4, S=nn.Identity(), code="2", matched={"x": 1.0}
    )
    one = Trainer(game, lambda k: {"x": to_unit(x), "h": E(to_unit(x))})
    one.step()
    made = snapshot(one, x, 8).nets
    with torch.no_grad():
        h = G[0](E(to_unit(x)))
    torch.testing.assert_close(made["G"][1].mean, h.mean(0))
    assert torch.equal(made["E"].module[2].mean, E[2].mean) and float(E[2].mean[0]) == pytest.approx(0.3)
