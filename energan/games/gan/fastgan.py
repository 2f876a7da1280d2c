"""FastGAN.  "Towards faster and stabilized GAN training for high-fidelity few-shot image synthesis", Liu, Zhu, Song &
Elgammal 2021, arXiv:2101.04775, equations 4 to 6.

    L_D = E [1 - D(x)]+ + E [1 + D(G(z))]+ + r L_recons
    L_recons = E |R(f) - T(x)|,  f = f(x): what D's layers say of a real image
    L_G = - E D(G(z))

x (n, c, h, w); z (n, d). The net D returns its scores, (n,) or (n, places), and its maps f. The net R, "simple
decoders", returns from f what is left of x, and T(x), what that should be: the whole image, made small, and a part of
it. So D is an auto-encoder's encoder, too, and has to keep of an image what it is; without that it learns a few by
heart. One turn of D and R, then one of G, each on a fresh batch. r is 1 in the paper.

NOTE: the distance is the mean absolute one of pixels; the paper's is a perceptual one (LPIPS), of a network that was
trained on people's judgements.
NOTE: the authors' code draws the 1 of each image anew, between 0.8 and 1; the paper does not have that.

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
    "loss": "what each player minimises; D's is 2 and the reconstruction while it knows nothing",
    "reconstruction": "mean distance of real images from what is decoded of D's maps, 0 to 2; it falls",
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
