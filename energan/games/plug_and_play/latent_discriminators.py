"""Latent discriminators: plug and play whose critics also see codes.  The KTH thesis "Updating the generator in PPGN-h
with gradients flowing through the encoder", eq. 9-11, and its code, hesampakdaman/ppgn-disc.

    h = E_h(x),  x^ = G(h)                            E frozen; E_i its layer i, E_x the image itself
    L_Di = E D_i(E_i(x^)) - E D_i(E_i(x)) + 10 E (||grad D_i(e)||_2 - 1)^2                         eq. 11, as WGAN-GP
    L_G  = - sum_i lambda_i E D_i(E_i(x^)) + sum_i mu_i ||E_i(x^) - E_i(x)||^2 / units             eq. 9, 10

e = eps E_i(x) + (1 - eps) E_i(x^), eps ~ U(0, 1) for each pair and critic. Fakes go through E again, so that no layer
of G has to match one of E's. x (n, ...) in [-1, 1]; h (n, d) comes with the data, since E is frozen; a critic returns
(n,) and is called D_<layer>: D_x is PPGN's D, D_h the thesis' D_1. The code has lambda 1 for all, mu_x 2 and mu_h 0.1;
here `adversarial` is the lambda of all layers but those that have one of their own. S brings images into the unit of
D_x and of the image loss: the code's are standardised.

Turns of all critics (`critic_steps`; `warm_steps` at each of the first 25 steps and every 500th), then one of G.
`random`: each turn moves one critic, drawn at random, and G follows the one that learned last; not in the warm turns.

Not to be confused with SGAN (conditional/sgan.py), which has a generator for each layer; nor with the adversarial
autoencoder (arXiv:1511.05644), whose discriminator compares codes with a prior.
NOTE: each turn has a fresh batch here; the code's G uses the last of its critics'.
"""

import random as rng
from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from energan.engine.game import Batch, Game, LatentSpace, Logs, Move, Noise, Player, Players, SamplerSettings
from energan.engine.noise import as_noise, normal, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.games.gan.wgan import critic_schedule, is_warm
from energan.losses import gradient_penalty
from energan.losses.adversarial import critic_generator, wasserstein
from energan.utils.errors import UserError
from energan.utils.specification import recorded

MEANINGS = {
    "adversarial": "weight of the critics' scores in G's loss, but of those that have a lambda of their own",
    "lambda_{layer}": "weight of that critic's score of {of} in G's loss",
    "penalty": "weight of the gradient penalty in each critic's loss",
    "loss": "what G minimises",
    "mu_{layer}": "weight of the mean squared difference between real and reconstructed {of} in G's loss",
    "W({layer})": (
        "estimate of the Wasserstein distance between real and generated {of}; once its critic has learned, it "
        "falls as G comes closer"
    ),
    "penalty({layer})": "E (‖∇D‖ − 1)² of that critic; near 0 its estimate can be read as a distance",
    "L({layer})": "mean squared difference between real and reconstructed {of}; G lowers it",
    "E": "the encoder: images to codes",
    "S": "the unit in which images are compared",
    "G": "the generator: codes to images",
    "D_{layer}": "critic of {of}",
}


def _meanings(layers: tuple[str, ...]) -> dict[str, str]:
    """MEANINGS, for each of the layers."""
    of = {layer: "images" if layer == "x" else f"features of layer {layer}" for layer in layers} or {"": ""}
    return {k.format(layer=n): v.format(of=what) for n, what in of.items() for k, v in MEANINGS.items()}


THESIS = SamplerSettings(eps1=1e-2, eps2=1.0, eps3=1e-15)  # no clipping, no normalisation, the whole log-softmax


def outputs(p: Players, x: Tensor, layers: tuple[str, ...], /, **known: Tensor) -> dict[str, Tensor]:
    """Layer -> what it says of x. E is asked only for what is neither the image nor known already."""
    read = known if all(layer in ("x", *known) for layer in layers) else {**p.E(x).layers, **known}
    return {layer: p.S(x) if layer == "x" else read[layer] for layer in layers}


def critic_loss(p: Players, b: Batch, layers: tuple[str, ...], code: str) -> tuple[Tensor, Logs]:
    real, fake = outputs(p, b.x, layers, **{code: b.h}), outputs(p, p.G(b.h).detach(), layers)
    total = wide(b.x).new_zeros(())
    logs: Logs = {}
    for layer in layers:
        D, eps = getattr(p, f"D_{layer}"), getattr(b, f"eps_{layer}")
        distance = wasserstein(D(real[layer]), D(fake[layer]))
        steep = gradient_penalty.wgan_gp(D, real[layer], fake[layer], eps)
        total = total + distance + b.penalty * steep
        logs |= {f"W({layer})": -distance, f"penalty({layer})": steep}
    return total, logs


