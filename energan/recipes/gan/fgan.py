"""Digits by the other games of a discriminator. The first GAN has its own nets; the others share DCGAN's generator.

Unrolled GAN's D is WGAN-GP's critic, which has no batch norm, by choice.
"""

from typing import TYPE_CHECKING, Literal

from energan.recipes.common import Precision, dcgan_pair, padded_digits, resized, run
from energan.recipes.flag_docs import documented
from energan.utils.checks import at_least, fraction, positive, usable_seed

if TYPE_CHECKING:
    from torch import nn

    from energan.experiment import Experiment

Divergence = Literal[
    "kl", "reverse-kl", "pearson", "neyman", "squared-hellinger", "jeffrey", "jensen-shannon", "gan", "total-variation"
]


def _connected(z: int, seed: int) -> "tuple[nn.Module, nn.Module]":
    """f-GAN's G and V on 28 x 28 images."""
    from energan.engine.rng import seeded
    from energan.networks.dense.perceptron import Perceptron, with_tanh

    positive(z=z)
    usable_seed(seed)
    with seeded(seed):
        G = with_tanh(Perceptron((z, 1200, 1200, 784), norm=True, shape=(1, 28, 28)))
        return G, Perceptron((784, 240, 240, 1), activation="elu", shape=())


@documented
def fgan_mnist(
    *,
    data: str = "mnist",
    steps: int = 3000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 250,
    divergence: Divergence = "jensen-shannon",
    critic_steps: int = 0,
    loss: Literal["bound", "trick"] = "trick",
    nets: Literal["conv", "mlp"] = "conv",
    z: int = 100,
    width: int = 32,
    lr: float = 1e-3,
    beta1: float = 0.5,
    ema: float = 0.999,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """f-GAN: any of nine divergences by its variational bound (arXiv:1606.00709).

    Args:
        steps: Training steps, each one turn of V and G together, or several of V and one of G.
        divergence: D_f, between the images and the samples. Those that are infinite where the two do not overlap
            (neyman, reverse-kl, kl, jeffrey) may explode at the start, and train at a lower --lr if at all.
        critic_steps: Turns of V before each of G; 0 for the single-step method, in which both move at once.
        loss: What G descends: the bound itself, or -E g(V(G(z))) (the paper's trick, section 3.2).
        nets: DCGAN's (conv), or fully connected ones after the paper's (mlp).
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES

    positive(lr=lr)
    fraction(beta1=beta1)
    at_least(0, critic_steps=critic_steps)
    G, V = dcgan_pair(z, width, seed) if nets == "conv" else _connected(z, seed)
    adam = Adam(lr, beta1)
    game = GAMES["fgan"](
        G, V, z, divergence=divergence, critic_steps=critic_steps, loss=loss, optimizer_G=adam, optimizer_V=adam
    )
    return run(
        game, "fgan", data, padded_digits if nets == "conv" else resized(28, 1), steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mnist", precision=precision, device=device, compile=compile,
    )  # fmt: skip
