"""Conditional faces: small games, a step by hand from the report's equations, and the density of attributes."""

import json
from pathlib import Path

import torch
from small_games import MLP, Small, Z, float64, rates, turn_batch
from small_runs import start, trained
from torch import nn

from energan.engine.game import Batch, Game
from energan.engine.rng import seeded
from energan.games.conditional.conditional_faces import conditional_faces
from energan.networks.dense import mlp
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers.bank import Bank
from energan.networks.layers.condition import Joined, Standard
from energan.runs.rebuild import load

WIDTH = 3
ROWS = torch.tensor([[0.0, 1.0, 20.0], [1.0, 0.0, 30.0], [1.0, 1.0, 70.0], [0.0, 0.0, 44.0]])


class Read(nn.Module):
    """D of images; y joins before the last unit."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.last = Perceptron((16, 8, 6), activation="tanh"), nn.Linear(6 + WIDTH, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.last(torch.cat([self.net(x.flatten(1)), y], 1)).squeeze(1)


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        G = Joined(mlp.Generator(Z + WIDTH, MLP, layers=3, size=8), WIDTH)
        K, S = Bank(WIDTH, rows=6), Standard(WIDTH)
        # what K.fill(ROWS, 0.2, deviations) makes, without its look at the values: that waits for a device
        K.codes[: len(ROWS)], K.width[:] = ROWS, 0.2 * ROWS.std(0, correction=0)
        K.count.fill_(len(ROWS))
        S.measure(ROWS)
        g, d = rates(i)
        return conditional_faces(G, Read(), K, S, Z, WIDTH, optimizer_G=g, optimizer_D=d)


SMALL = {"conditional-faces": Small(build, MLP, bounded=False, labels=WIDTH)}


def by_hand(G, D, x, y, z, r, e, **_):
    mean, deviation = ROWS.double().mean(0), ROWS.double().std(0, correction=0)
    asked = ROWS.double()[(r * 4).floor().long()] + 0.2 * deviation * e
    y, asked = (y - mean) / deviation, (asked - mean) / deviation

    def d():
        real, fake = torch.sigmoid(D(x, y)), torch.sigmoid(D(G(z, asked).detach(), asked))
        return -(real.log().mean() + (1 - fake).log().mean()) / 2

    def g():
        return -torch.sigmoid(D(G(z, asked), asked)).log().mean()

    return {"both": {"D": d, "G": g}}


BY_HAND = {"conditional-faces": by_hand}


def test_attributes_of_samples_are_drawn_and_not_those_of_the_batch():
    game = build(0, 0)
    p, b = float64(game), turn_batch(SMALL["conditional-faces"], game)
    drawn = game.conditions.draw(p, b)
    assert drawn.shape == b.y.shape and not (drawn[:, None] == ROWS.double()).all(2).any()
    loss = game.turns["both"][1].objective
    other = Batch({**{k: getattr(b, k) for k in ("x", "z", "r", "e")}, "y": b.y.roll(1, 0)})
    torch.testing.assert_close(loss(p, b)[0], loss(p, other)[0])  # G never sees the batch's


def test_a_sample_is_asked_for_in_the_units_of_the_table():
    game = build(0, 0)
    p, z = float64(game), torch.rand(4, Z, dtype=torch.float64)
    drawn = game.sample(p, Batch({"z": z, "c": ROWS.double()}))
    torch.testing.assert_close(drawn, p.G(z, p.S(ROWS.double())))


def test_a_run_keeps_its_density_and_its_units(tmp_path: Path):
    folder = trained(tmp_path / "run", "conditional-faces", steps=3)
    model = load(folder)
    _, data = start(tmp_path / "again", "conditional-faces", steps=3)
    values = data.attributes
    torch.testing.assert_close(model.nets["S"].mean, values.mean(0))
    assert model.nets["K"].count == len(values)
    torch.testing.assert_close(model.nets["K"].codes[: len(values)], values)
    assert float(model.nets["K"].width.max()) > 0
    record = json.loads((folder / "run.json").read_text())
    assert [row["name"] for row in record["data"]["attributes"]] == ["round", "size"]
    assert model.sample(2).shape == (2, 3, 32, 32) and model.asked_width == 2
