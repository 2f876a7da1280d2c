"""GMMN.  "Generative moment matching networks", Li, Swersky & Zemel 2015, arXiv:1502.02761; Dziugaite et al. 2015.

    L_G = sqrt(MMD^2(x, G(z)))      eq. 3 and section 4: the biased estimate, of a sum of Gaussian kernels

No critic. x (n, ...); z (n, d) ~ U(-1, 1); the kernels compare flattened images, so large batches matter (the paper's
have 1000), and their widths must suit the distances in the data.

Also known as MMD nets (Dziugaite et al.).
Not to be confused with MMD GAN (Li et al. 2017, arXiv:1705.08584), whose kernel a critic learns; nor with the paper's
GMMN + AE (gmmn_ae.py), whose kernels compare codes.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.matching import kernel_mmd
from energan.utils.specification import recorded

MEANINGS = {
    "MMD": (
        "distance between the images and the samples of a batch by the kernels; near 0 they cannot be told apart "
        "by them"
    ),
}


def mmd(x: Tensor, y: Tensor, widths: tuple[float, ...]) -> Tensor:
    """The root of the biased MMD^2 of two batches."""
    squared = kernel_mmd(x, y, widths, biased=True)
    return (squared.relu() + 1e-12).sqrt()  # the tiny constant: the root's gradient is singular at 0


def generator_loss(p: Players, b: Batch, widths: tuple[float, ...]) -> tuple[Tensor, Logs]:
    loss = mmd(b.x, p.G(b.z), widths)
    return loss, {"MMD": loss}


@recorded
def gmmn(
    G: nn.Module,
    z: int | Noise,
    *,
    widths: tuple[float, ...] = (2.83, 4.47, 6.32, 8.94, 12.6, 17.9),
    optimizer_G: Optimizer = Adam(1e-3),
) -> Game:
    """GMMN. widths: the kernels' standard deviations in units of ||x - y||; z: dimensions of U(-1, 1), or a Noise.

    The paper's sigma (2, 5, 10, 20, 40, 80, of pixels in [0, 1]) are variances: exp(-||x - y||^2 / (2 sigma)). The
    widths here are 2 sqrt(sigma), for pixels in [-1, 1].
    """
    return Game(
        players={"G": Player(G, optimizer_G)},
        turns={"G": (Move(partial(generator_loss, widths=widths), min=("G",)),)},
        noise={"z": as_noise(z, uniform)},
        sample=lambda p, b: p.G(b.z),
        meanings=MEANINGS,
    )
