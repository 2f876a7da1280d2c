"""FastGAN.  "Towards faster and stabilized GAN training for high-fidelity few-shot image synthesis", Liu, Zhu, Song &
Elgammal 2021, arXiv:2101.04775, section 3.

    L_D = E [1 - D(x)]+ + E [1 + D(G(z))]+ + r L_recons
    L_recons = E |R(f) - T(x)|,  f = f(x): maps of D's layers for a real image
    L_G = - E D(G(z))

x (n, c, h, w); z (n, d). The net D returns its scores, (n,) or (n, places), and its maps f. The net R, "simple
decoders", returns what it decodes of f, and T(x), what that should be: the whole image, made small, and a part of it.
So D is an auto-encoder's encoder, too: the paper's means against a D that learns few images by heart. One turn of D and
R, then one of G, each on a fresh batch.

NOTE: the distance is the mean absolute one of pixels. The authors' is a perceptual one (LPIPS, of a network that was
trained on people's judgements), of three decoders, summed over them and over the batch: so their weight, 1, is no r of
ours.
NOTE: the authors' code has a number drawn from 0.8 to 1 in the place of each 1 of the hinges.
NOTE: the paper's text was not at hand when this was written; it is by copies of the authors' code.

Not to be confused with EBGAN, whose D's reconstruction error is the energy itself; here it keeps D honest, of real
images alone, and G never sees it.
"""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import critic_generator, hinge_discriminator
from energan.utils.specification import recorded

MEANINGS = {
    "loss": "what each player minimises; D's is 2 and r times the reconstruction while it knows nothing",
    "reconstruction": "mean distance of real images' pixels, in [-1, 1], from what is decoded of D's maps; it falls",
    "reconstruction_weight": "r: weight of the reconstruction in D's loss",
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, maps = p.D(b.x)
    fake, _ = p.D(p.G(b.z).detach())
    decoded, target = p.R(maps, b.x)
    reconstruction = (wide(decoded) - wide(target)).abs().mean()
    loss = hinge_discriminator(real.flatten(), fake.flatten()) + b.reconstruction_weight * reconstruction
    return loss, {"loss": loss, "reconstruction": reconstruction}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = critic_generator(p.D(p.G(b.z))[0].flatten())
    return loss, {"loss": loss}


def score(p: Players, b: Batch) -> Tensor:
    """D(x), (n,): the mean of its places."""
    return wide(p.D(b.x)[0]).flatten(1).mean(1)


@recorded
def fastgan(
    G: nn.Module,
    D: nn.Module,
    R: nn.Module,
    z: int | Noise,
    *,
    reconstruction_weight: float = 1.0,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """FastGAN. D returns (scores, maps), R (what it decodes of maps, what that should be). Its energy reading is -D(x).

    reconstruction_weight: r. optimizer_D: R's, too.
    """
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D), "R": Player(R, optimizer_D)},
        turns={"D": (Move(discriminator_loss, min=("D", "R")),), "G": (Move(generator_loss, min=("G",)),)},
        noise={"z": as_noise(z, normal)},
        hyperparameters={"reconstruction_weight": reconstruction_weight},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -score(p, b),
        meanings=MEANINGS,
    )
