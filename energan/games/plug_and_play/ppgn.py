"""PPGN: a classifier, and a prior of codes by denoising.  "Plug & play generative networks: conditional iterative
generation of images in latent space", Nguyen, Clune, Bengio, Dosovitskiy & Yosinski 2016, arXiv:1612.00005.

    chains  h <- h + eps1 (R(h) - h) + eps2 d log C_c(G(h))/dh + N(0, eps3^2)                                   eq. 11

    ppgn-x     codes are images, G(x) = x           R: L_R = 1/2 ||R(x + s_x n_x) - x||^2
    ppgn-h     h = E_h(x), G as in dgn_am.py        R: L_R = 1/2 ||R(h + s_h n_h) - h||^2
    joint      R(h) = E_h(G(h)), learned as three denoisers in one another: G has the code of noisy images by a noisy E,
                   h~ = E_h(x + s_x n_x; E_1 + s_1 n_1) + s_h n_h,        L_G + w_h 1/2 ||E_h(x^) - h||^2,  x^ = G(h~)
               all against what is clean
    noiseless  R(h) = E_h(G(h)), G as in dgn_am.py

n_x, n_1, n_h ~ N(0, I). For a small s, (R(h) - h) / s^2 is the score of the codes, d log p(h)/dh (Alain & Bengio 2014).
Squares are summed over a sample. Unconfirmed in the paper: all levels of noise, w_h (here that of the features), and
how R is optimised. CHAIN is the official code's; its clipping at 30 is for fc6 of CaffeNet. It drew digits when tried,
where the thesis' chain (ppgn-disc; latent_discriminators.THESIS) drew what only E took for digits. PIXELS is ours.

DGN-AM (dgn_am.py) is the variant without a learned prior. The thesis' "vanilla PPGN-h" is latent_discriminators.py with
a critic of images: it matches the code that G has, where PPGN matches features below it.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, LatentSpace, Logs, Move, Noise, Player, Players, SamplerSettings
from energan.engine.optimizers import Adam, Optimizer
from energan.games.plug_and_play.dgn_am import ADAM_D, ADAM_G, WEIGHTS, WIRING, DeePSiM, Wiring, dgn_am
from energan.losses.inversion import half_square
from energan.utils.specification import recorded

CHAIN = SamplerSettings(eps1=1e-5, eps2=1.0, eps3=1e-17, normalise=True, clip=(0.0, 30.0), gradient="logit")

PIXELS = CHAIN._replace(eps1=0.1, rate=0.05, clip=(-1.0, 1.0))


MEANINGS = {
    "sigma_x": "standard deviation of the noise on images",
    "sigma_h1": "standard deviation of the noise on the encoder's features",
    "sigma_h": "standard deviation of the noise on codes",
    "code": "weight of half the squared difference between the codes of an image and of its reconstruction",
    "L_h": "part of G's loss: how far the codes of its images are from those of the real ones",
    "L_R": "how far the denoiser's answer is from what was there before the noise: half the squared difference",
    "E": "the encoder: images to codes",
    "R": "the prior: codes to likelier ones",
}


def image_denoising(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = half_square(p.R(b.x + b.sigma_x * b.n_x), b.x)
    return loss, {"L_R": loss}


def code_denoising(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = half_square(p.R(b.h + b.sigma_h * b.n_h), b.h)
    return loss, {"L_R": loss}


def corrupted(p: Players, b: Batch, wiring: Wiring) -> Tensor:
    """h~: noise on the image, on the features within E, on the code."""
    read = p.E(b.x + b.sigma_x * b.n_x, {wiring.features: b.sigma_h1 * b.n_h1})
    return read.layers[wiring.code] + b.sigma_h * b.n_h


@recorded
def ppgn_x(
    E: nn.Module, R: nn.Module, x: Noise, *, sigma_x: float = 0.5, chain: SamplerSettings = PIXELS,
    optimizer_R: Optimizer = Adam(),
) -> Game:  # fmt: skip
    """PPGN-x. E is frozen and returns networks.layers.Features of logits; R: images -> images; x: N(0, I) like them."""
    return Game(
        players={"E": Player(E), "R": Player(R, optimizer_R)},
        turns={"R": (Move(image_denoising, min=("R",)),)},
        noise={"n_x": x},
        hyperparameters={"sigma_x": sigma_x},
        codes=LatentSpace(
            encode=lambda p, b: b.x,
            decode=lambda p, b: b.h,
            prior=lambda p, b: p.R(b.h),
            logits=lambda p, b: p.E(b.x).output,
            start=x,
            chain=chain,
        ),
        meanings=MEANINGS,
    )


@recorded
def ppgn_h(
    E: nn.Module, G: nn.Module, D: nn.Module, R: nn.Module, h: int | Noise, *, wiring: Wiring = WIRING,
    weights: DeePSiM = WEIGHTS, sigma_h: float = 0.1, chain: SamplerSettings = CHAIN, optimizer_G: Optimizer = ADAM_G,
    optimizer_D: Optimizer = ADAM_D, optimizer_R: Optimizer = Adam(),
) -> Game:  # fmt: skip
    """PPGN-h: DGN-AM and R: codes -> codes, a player of its own. Other arguments as dgn_am's."""
    game = dgn_am(E, G, D, h, wiring=wiring, weights=weights, optimizer_G=optimizer_G, optimizer_D=optimizer_D)
    assert game.codes is not None
    return game._replace(
        players={**game.players, "R": Player(R, optimizer_R)},
        turns={"all": (*game.turns["all"], Move(code_denoising, min=("R",)))},
        noise={"n_h": game.codes.start},
        hyperparameters={**game.hyperparameters, "sigma_h": sigma_h},
        meanings={**game.meanings, **MEANINGS},
        codes=game.codes._replace(prior=lambda p, b: p.R(b.h), chain=chain),
    )