def generator_loss(
    p: Players, b: Batch, critics: tuple[str, ...], matched: tuple[str, ...], own: tuple[str, ...], code: str
) -> tuple[Tensor, Logs]:
    real = outputs(p, b.x, matched, **{code: b.h})
    fake = outputs(p, p.G(b.h), tuple(dict.fromkeys((*matched, *critics))))
    total = wide(b.x).new_zeros(())
    logs: Logs = {}
    for layer in critics:
        weight = getattr(b, f"lambda_{layer}") if layer in own else b.adversarial
        total = total + weight * critic_generator(getattr(p, f"D_{layer}")(fake[layer]))
    for layer in matched:
        logs[f"L({layer})"] = mse_loss(wide(fake[layer]), wide(real[layer]))
        total = total + getattr(b, f"mu_{layer}") * logs[f"L({layer})"]
    return total, {"loss": total, **logs}


@recorded
def latent_discriminators(
    E: nn.Module,
    G: nn.Module,
    critics: Mapping[str, nn.Module],
    h: int | Noise,
    *,
    S: nn.Module,
    code: str = "h",
    matched: Mapping[str, float] | None = None,
    adversarial: float = 1.0,
    lambdas: Mapping[str, float] | None = None,
    penalty: float = 10.0,
    random: bool = False,
    critic_steps: int = 5,
    warm_steps: int = 100,
    chain: SamplerSettings = THESIS,
    seed: int = 0,
    optimizer_G: Optimizer = Adam(1e-4, beta1=0.5, beta2=0.9),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5, beta2=0.9),
) -> Game:
    """Plug and play with critics of any layers.

    E is frozen and returns networks.layers.Features of logits, with the layer `code` and those that are named; matched:
    layer -> mu, the code's by default; lambdas: layer -> lambda, of critics whose weight is not `adversarial`. h:
    dimensions of the code, or the start codes' Noise. seed: of the critics drawn at random, alone.
    """
    mu = {"x": 2.0, code: 0.1} if matched is None else matched
    layers, own = tuple(critics), dict(lambdas or {})
    if foreign := [layer for layer in own if layer not in layers]:
        raise UserError(f"`lambdas` names {foreign[0]!r}, which has no critic; those that have: {', '.join(layers)}")

    def order(t: int) -> tuple[str, ...]:
        if not layers:
            return ("G",)
        if not random or (warm_steps and is_warm(t)):
            return critic_schedule(t, critic_steps, warm_steps, "D")
        generator = rng.Random(f"{seed} {t}")
        chosen = [generator.choice(layers) for _ in range(critic_steps)]
        return (*(f"D_{layer}" for layer in chosen), f"G_{chosen[-1]}")

    def learns(names: tuple[str, ...]) -> tuple[Move, ...]:
        return (Move(partial(critic_loss, layers=names, code=code), min=tuple(f"D_{name}" for name in names)),)

    def follows(names: tuple[str, ...]) -> tuple[Move, ...]:
        return (Move(partial(generator_loss, critics=names, matched=tuple(mu), own=tuple(own), code=code), min=("G",)),)

    chosen = {f"D_{name}": learns((name,)) for name in layers} | {f"G_{name}": follows((name,)) for name in layers}
    return Game(
        players={
            "E": Player(E),
            "S": Player(S),
            "G": Player(G, optimizer_G),
            **{f"D_{layer}": Player(D, optimizer_D) for layer, D in critics.items()},
        },
        turns=({"D": learns(layers)} if layers else {}) | {"G": follows(layers)} | (chosen if random else {}),
        order=order,
        noise={f"eps_{layer}": uniform(low=0.0) for layer in layers},
        hyperparameters={
            "adversarial": adversarial,
            "penalty": penalty,
            **{f"lambda_{layer}": v for layer, v in own.items()},
            **{f"mu_{layer}": v for layer, v in mu.items()},
        },
        codes=LatentSpace(
            encode=lambda p, b: p.E(b.x).layers[code],
            decode=lambda p, b: p.G(b.h),
            prior=lambda p, b: p.E(p.G(b.h)).layers[code],
            logits=lambda p, b: p.E(b.x).output,
            start=as_noise(h, normal),
            chain=chain,
        ),
        meanings=_meanings((*layers, *mu)),
    )
