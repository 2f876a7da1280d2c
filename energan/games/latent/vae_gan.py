"""VAE/GAN.  "Autoencoding beyond pixels using a learned similarity metric", Larsen, Sonderby, Larochelle & Winther
2015, arXiv:1512.09300, and its code, andersbll/autoencoding_beyond_pixels.

    z = mu + sigma eps of q(z|x) = N(mu, sigma^2),  x~ = G(z),  x_p = G(z_p),  z_p ~ N(0, I)
    KL               L_KL  = KL(q(z|x) || N(0, I))
    reconstruction   L_pix = 1/2 |x - x~|^2                    of pixels; the paper has none
    feature matching L_f   = 1/2 |f(x) - f(x~)|^2              f: features of D; the paper's reconstruction, eq. 7
    GAN              L_GAN = - log D(x) - (log(1 - D(x~)) + log(1 - D(x_p))) / 2
    L_E = k L_KL + r L_pix + m L_f
    L_G = gamma (r L_pix + m L_f) + (1 - gamma) a (log(1 - D(x~)) + log(1 - D(x_p)))            algorithm 1, "minimax"
          or with - log D(x~) - log D(x_p) in its last part, which the paper has not             "non-saturating"
    L_D = a L_GAN                                              D never learns from L_f, nor E from L_GAN

x (n, ...) in [-1, 1]; squares are summed over a sample, all is averaged over samples. E returns
networks.latent.Gaussian, D Verdict; G is the paper's Dec. All move at once. VAE/GAN is k = m = a = 1, r = 0. The path
of the lecture that proposes four losses is r = 1 alone, an auto-encoder, whose z is mu; + k, a VAE; + m; + a. With m
and without a, D learns to tell x~ and x_p from x, and G only matches its features.

D and G rest by `losses.update_gate` of D's costs in this step, the code's rule: D where it is sure, G where D is lost.

Not to be confused with the adversarial auto-encoder, whose critic sees codes; nor with dgn_am.py, which has L_pix, L_f
of a classifier and L_GAN, but a frozen encoder.
NOTE: gamma weighs sums of squares, so it depends on how many features there are: 1e-5 in the code's CelebA script.
NOTE: D sees x and x~, where there is a GAN's loss x_p too, as one batch, as in the code: batch norm in its first layer
would else hide from it whatever all real images have alike and all generated ones have alike, such as a white border.
In use it is normalised by real images alone.
NOTE: L_GAN halves the fakes' part for D, and not for G: so the code. With a = 0, G rests never and gamma is 1.
"""

from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Optimizer, PauseOnZeroGradient, RMSProp
from energan.losses import adversarial
from energan.losses.energy import energy, energy_map
from energan.losses.inversion import half_square
from energan.losses.update_gate import update_gate
from energan.losses.variational import kl_to_normal
from energan.networks.latent.posterior import Gaussian
from energan.networks.latent.vae_gan import Verdict
from energan.utils.errors import UserError
from energan.utils.specification import named, recorded

MEANINGS = {
    "kl": "weight of the KL loss: codes like noise",
    "reconstruction": "weight of the reconstruction loss, of pixels",
    "feature": "weight of the feature matching loss, of what D sees",
    "adversarial": "weight of the GAN’s loss",
    "gamma": "weight of how images are reconstructed, beside D’s verdict, in G’s loss",
    "margin": "D rests where one of its costs is more than this below 0.68, G where one is more than this above",
    "KL": "divergence of the codes’ distribution from the noise, in nats: how much a code says of its image",
    "L_pix": "half the squared distance of images and reconstructions, pixels from −1 to 1, summed over pixels",
    "L_f": "half the squared distance of their features in D, summed; D’s features change, so it need not fall",
    "L_GAN": "what D minimises; 1.39 where it cannot tell real from generated images",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for reconstructed and generated images",
    "D learns": "1 where D learns, 0 where it rests, because G cannot follow",
    "G learns": "1 where G learns, 0 where it rests, because D cannot follow",
    "E": "the encoder: images to the mean and the variance of their codes",
    "G": "the decoder: codes to images",
    "D": "the discriminator of images",
}


@named
class Losses(NamedTuple):
    """The four losses' weights: k, r, m and a of the equations. 0: the loss is left out."""

    kl: float = 1.0
    reconstruction: float = 0.0
    feature: float = 1.0
    adversarial: float = 1.0

    @property
    def judged(self) -> bool:
        """Whether there is a D."""
        return bool(self.feature or self.adversarial)


def drawn_again(p: Players, b: Batch, has: Losses) -> tuple[Tensor, Gaussian]:
    """x~ and q(z|x)."""
    q: Gaussian = p.E(b.x)
    return p.G(q.at(b.eps) if has.kl else q.mean), q  # nothing but KL says how much noise a code bears


def seen(p: Players, *images: Tensor) -> list[Verdict]:
    """What D says of each of some batches of n images; it sees all of them as one."""
    said = p.D(torch.cat(images))
    return [
        Verdict(*each) for each in zip(said.logits.chunk(len(images)), said.features.chunk(len(images)), strict=True)
    ]


def distances(b: Batch, x: Tensor, said: list[Verdict], has: Losses) -> tuple[Tensor, Logs]:
    """r L_pix + m L_f, as far as they are taken; said: of x and x~, and perhaps of more."""
    logs = {"L_pix": half_square(x, b.x)}
    if not has.feature:
        return b.reconstruction * logs["L_pix"], logs
    logs["L_f"] = half_square(said[1].features, said[0].features)
    return b.reconstruction * logs["L_pix"] + b.feature * logs["L_f"], logs


