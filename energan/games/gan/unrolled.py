"""Unrolled GAN.  "Unrolled generative adversarial networks", Metz, Poole, Pfau & Sohl-Dickstein 2016, arXiv:1611.02163,
sections 2.1 to 2.3.

    f(G, D)   = E log D(x) + E log(1 - D(G(z)))       D(x) = sigmoid(l(x))
    D_0 = D,  D_{k+1} = D_k + rate grad_D f(G, D_k)   D's own steps, here by D's own optimizer, as in their code
    f_K(G, D) = f(G, D_K(G, D))
    G descends f_K, differentiating through all K steps; D ascends f as ever

x (n, ...); z (n, d); the net D returns logits (n,). All K steps are of one batch. One turn, in which both move at once;
K = 0 is the minimax GAN.

Not to be confused with several steps of a critic to one of G (WGAN): D takes one step here, and G looks K ahead.
"""

from functools import partial

from torch import Tensor, nn
from torch.func import grad

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players, Weights
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import adversarial
from energan.utils.specification import recorded

MEANINGS = {
    "loss": "what D minimises, −f(G, D); 2 log 2 where it cannot tell samples from images",
    "f_K": "what G minimises: the value of the game after D's next K steps",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """-f(G, D)."""
    real, fake = p.D(b.x), p.D(p.G(b.z).detach())
    loss = adversarial.discriminator(real, fake)
    sure = adversarial.probability
    return loss, {"loss": loss, "D(x)": sure(real).mean(), "D(G(z))": sure(fake).mean()}


def generator_loss(p: Players, b: Batch, steps: int) -> tuple[Tensor, Logs]:
    """f_K(G, D)."""
    fake = p.G(b.z)  # the gradients of D's steps depend on it, and G learns through them

    def loss(weights: Weights, p: Players) -> Tensor:
        D = p.move(D=weights).D
        return adversarial.discriminator(D(b.x), D(fake))

    for _ in range(steps):
        p = p.stepped(D=grad(loss)(p.weights("D"), p))
    value = -loss(p.weights("D"), p)
    return value, {"f_K": value}


@recorded
def unrolled(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    *,
    steps: int = 5,
    optimizer_G: Optimizer = Adam(1e-3, beta1=0.5),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5),
) -> Game:
    """Unrolled GAN, K = `steps`. D returns logits (n,). Its energy reading is -l(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={
            "both": (
                Move(discriminator_loss, min=("D",)),
                Move(partial(generator_loss, steps=steps), min=("G",)),
            )
        },
        noise={"z": as_noise(z, normal)},
        sample=lambda p, b: p.G(b.z),
        energy=lambda p, b: -p.D(b.x).float(),
        meanings=MEANINGS,
    )
