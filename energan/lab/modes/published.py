"""Rings and grids as others published them: targets, nets, weights at the start, rates, batches and lengths.

notebook   unrolled GANs (Metz et al. 2016, arXiv:1611.02163), the authors' notebook, which has K = 5
appendix   the same, the paper's appendix A, as reimplementations read it: not confirmed by code of the authors', and
           with the notebook's batch and length
pacgan     GAN and PacGAN (Lin, Khetan, Fanti & Oh 2018, arXiv:1712.04086), the authors' code; its batches are of packs

NOTE, of the appendix: a reimplementation alternates, D first, each on a fresh batch; here both move at once, as in the
notebook.
NOTE, of PacGAN's code: it draws 100,000 points once, and packs them at random, where points are drawn anew for each
batch here; it takes the noises of a pack through G apart, 100 at a time, where batch norm sees all of them here; and it
measures samples by moving averages of their moments, where 2,500 samples are normalised by their own here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn

from energan.data import toys
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.games.gan.gan import gan
from energan.games.gan.unrolled import unrolled
from energan.lab.modes.systems import Settings
from energan.networks.dense.maxout import Maxout
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers.initialisation import initialise
from energan.networks.layers.minibatch_discrimination import Packed


class Protocol(NamedTuple):
    """A published protocol.

    target   what is to be found
    systems  name -> (settings -> a game, points of a batch, of a pack)
    z        dimensions of the noise
    steps    of G, as published
    results  name -> what the paper has, ± standard error
    """

    target: Callable[[], toys.Mixture]
    systems: dict[str, tuple[Callable[[Settings], Game], int, int]]
    z: int
    steps: int
    results: Mapping[str, str] = MappingProxyType({})


def _notebook(settings: Settings, steps: int) -> Game:
    orthogonal = partial(nn.init.orthogonal_, gain=1.4)
    G = Perceptron((settings.z, 128, 128, 2), activation="tanh", init=orthogonal)
    D = Perceptron((2, 128, 128, 1), activation="tanh", shape=(), init=orthogonal)
    rates = {"optimizer_G": Adam(1e-3, beta1=0.5), "optimizer_D": Adam(1e-4, beta1=0.5)}
    return unrolled(G, D, settings.z, steps=steps, **rates)


def _appendix(settings: Settings, steps: int) -> Game:
    orthogonal = partial(nn.init.orthogonal_, gain=0.8)
    G = Perceptron((settings.z, 128, 128, 2), init=orthogonal)
    D = Perceptron((2, 128, 1), shape=(), scale=0.25, init=orthogonal)
    rates = {"optimizer_G": Adam(1e-4, beta1=0.5), "optimizer_D": Adam(1e-4, beta1=0.5)}
    return unrolled(G, D, settings.z, steps=steps, **rates)


class MaxoutCritic(nn.Module):
    """x (n, ...), of `features` numbers each -> logits (n,): three layers of 200 maxout units of 5 pieces."""

    def __init__(self, features: int) -> None:
        super().__init__()
        layers = [Maxout(size, 200, 5) for size in (features, 200, 200)]
        self.net = nn.Sequential(*layers, nn.Linear(200, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.flatten(1)).squeeze(1)


def _pacgan(settings: Settings) -> Game:
    G = Perceptron((settings.z, *[400] * 4, 2), norm=True)
    D = Packed(MaxoutCritic(2 * settings.pack), settings.pack)
    for net in (G, D):
        initialise(net, 0.02)
    adam = Adam(1e-4, beta1=0.8)
    return gan(G, D, settings.z, simultaneous=True, optimizer_G=adam, optimizer_D=adam)


_UNROLLED: dict[str, int] = {f"unrolled K={k}": k for k in (0, 1, 5, 10)}
_PACS = {"GAN": 1, **{f"PacGAN{m}": m for m in (2, 3, 4)}}

PROTOCOLS: dict[str, Protocol] = {
    "notebook": Protocol(
        toys.ring_unrolled_notebook,
        {name: (partial(_notebook, steps=k), 512, 1) for name, k in _UNROLLED.items()},
        z=256,
        steps=25_000,
    ),
    "appendix": Protocol(
        toys.ring_unrolled_paper,
        {name: (partial(_appendix, steps=k), 512, 1) for name, k in _UNROLLED.items()},
        z=256,
        steps=25_000,
    ),
    "pacgan-ring": Protocol(
        toys.ring,
        {name: (_pacgan, 100 * m, m) for name, m in _PACS.items()},
        z=2,
        steps=400_000,
        results={
            "GAN": "6.3 ± 0.5 modes, 98.2 %",
            "PacGAN2": "7.9 ± 0.1 modes, 95.6 %",
            "PacGAN3": "7.8 ± 0.1 modes, 97.7 %",
            "PacGAN4": "7.8 ± 0.1 modes, 95.9 %",
        },
    ),
    "pacgan-grid": Protocol(
        toys.grid,
        {name: (_pacgan, 100 * m, m) for name, m in _PACS.items()},
        z=2,
        steps=400_000,
        results={
            "GAN": "17.3 ± 0.8 modes, 94.8 %",
            "PacGAN2": "23.8 ± 0.7 modes, 91.3 %",
            "PacGAN3": "24.6 ± 0.4 modes, 94.2 %",
            "PacGAN4": "24.8 ± 0.2 modes, 93.6 %",
        },
    ),
}
