"""Mode-regularised GANs.  "Mode regularized generative adversarial networks", Che, Li, Jacob, Bengio & Li 2016,
arXiv:1612.02136.

    d = |x - G(E(x))|^2 / numbers,   z ~ N(0, I)

`mode_regularised`: a GAN whose G must also be able to draw every training image.
    L_D = - log D(x) - log(1 - D(G(z)))
    L_G = - log D(G(z)) + R,  L_E = R,   R = E lambda_1 d(x, G(E(x))) - lambda_2 log D(G(E(x)))

`manifold_diffusion`, MDGAN, in two steps: reconstructions to the images, then samples to the reconstructions.
    manifold:   L_D1 = - log D_1(x) - log(1 - D_1(G(E(x))))          L_G = L_E = d(x, G(E(x))) - lambda log D_1(G(E(x)))
    diffusion:  L_D2 = - log D_2(G(E(x))) - log(1 - D_2(G(z)))       L_G = - log D_2(G(z))

x (n, ...) in [-1, 1]; E gives codes (n, d), D logits (n,). A missed mode has images that D takes for real and G(z)
never reaches; R is of all training images, so G is moved there too. Turns of D, then of G and E;
MDGAN: D_1, G and E, D_2, G.

R descends - log D: a copied implementation descends + log D, which moves reconstructions away from where D sees images.

Not to be confused with the manifold-regularised GAN (arXiv:1811.10427), also MR-GAN; nor with VAE/GAN, whose codes
are pulled to the noise: nothing is here, so codes of images may lie where no noise does.
NOTE: MDGAN's G has an optimizer for each of its turns, with moments of their own (`Alternating`). With one Adam for
both the distance hardly moved G, D_1 knew all reconstructions, and samples became one blot (docs/results/latent.md):
the diffusion step's gradients, larger, we think, set the size of all steps.
NOTE: lambda_1 = 0.2, lambda_2 = 0.4 and MDGAN's 0.01 are quoted as the paper's; we could not confirm them, nor
whether d is a sum or a mean.
"""

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Alternating, Optimizer
from energan.engine.precision import wide
from energan.losses import adversarial
from energan.utils.specification import recorded

MEANINGS = {
    "lambda_1": "weight of the distance between images and reconstructions",
    "lambda_2": "weight of D’s verdict on reconstructions",
    "loss": "what the player minimises; they pull against each other, so neither has to fall",
    "d": "mean squared difference of images and reconstructions, pixels from −1 to 1; it should fall",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
    "D(G(E(x)))": "the same for reconstructions",
    "E": "the encoder: images to the noise that should draw them",
    "D_1": "tells images from reconstructions",
    "D_2": "tells reconstructions from samples",
}


def regulariser(p: Players, b: Batch, judge: str) -> tuple[Tensor, Logs]:
    """lambda_1 d(x, G(E(x))) - lambda_2 log D(G(E(x)))."""
    again = p.G(p.E(b.x))
    d, said = mse_loss(wide(again), wide(b.x)), getattr(p, judge)(again)
    loss = b.lambda_1 * d + b.lambda_2 * adversarial.non_saturating(said)
    return loss, {"d": d, "D(G(E(x)))": adversarial.probability(said).mean()}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, fake = p.D(b.x), p.D(p.G(b.z).detach())
    loss, sure = adversarial.discriminator(real, fake), adversarial.probability
    return loss, {"loss": loss, "D(x)": sure(real).mean(), "D(G(z))": sure(fake).mean()}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    regular, logs = regulariser(p, b, "D")
    loss = adversarial.non_saturating(p.D(p.G(b.z)))
    return loss + regular, {"loss": loss, **logs}


def manifold_discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = adversarial.discriminator(p.D_1(b.x), p.D_1(p.G(p.E(b.x)).detach()))
    return loss, {"loss": loss}


def manifold_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    return regulariser(p, b, "D_1")


def diffusion_discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = adversarial.discriminator(p.D_2(p.G(p.E(b.x)).detach()), p.D_2(p.G(b.z).detach()))
    return loss, {"loss": loss}


def diffusion_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = adversarial.non_saturating(p.D_2(p.G(b.z)))
    return loss, {"loss": loss}


@recorded
def mode_regularised(
    G: nn.Module,
    D: nn.Module,
    E: nn.Module,
    z: int | Noise,
    *,
    lambda_1: float = 0.2,
    lambda_2: float = 0.4,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_E: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """A GAN with both regularisers. z: dimensions of N(0, I), or a Noise. Its energy reading is -l(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D), "E": Player(E, optimizer_E)},
        turns={"D": (Move(discriminator_loss, min=("D",)),), "G": (Move(generator_loss, min=("G", "E")),)},
        noise={"z": as_noise(z, normal)},
        hyperparameters={"lambda_1": lambda_1, "lambda_2": lambda_2},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        encode={"z": Code(lambda p, b: p.E(b.x))},
        meanings=MEANINGS,
    )


@recorded
def manifold_diffusion(
    G: nn.Module,
    D_1: nn.Module,
    D_2: nn.Module,
    E: nn.Module,
    z: int | Noise,
    *,
    weight: float = 0.01,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_E: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """MDGAN. weight: lambda. Its energy reading is -l_1(x), of the discriminator of images."""
    return Game(
        players={
            "G": Player(G, Alternating((optimizer_G, optimizer_G))),
            "D_1": Player(D_1, optimizer_D),
            "D_2": Player(D_2, optimizer_D),
            "E": Player(E, optimizer_E),
        },
        turns={
            "D_1": (Move(manifold_discriminator_loss, min=("D_1",)),),
            "manifold": (Move(manifold_loss, min=("G", "E")),),
            "D_2": (Move(diffusion_discriminator_loss, min=("D_2",)),),
            "diffusion": (Move(diffusion_loss, min=("G",)),),
        },
        noise={"z": as_noise(z, normal)},
        hyperparameters={"lambda_1": 1.0, "lambda_2": weight},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D_1(b.x).float(),
        encode={"z": Code(lambda p, b: p.E(b.x))},
        meanings=MEANINGS,
    )
