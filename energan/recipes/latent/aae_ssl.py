"""Adversarial auto-encoders whose code has a category: a class, of few labels, or a cluster (arXiv:1511.05644)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, decayed, experiment, resized
from energan.recipes.semi_supervised.labelled_data import FewLabels
from energan.utils.checks import at_least, fraction, not_negative, positive

if TYPE_CHECKING:
    from torch import nn

    from energan.engine.optimizers import Adam


@dataclass(frozen=True, kw_only=True)
class CategoryOptions:
    """The nets and optimizers of an adversarial auto-encoder whose code has a category."""

    z: int = 10
    """Numbers of the rest of the code, N(0, I)."""
    heads: float = 0.0
    """Draw from z plus a place for each category, so far apart at least (the paper's 2-d figures: --z 2); 0: no."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """Of the pixels: bernoulli, or gaussian (squares)."""
    units: int = 1000
    """Of each hidden layer, two in each net."""
    dropout: float = 0.0
    """Rate of the hidden layers of E and G."""
    code_noise: float = 0.3
    """Standard deviation of the noise on what the critics see."""
    lr: float = 5e-4
    """Adam's learning rate of all players, in all turns."""
    beta1: float = 0.5
    """Adam's first moment."""
    decay: float = 0.0
    """Share of the steps, the last ones, over which the learning rate falls linearly to 0."""

    def nets(self, k: int, shape: tuple[int, ...]) -> "tuple[nn.Module, nn.Module, nn.Module, nn.Module]":
        """E, G, D_y and D_z, checked."""
        from energan.networks.latent import aae

        positive(z=self.z, units=self.units, lr=self.lr)
        not_negative(heads=self.heads, code_noise=self.code_noise)
        fraction(dropout=self.dropout, beta1=self.beta1)
        hidden = (self.units, self.units)
        E = aae.CategoryEncoder(k, self.z, shape, hidden=hidden, dropout=self.dropout)
        G: nn.Module
        if self.heads:
            G = aae.HeadDecoder(k, self.z, shape, hidden=hidden, dropout=self.dropout)
        else:
            G = aae.Decoder(k + self.z, shape, hidden=hidden, dropout=self.dropout)
        D_y, D_z = (aae.Critic(inputs, hidden=hidden, noise=self.code_noise) for inputs in (k, self.z))
        return E, G, D_y, D_z

    def adam(self, steps: int) -> "Adam":
        from energan.engine.optimizers import Adam

        return Adam(self.lr, self.beta1, schedule=decayed(steps, self.decay))


def aae_ssl_mnist(
    *,
    data: Data = "mnist",
    codes: CategoryOptions = CategoryOptions(),
    labelled: FewLabels = FewLabels(),
    training: GeneratorTraining = GeneratorTraining(steps=6000, batch=100, save_every=500),
) -> Experiment:
    """The semi-supervised adversarial auto-encoder: a classifier from few labels, which also draws what is asked for.

    A step is one turn of E and G, one of both critics, one of E against them and one of E for the labels. Settings are
    those of a public reproduction, but for a rate five times higher; the paper's are unknown.
    """
    from energan.games.latent.aae_ssl import aae_ssl

    prepare = labelled.prepare()
    with training.seeded():
        nets = codes.nets(labelled.classes, (labelled.channels, labelled.size, labelled.size))
    adam = codes.adam(training.steps)
    rates: dict[str, Any] = {f"optimizer_{name}": adam for name in "EGDRL"} | {"likelihood": codes.likelihood}
    game = aae_ssl(*nets, codes.z, labelled.classes, apart=codes.heads, **rates)
    run = experiment(game, "aae-ssl", data, prepare, training, labelled.network(data))
    return labelled.applied(run)


def aae_clusters_mnist(
    *,
    data: Data = "mnist",
    clusters: int = 16,
    codes: CategoryOptions = CategoryOptions(z=5),
    training: GeneratorTraining = GeneratorTraining(steps=10000, batch=100, save_every=1000),
) -> Experiment:
    """The adversarial auto-encoder that clusters images, without labels; --heads 4 --z 2 for codes on paper.

    A step is one turn of E and G, one of both critics, and one of E against them.

    Args:
        clusters: How many; 16 and 30 in the paper's table 3.
    """
    from energan.games.latent.aae_ssl import aae_clusters

    at_least(2, clusters=clusters)
    with training.seeded():
        nets = codes.nets(clusters, (1, 28, 28))
    adam = codes.adam(training.steps)
    rates: dict[str, Any] = {f"optimizer_{name}": adam for name in "EGDR"} | {"likelihood": codes.likelihood}
    game = aae_clusters(*nets, codes.z, clusters, apart=codes.heads, **rates)
    return experiment(game, "aae-clusters", data, resized(28, 1), training)