@recorded
def noiseless_joint_ppgn_h(
    E: nn.Module, G: nn.Module, D: nn.Module, h: int | Noise, *, wiring: Wiring = WIRING,
    weights: DeePSiM = WEIGHTS, chain: SamplerSettings = CHAIN, optimizer_G: Optimizer = ADAM_G,
    optimizer_D: Optimizer = ADAM_D,
) -> Game:  # fmt: skip
    """Noiseless joint PPGN-h: DGN-AM's game, and E(G(h)) for a prior. Arguments as dgn_am's."""
    game = dgn_am(E, G, D, h, wiring=wiring, weights=weights, optimizer_G=optimizer_G, optimizer_D=optimizer_D)
    assert game.codes is not None
    prior = lambda p, b: p.E(p.G(b.h)).layers[wiring.code]  # noqa: E731
    return game._replace(codes=game.codes._replace(prior=prior, chain=chain))


@recorded
def joint_ppgn_h(
    E: nn.Module, G: nn.Module, D: nn.Module, h: int | Noise, x: Noise, h1: Noise, *,
    wiring: Wiring = WIRING, weights: DeePSiM = WEIGHTS, code: float = 0.01, sigma_x: float = 0.1,
    sigma_h1: float = 0.1, sigma_h: float = 0.1, chain: SamplerSettings = CHAIN, optimizer_G: Optimizer = ADAM_G,
    optimizer_D: Optimizer = ADAM_D,
) -> Game:  # fmt: skip
    """Joint PPGN-h. x and h1: N(0, I) in the shapes of images and features; code: w_h. Other arguments as dgn_am's."""
    game = noiseless_joint_ppgn_h(
        E, G, D, h, wiring=wiring._replace(corrupted=corrupted), weights=weights, chain=chain, optimizer_G=optimizer_G,
        optimizer_D=optimizer_D,
    )  # fmt: skip
    assert game.codes is not None
    return game._replace(
        noise={"n_x": x, "n_h1": h1, "n_h": game.codes.start},
        hyperparameters={
            **game.hyperparameters,
            "code": code,
            "sigma_x": sigma_x,
            "sigma_h1": sigma_h1,
            "sigma_h": sigma_h,
        },
        meanings={**game.meanings, **MEANINGS},
    )
