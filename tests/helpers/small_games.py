"""What the tests of games share: tiny nets, builders of small games, batches of noise."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Learner, Players, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.engine.state import parameters
from energan.networks.conv import dcgan
from energan.networks.dense import mlp
from energan.networks.dense.perceptron import Perceptron

Z = 3
MLP, CONV, POINTS = (1, 4, 4), (2, 8, 8), (2,)  # shapes of samples

MLP_G = partial(mlp.Generator, Z, MLP, layers=3, size=8)
MLP_D = partial(mlp.Discriminator, MLP, layers=3, size=8)
MLP_AE = partial(mlp.Autoencoder, MLP, layers=3, size=6)
CONV_G = partial(dcgan.Generator, Z, channels=2, size=8, width=4)
POINTS_G = partial(Perceptron, (Z, 8, 2))
POINTS_D = partial(Perceptron, (2, 8, 8, 1), shape=(), activation="tanh")


class Small(NamedTuple):
    """A small game: `build(seed, i)` makes the i-th: weights from `seed`, hyperparameters from `i`."""

    build: Callable[[int, int], Game]
    shape: tuple[int, ...]  # of a sample, or of x
    bounded: bool = True  # its energy reading is >= 0
    images: bool = True  # its samples are images in [-1, 1], not points
    classes: int = 0  # of the labelled x; then there are u without labels too
    labels: int = 0  # classes of x, where no u is needed
    coded: bool = False  # the batches have the codes h of x
    words: int = 0  # numbers of the codes of words: right ones and wrong ones of each x
    other: tuple[int, ...] = ()  # of y, images of the other domain
    clamp: Mapping[str, tuple[float, float]] = {}  # player -> bounds of its weights after each of its steps


def rates(i: int) -> tuple[Adam, Adam]:
    """Optimizers of G and D.

    Their eps is large: with the usual one, the first step is the gradient's sign. A gradient that is 0 up to rounding
    would then move its weight differently on another processor, and a loss of the wrong scale would go unnoticed.
    """
    return Adam(1e-3 * (i + 1), beta1=0.5, eps=1e-3), Adam(2e-3 / (i + 1), eps=1e-3)


def scaled(game: Game, i: int) -> Game:
    """The game with hyperparameters that grow with i."""
    return game._replace(hyperparameters={k: v * (1 + i / 4) for k, v in game.hyperparameters.items()})


def builder(
    make: Callable[..., Game], nets: Mapping[str, Callable[[], nn.Module]], **settings: object
) -> Callable[[int, int], Game]:
    """Builds `make`'s game of these nets with Adam for each of them."""

    def build(seed: int, i: int) -> Game:
        with seeded(seed):
            players = {k: net() for k, net in nets.items()}
            adams = {f"optimizer_{k}": rate for k, rate in zip(players, rates(i), strict=False)}
            return scaled(make(**players, z=Z, **adams, **settings), i)

    return build


def on_points(
    make: Callable[..., Game], D: Callable[[], nn.Module] | None = POINTS_D, who: str = "D", **settings: object
):
    """Builds a game of points in the plane; `who` is the critic's name, and D = None leaves it out."""
    return builder(make, {"G": POINTS_G} | ({who: D} if D else {}), **settings)


def critic() -> nn.Module:
    """A net whose readings count only in differences: its last bias would have no gradient."""
    net = POINTS_D()
    net.net[-1].bias = None
    return net


class Encoder(nn.Sequential):
    """MLP-shaped images -> 5 numbers, "h" -> 3 logits; always the same, and smooth: no weight is without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.h = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh())
            self.logits = nn.Linear(5, 3)


def source(small: Small, seed: int = 0, n: int = 5) -> Source:
    """Batches of noise images, and labels where the game takes them; batch k depends on (seed, k) alone."""
    classes = small.classes or small.labels

    def batch(k: int) -> Mapping[str, Tensor]:
        g = torch.Generator().manual_seed(100 * seed + k)
        x = torch.rand(n, *small.shape, generator=g) * 2 - 1
        if small.coded:
            return {"x": x, "h": Encoder().h(x).detach()}
        if small.words:
            right, wrong = (torch.rand(n, small.words, generator=g) for _ in range(2))
            return {"x": x, "h": right, "h_wrong": wrong}
        if small.other:
            return {"x": x, "y": torch.rand(n, *small.other, generator=g) * 2 - 1}
        if not classes:
            return {"x": x}
        y = torch.randint(classes, (n,), generator=g)
        return {"x": x, "y": torch.eye(classes)[y], "u": torch.rand(n, *small.shape, generator=g) * 2 - 1}

    return batch


def turn_batch(small: Small, game: Game, dtype: torch.dtype = torch.float64, n: int = 5) -> Batch:
    """One turn's data, noise and hyperparameters."""
    g = torch.Generator().manual_seed(7)
    data = {k: v.to(dtype) for k, v in source(small, n=n)(0).items()}
    noise = {k: f(g, n).to(dtype) for k, f in game.noise.items()}
    hyperparameters = {k: torch.tensor(v, dtype=dtype) for k, v in game.hyperparameters.items()}
    values = {**data, **noise, **hyperparameters, "t": torch.tensor(1), "key": torch.tensor(5)}
    if game.conditions is not None and game.conditions.draw is not None:
        players = Players({k: p.net for k, p in game.players.items()})
        values["c"] = game.conditions.draw(players, Batch(values)).detach().to(dtype)
    return Batch(values)


def float64(game: Game) -> Players:
    """The game's players in float64, ready to learn."""
    nets = {k: p.net.double().train() for k, p in game.players.items()}
    learners = {
        k: Learner(p.optimizer, p.optimizer.init(parameters(nets[k])), 1.0, p.projection)
        for k, p in game.players.items()
        if p.optimizer
    }
    return Players(nets, learners=learners)


# ---- terms of several papers, written from their equations ----


def norm(a: Tensor) -> Tensor:
    """(n,): the Euclidean norm of each row."""
    return torch.stack([row.flatten().norm() for row in a])


def gradients(D: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of D in each row of `at`, which can itself be differentiated."""
    at = at.detach().requires_grad_(True)
    return torch.autograd.grad(D(at).sum(), at, create_graph=True)[0]


def gradient_penalty(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """WGAN-GP's: gradients of norm 1 between each real and each generated row."""
    between = torch.stack([e * a + (1 - e) * b for e, a, b in zip(eps, real, fake, strict=True)])
    return ((norm(gradients(D, between)) - 1) ** 2).mean()
