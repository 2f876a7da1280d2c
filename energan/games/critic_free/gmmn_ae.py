"""GMMN + AE.  "Generative moment matching networks", Li, Swersky & Zemel 2015, arXiv:1502.02761, section 4, and its
code, yujiali/gmmn.

    stage 1, before step `codes_from`: an auto-encoder    Enc, Dec descend - log p(x | Dec(Enc(x))), with dropout in Enc
    stage 2, from then on: a GMMN of its codes            G descends sqrt(MMD^2(Enc(x), G(z))); Enc and Dec stay

The sample is Dec(G(z)). x (n, ...) in [-1, 1]; z (n, d) ~ U(-1, 1); codes (n, k) in [0, 1]. Dec returns logits l of the
pixels, an image is tanh(l / 2) = 2 sigmoid(l) - 1; p is Bernoulli, a pixel counts as white with its brightness. The MMD
is the biased estimate of a sum of Gaussian kernels, as in gmmn.py. Dropout, of pixels and of hidden units, makes that
codes nearby are decoded alike; the codes that G is to match are without it.

Distances of codes say more of images than those of pixels, and there are fewer of them: so few kernels do, and G is
smaller by its last layer.

Not to be confused with an adversarial auto-encoder (latent/aae.py), which moves the codes of images towards a prior,
while here G moves to where they are; nor with MMD auto-encoders (Wasserstein and InfoVAE), which do the former by MMD.
NOTE: the paper trains the auto-encoder layer by layer and then fine-tunes all of it; its code does so by SGD with
momentum on batches of 100. Here all of the auto-encoder learns at once, by Adam, on the first images of each batch of
the GMMN's. G is by Adam, too.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.games.critic_free.gmmn import mmd
from energan.games.latent.vae import image
from energan.losses.energy import energy, energy_map
from energan.losses.variational import bernoulli
from energan.utils.specification import recorded

MEANINGS = {
    "reconstruction": "−log p(x | Dec(Enc(x))), in nats, with dropout in Enc: how badly images are drawn again",
    "MMD": (
        "distance between the codes of the images and those of G in a batch by the kernels; near 0 they cannot be told "
        "apart by them"
    ),
    "Enc": "the encoder: images to codes",
    "Dec": "the decoder: codes to images",
    "G": "the generator of codes",
}


def reconstruction_loss(p: Players, b: Batch, portion: float) -> tuple[Tensor, Logs]:
    x = b.x[: max(1, round(portion * len(b.x)))]
    loss = bernoulli(x, p.Dec(p.Enc(x, True))).mean()
    return loss, {"reconstruction": loss}


def generator_loss(p: Players, b: Batch, widths: tuple[float, ...]) -> tuple[Tensor, Logs]:
    loss = mmd(p.Enc(b.x), p.G(b.z), widths)
    return loss, {"MMD": loss}


def again(p: Players, b: Batch) -> Tensor:
    """The image that Dec makes of the code of x."""
    return image(p.Dec(p.Enc(b.x)))


@recorded
def gmmn_ae(
    Enc: nn.Module,
    Dec: nn.Module,
    G: nn.Module,
    z: int | Noise,
    *,
    codes_from: int,
    portion: float = 1.0,
    widths: tuple[float, ...] = (1.0,),
    optimizer_AE: Optimizer = Adam(1e-3),
    optimizer_G: Optimizer = Adam(1e-3),
) -> Game:
    """GMMN + AE. codes_from: the first step of stage 2. portion: how much of a batch the auto-encoder sees, the
    others wait for G. widths: the kernels' standard deviations in units of the distance of two codes. z: dimensions of
    U(-1, 1), or a Noise. Enc(x, True) is Enc(x) with dropout.

    The energy reading is the mean squared error of an image that is drawn again.
    """
    return Game(
        players={"Enc": Player(Enc, optimizer_AE), "Dec": Player(Dec, optimizer_AE), "G": Player(G, optimizer_G)},
        turns={
            "AE": (Move(partial(reconstruction_loss, portion=portion), min=("Enc", "Dec")),),
            "G": (Move(partial(generator_loss, widths=widths), min=("G",)),),
        },
        order=lambda t: ("G",) if t >= codes_from else ("AE",),
        noise={"z": as_noise(z, uniform)},
        sample=lambda p, b: image(p.Dec(p.G(b.z))),
        energy=lambda p, b: energy(b.x, again(p, b), "mse"),
        energy_map=lambda p, b: energy_map(b.x, again(p, b), "mse"),
        meanings=MEANINGS,
    )
