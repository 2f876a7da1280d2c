"""A system that reads all of its noise from images, as small as can be: what tests of encoding train."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Code, Game, Logs, Move, Player, Players
from energan.engine.noise import normal, one_hot
from energan.engine.optimizers import Adam
from energan.experiment import Experiment
from energan.networks.layers import BatchNorm
from energan.recipes.build import build
from energan.recipes.common import Training, experiment, padded_digits
from energan.runs.folder import RunFolder
from energan.training.loop import train
from energan.utils.specification import recorded

SHORT = Training(steps=4, batch=8, save_every=4)


@recorded
class Encoder(nn.Module):
    """x (n, 1, size, size) -> z (n, numbers) and logits of k (n, categories), side by side."""

    def __init__(self, numbers: int, categories: int, size: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(size * size, 16, bias=False), BatchNorm(16), nn.ReLU(),
            nn.Linear(16, numbers + categories),
        )  # fmt: skip
        self.numbers = numbers

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        both = self.net(x)
        return both[:, : self.numbers], both[:, self.numbers :]


@recorded
class Decoder(nn.Sequential):
    """z and k side by side -> x (n, 1, size, size)."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__(
            nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, size * size), nn.Tanh(), nn.Unflatten(1, (1, size, size))
        )


def _loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    z, k = p.E(b.x)
    loss = (p.G(torch.cat([z, k.softmax(1)], 1)) - b.x).square().mean()
    return loss, {"loss": loss}


@recorded
def coding(G: nn.Module, E: nn.Module, numbers: int, categories: int, reads_all: bool) -> Game:
    """An auto-encoder whose code is z and a category k. reads_all: whether z is read, and not k alone."""
    z = {"z": Code(lambda p, b: p.E(b.x)[0])} if reads_all else {}
    return Game(
        players={"G": Player(G, Adam(1e-2)), "E": Player(E, Adam(1e-2))},
        turns={"G": (Move(_loss, min=("G", "E")),)},
        noise={"z": normal(numbers), "k": one_hot(categories)},
        sample=lambda p, b: p.G(torch.cat([b.z, b.k], 1)),
        encode={**z, "k": Code(lambda p, b: p.E(b.x)[1].softmax(1), "category")},
        meanings={"loss": "mean square error of reconstructions"},
    )


def recipe(
    *, data: str = "digits", numbers: int = 2, categories: int = 3, reads_all: bool = True, training: Training = SHORT
) -> Experiment:
    """The system on digits of 32 x 32."""
    with training.seeded():
        G, E = Decoder(numbers + categories, 32), Encoder(numbers, categories, 32)
    game = coding(G, E, numbers, categories, reads_all)
    return experiment(game, "coding", data, padded_digits, training)


def trained(folder: Path, **changes: Any) -> Path:
    """A run in `folder` of this recipe, trained to its end."""
    values = {"steps": 4, "batch": 8, "save_every": 4, "precision": "fp32", "device": "cpu", **changes}
    run = build("small_encoding:recipe", **values)
    data = run.training_set()
    RunFolder(folder).create(run, data, "small_encoding:recipe", values, "a test")
    assert train(run, RunFolder(folder), data, quiet=True) == "finished"
    return folder