def costs(said: list[Verdict]) -> tuple[Tensor, Tensor]:
    """- log D(x), - (log(1 - D(x~)) + log(1 - D(x_p))) / 2."""
    real, again, drawn = (each.logits for each in said)
    return adversarial.non_saturating(real), -(adversarial.minimax(again) + adversarial.minimax(drawn)) / 2


def encoder_loss(p: Players, b: Batch, has: Losses) -> tuple[Tensor, Logs]:
    x, q = drawn_again(p, b, has)
    far, logs = distances(b, x, seen(p, b.x, x) if has.feature else [], has)
    if not has.kl:
        return far, logs
    kl = kl_to_normal(*q).mean()
    return b.kl * kl + far, {"KL": kl, **logs}


def generator_loss(p: Players, b: Batch, has: Losses, gated: bool, saturates: bool) -> tuple[Tensor, Logs]:
    x, _ = drawn_again(p, b, has)
    drawn = [p.G(b.z)] if has.adversarial else []
    said = seen(p, b.x, x, *drawn) if has.judged else []
    loss, _ = distances(b, x, said, has)
    if not has.adversarial:
        return loss, {}
    real, fake = costs(said)
    found_out = -2 * fake if saturates else sum(adversarial.non_saturating(each.logits) for each in said[1:])
    loss = b.gamma * loss + (1 - b.gamma) * b.adversarial * found_out
    if not gated:
        return loss, {}
    learns = update_gate(real, fake, b.margin)[1].detach()
    return learns * loss, {"G learns": learns}


def discriminator_loss(p: Players, b: Batch, has: Losses, gated: bool) -> tuple[Tensor, Logs]:
    x, _ = drawn_again(p, b, has)
    said = seen(p, b.x, x.detach(), p.G(b.z).detach())
    real, fake = costs(said)
    on_real, again, drawn = (adversarial.probability(each.logits).mean() for each in said)
    logs = {"L_GAN": real + fake, "D(x)": on_real, "D(G(z))": (again + drawn) / 2}
    loss = b.adversarial * (real + fake) if has.adversarial else real + fake
    if not gated:
        return loss, logs
    learns = update_gate(real, fake, b.margin)[0].detach()
    return learns * loss, {**logs, "D learns": learns}


def unlike(p: Players, b: Batch) -> Tensor:
    """L_pix of each image, (n,), with z at its mean."""
    return energy(b.x, p.G(p.E(b.x).mean), "ssq") / 2


def unlike_map(p: Players, b: Batch) -> Tensor:
    """What each pixel adds to L_pix, (n, h, w)."""
    return energy_map(b.x, p.G(p.E(b.x).mean), "ssq") / 2


VAE_GAN = Losses()


@recorded
def vae_gan(
    E: nn.Module,
    G: nn.Module,
    D: nn.Module | None,
    z: int | Noise,
    *,
    losses: Losses = VAE_GAN,
    gamma: float = 1e-5,
    margin: float | None = 0.35,
    loss: Literal["minimax", "non-saturating"] = "minimax",
    optimizer_E: Optimizer = RMSProp(3e-4, alpha=0.9),
    optimizer_G: Optimizer = RMSProp(3e-4, alpha=0.9),
    optimizer_D: Optimizer = RMSProp(3e-4, alpha=0.9),
) -> Game:
    """VAE/GAN. z: dimensions of N(0, I), or a Noise. margin None: nobody rests. D may be None where no loss needs it.

    Its codes are the means of q(z|x). Its energy reading is -l(x); of an auto-encoder, without KL and D, L_pix of each
    image. So its batch norm is measured on codes (inference/snapshot.py), which are not like its noise.
    """
    noise, gated = as_noise(z, normal), margin is not None and losses.judged
    of_D = partial(discriminator_loss, has=losses, gated=gated)
    of_G = partial(generator_loss, has=losses, gated=gated, saturates=loss == "minimax")
    moves = [Move(partial(encoder_loss, has=losses), min=("E",)), Move(of_G, min=("G",))]
    rest = PauseOnZeroGradient if gated else _as_it_is
    players = {"E": Player(E, optimizer_E), "G": Player(G, rest(optimizer_G))}
    if losses.judged:
        if D is None:
            raise UserError("feature matching and the GAN's loss need a D")
        players["D"] = Player(D, rest(optimizer_D))
        moves.append(Move(of_D, min=("D",)))
    return Game(
        players=players,
        turns={"all": tuple(moves)},
        noise={"z": noise, "eps": noise},
        hyperparameters={
            **losses._asdict(),
            **({"gamma": gamma} if losses.adversarial else {}),
            **({"margin": margin} if margin is not None and gated else {}),
        },
        sample=lambda p, b: p.G(b.z),
        energy=(lambda p, b: -p.D(b.x).logits.float()) if losses.judged else None if losses.kl else unlike,
        energy_map=None if losses.judged or losses.kl else unlike_map,
        encode={"z": Code(lambda p, b: p.E(b.x).mean)},
        meanings=MEANINGS,
    )


def _as_it_is(optimizer: Optimizer) -> Optimizer:
    return optimizer
