"""Two stages: blurred images first, then clear ones.  After the image generation pipeline of Jun Gao's lecture on
generative adversarial nets, whose slides show results and no losses: the losses are ours.

    stage 1, before step `clear_from`: a VAE (vae.py)     E, G descend E - log p(x|z) + KL(q(z|x) || N(0, I))
    stage 2, from then on: a refiner of its images        x_b = G(mu(x)),  x_p = G(z),  z ~ N(0, I); E and G stay
    L_D = - log D(x) - (log(1 - D(R(x_b))) + log(1 - D(R(x_p)))) / 2
    L_R = - (log D(R(x_b)) + log D(R(x_p))) / 2 + m |f(x) - f(R(x_b))|^2 / units + r |x - R(x_b)|^2 / pixels

x (n, ...) in [-1, 1]; z (n, d). G's images are tanh(l / 2) of its logits l; f are the features of D, which returns
networks.latent Verdict. In stage 2 a step is a turn of D and one of R. The sample is R(x_p), clear; `blurred` is x_p.

One stage after the other, and not both at once: R then learns from the blur that it will be given, not from that of a
VAE still under way, and a step costs what its stage does. R has no noise of its own: what is to be seen is in z.

Not to be confused with the two-stage VAE (Dai & Wipf 2019), whose second stage is a VAE of codes; nor with StackGAN,
which is told words and refines to a larger size; nor with SRGAN, whose small images are real ones.
NOTE: squares are means here, sums in vae_gan.py: D's features change, but their number does not weigh them.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from energan.engine.game import Batch, Code, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.games.latent.vae import Likelihood, bound_loss, image, surprise
from energan.losses import adversarial
from energan.utils.specification import recorded

MEANINGS = {
    "kl": "weight of the KL divergence in stage 1; 1 is the bound’s",
    "feature": "weight of feature matching in the refiner’s loss",
    "pixel": "weight of the pixels’ squared difference in the refiner’s loss",
    "bound": "of the VAE: a lower bound of the images’ mean log-likelihood, in nats; it should rise",
    "reconstruction": "of the VAE: −log p(x|z), in nats: how badly images are drawn again from their codes",
    "KL": "divergence of the codes’ distribution from the noise, in nats: how much a code says of its image",
    "loss": "what the player minimises; D and R pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(R)": "the same for refined images",
    "L_f": "mean squared difference of the features of images and of their refined reconstructions, in D",
    "L_pix": "mean squared difference of their pixels, from −1 to 1",
    "E": "the encoder: images to the mean and the variance of their codes",
    "G": "the decoder: codes to blurred images",
    "R": "the refiner: blurred images to clear ones",
    "D": "the discriminator of images",
}


def blurred(p: Players, b: Batch) -> Tensor:
    """G(z) as images (n, c, h, w) in [-1, 1]: a readout as `Game.sample` is, of the first stage."""
    return image(p.G(b.z))


def refined(p: Players, b: Batch) -> Tensor:
    """R(G(z)), images (n, c, h, w) in [-1, 1]: the sample."""
    return p.R(blurred(p, b))


def again(p: Players, b: Batch) -> Tensor:
    """R(x_b), the refined reconstruction; no gradient reaches E and G."""
    return p.R(image(p.G(p.E(b.x).mean)).detach())


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, fakes = p.D(b.x).logits, [p.D(x.detach()).logits for x in (again(p, b), refined(p, b))]
    loss = (adversarial.discriminator(real, fakes[0]) + adversarial.discriminator(real, fakes[1])) / 2
    sure = adversarial.probability
    return loss, {"loss": loss, "D(x)": sure(real).mean(), "D(R)": (sure(fakes[0]).mean() + sure(fakes[1]).mean()) / 2}


def refiner_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    x = again(p, b)
    seen, drawn = p.D(x), p.D(p.R(blurred(p, b).detach()))
    features = mse_loss(wide(seen.features), wide(p.D(b.x).features))
    pixels = mse_loss(wide(x), wide(b.x))
    fooled = (adversarial.non_saturating(seen.logits) + adversarial.non_saturating(drawn.logits)) / 2
    loss = fooled + b.feature * features + b.pixel * pixels
    return loss, {"loss": loss, "L_f": features, "L_pix": pixels}


@recorded
def two_stage(
    E: nn.Module,
    G: nn.Module,
    R: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    clear_from: int,
    likelihood: Likelihood = "bernoulli",
    s: float = 0.25,
    kl: float = 1.0,
    feature: float = 1.0,
    pixel: float = 1.0,
    optimizer_E: Optimizer = Adam(1e-3),
    optimizer_G: Optimizer = Adam(1e-3),
    optimizer_R: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """Two stages. G returns logits; likelihood, s and kl are the VAE's. clear_from: the first step of stage 2."""
    noise, unlike = as_noise(z, normal), partial(surprise, likelihood=likelihood, s=s)
    return Game(
        players={
            "E": Player(E, optimizer_E),
            "G": Player(G, optimizer_G),
            "R": Player(R, optimizer_R),
            "D": Player(D, optimizer_D),
        },
        turns={
            "blur": (Move(partial(bound_loss, unlike=unlike), min=("E", "G")),),
            "D": (Move(discriminator_loss, min=("D",)),),
            "R": (Move(refiner_loss, min=("R",)),),
        },
        order=lambda t: ("D", "R") if t >= clear_from else ("blur",),
        noise={"z": noise, "eps": noise},
        hyperparameters={"kl": kl, "feature": feature, "pixel": pixel},
        sample=refined,
        encode={"z": Code(lambda p, b: p.E(b.x).mean)},
        meanings=MEANINGS,
    )
