"""The ladder network and EBGAN-LN beyond the common checks: costs by name, the baseline, the schedule, the readings."""

import pytest
import torch
from torch import nn

from energan.data.few_labels import LabelledBatches
from energan.engine import Trainer
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.games.semi_supervised.ladder import weights
from energan.networks.dense.ladder import Ladder
from energan.networks.dense.perceptron import Perceptron
from energan.utils.errors import UserError

SIZES = (16, 8, 6, 3)


def source(rows: int = 6) -> LabelledBatches:
    g = torch.Generator().manual_seed(0)
    images = torch.randint(256, (30, 1, 4, 4), generator=g, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2] * 4 + [-1] * 18)
    return LabelledBatches(images, labels, classes=3, labelled=rows, unlabelled=rows, seed=0)


def ladder(gain: bool = True) -> Ladder:
    with seeded(0):
        return Ladder(SIZES, gain=gain)


def generator() -> nn.Module:
    with seeded(1):
        return Perceptron((5, 8, 16), shape=(1, 4, 4))


@pytest.mark.parametrize(
    ("costs", "layers", "expected"),
    [
        ("full", 7, (1000, 10, 0.1, 0.1, 0.1, 0.1, 0.1)),
        ("bottom", 7, (5000, 0, 0, 0, 0, 0, 0)),
        ("gamma", 7, (0, 0, 0, 0, 0, 0, 0.5)),
        ("none", 4, (0, 0, 0, 0)),
        ("full", 2, (1000, 10)),
        ((1, 2.5, 0), 3, (1, 2.5, 0)),
    ],
)
def test_costs_by_name_are_the_authors(costs, layers, expected):
    assert weights(costs, layers) == expected


@pytest.mark.parametrize("costs", ["all", (1.0, 2.0), (1.0, -1.0, 0.0)])
def test_other_costs_are_refused(costs):
    with pytest.raises(UserError, match="costs"):
        weights(costs, 3)


def test_the_baseline_is_cross_entropy_of_the_labelled_rows_alone():
    """Another set of unlabelled images changes nothing, and the decoder stays as it is."""
    ends = []
    for other in (False, True):
        few = source()
        changed = (lambda k, few=few: {**few(k), "u": few(k)["u"].flip(0) * 0.3}) if other else few
        one = Trainer(GAMES["ladder"](ladder(), costs="none", sigma=0.5), changed, precision="fp64")
        for _ in range(3):
            assert set(one.step()) == {"D/CE"}
        ends.append(one.state()["weights"]["D"])
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])
    start = ladder().state_dict()
    assert torch.equal(start["down.0.weight"].double(), ends[0]["down.0.weight"])
    assert not torch.equal(start["up.0.weight"].double(), ends[0]["up.0.weight"])


def test_bottom_costs_are_their_own_objective():
    """5000 C_0 and the cross-entropy, and no other cost."""
    one = Trainer(GAMES["ladder"](ladder(), costs="bottom"), source(), precision="fp64")
    seen = []
    objective = one.game.turns["D"][0].objective

    def spy(p, b):
        value, logs = objective(p, b)
        seen.append((float(value.detach()), {k: float(v.detach()) for k, v in logs.items()}))
        return value, logs

    move = one.game.turns["D"][0]._replace(objective=spy)
    one.game = one.game._replace(turns={"D": (move,)})
    one.step()
    ((value, logs),) = seen
    assert value == pytest.approx(logs["CE"] + 5000 * logs["C_0"])
    assert set(logs) == {"CE", "C_0"}


def ebgan_ln(**settings) -> Trainer:
    game = GAMES["ebgan-ln"](generator(), ladder(gain=False), 5, **settings)
    return Trainer(game, source(), precision="fp64")


def test_the_margin_falls_linearly_to_nothing_and_then_g_is_off():
    one = ebgan_ln(margin=16.0, switch=4)
    margins, turns = [], []
    for _ in range(6):
        before = {k: v.clone() for k, v in one.state()["weights"]["G"].items()}
        logs = one.step()
        moved = any(not torch.equal(before[k], v) for k, v in one.state()["weights"]["G"].items())
        turns.append((moved, sorted({k.split("/")[0] for k in logs})))
        margins.append(float(logs["D/margin"]) if "D/margin" in logs else None)
    assert margins == [16.0, 12.0, 8.0, 4.0, None, None]
    assert turns == [(True, ["D", "G"])] * 4 + [(False, ["L"])] * 2


class Constant(nn.Module):
    """G(z) is an image of -1s, black, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z):
        return -self.scale * torch.ones(len(z), 1, 4, 4, dtype=z.dtype)


@pytest.mark.parametrize("scaled", [True, False])
def test_the_energy_is_in_squared_pixels_of_zero_to_one(scaled):
    """At the start the decoder gives 0: E(u) is the sum of squared pixels, and black images have none."""
    game = GAMES["ebgan-ln"](Constant(), ladder(gain=False), 5, margin=7.0, switch=9, weight=2.0, scaled=scaled)
    few = source()
    one = Trainer(game, few, precision="fp64")
    seen = []
    objective = game.turns["D"][0].objective

    def spy(p, b):
        value, logs = objective(p, b)
        seen.append(float(value.detach()))
        return value, logs

    one.game = game._replace(turns={**game.turns, "D": (game.turns["D"][0]._replace(objective=spy),)})
    u = few(0)["u"].double()
    logs = one.step()
    pixels = ((u + 1) / 2).square().sum((1, 2, 3)).mean()
    assert float(logs["D/E(u)"]) == pytest.approx(float(pixels))
    assert float(logs["D/E(G(z))"]) == pytest.approx(0, abs=1e-20)
    assert seen[0] == pytest.approx(float(logs["D/CE"]) + 2 * float(pixels) + (2 if scaled else 1) * 7)


def test_the_clean_reading_gives_fakes_no_noise():
    """The noise of generated rows then reaches neither energy."""
    ends = []
    for noisy in (0.0, 1.0):
        one = ebgan_ln(corrupted=False)
        noise = {**one.game.noise, "n_z": lambda g, n, s=noisy: torch.full((n, sum(SIZES)), s)}
        one.game = one.game._replace(noise=noise)
        one.step()
        ends.append(one.step()["G/E(G(z))"])
    assert torch.equal(*ends)


def test_few_labels_teach_it():
    """Two blobs of 4 x 4 images, three labels each: the ladder tells all of them apart."""
    g = torch.Generator().manual_seed(0)
    kinds = torch.arange(200) % 2
    bright = torch.zeros(200, 1, 4, 4)
    bright[kinds == 0, :, :2] = 150
    bright[kinds == 1, :, 2:] = 150
    images = (bright + 100 * torch.rand(200, 1, 4, 4, generator=g)).to(torch.uint8)
    labels = torch.where(torch.arange(200) < 6, kinds, -1)
    few = LabelledBatches(images, labels, classes=2, labelled=20, unlabelled=20, seed=0)
    with seeded(0):
        one = Trainer(GAMES["ladder"](Ladder((16, 10, 2)), costs=(10, 1, 0.1), optimizer_D=Adam(1e-2)), few)
    for _ in range(60):
        one.step()
    with torch.no_grad():
        found = one.nets["D"].predict(images.float() / 127.5 - 1).argmax(1)
    assert float((found == kinds).float().mean()) > 0.95
