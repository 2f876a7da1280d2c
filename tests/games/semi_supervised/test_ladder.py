"""The ladder network: its small game, its steps by hand, costs by name, the baseline."""

import pytest
import torch
from small_games import CONV, MLP, Small, rates
from small_ladder import classified, ladder, shifted_ladder, source

from energan.data.few_labels import LabelledBatches
from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.games.semi_supervised.ladder import weights
from energan.networks.conv.ladder import ConvLadder
from energan.networks.dense.ladder import Ladder
from energan.utils.errors import UserError


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        return GAMES["ladder"](shifted_ladder(), sigma=0.3 + 0.1 * i, sigma_x=0.2, optimizer_D=rates(i)[0])


def build_convolutional(seed: int, i: int) -> Game:
    with seeded(seed):
        D = ConvLadder((2, 8), 3, width=2, decoder=True)
        with torch.no_grad():
            for w in D.parameters():
                w.add_(torch.randn_like(w), alpha=0.1)
    costs = tuple(1.0 + layer for layer in D.cost_layers)
    return GAMES["ladder"](D, costs=costs, sigma=0.3 + 0.1 * i, sigma_x=0.2, optimizer_D=rates(i)[0])


SMALL = {
    "ladder": Small(build, MLP, classes=3),
    "ladder convolutional": Small(build_convolutional, CONV, classes=3),
}


def by_hand(D, sigma, sigma_x, **batch):
    data = {k: batch[k] for k in ("x", "y", "u", "n_x", "n_u")}

    def d():
        ce, costs = classified(D, **data, sigma=sigma, sigma_x=sigma_x)
        return ce + 1000 * costs[0].mean() + 10 * costs[1].mean() + sum(0.1 * c.mean() for c in costs[2:])

    return {"D": d}


BY_HAND = {"ladder": by_hand}


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


def test_it_learns_from_few_labels():
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


def test_a_ladder_without_a_decoder_has_the_top_s_cost_alone():
    D = ConvLadder((1, 8), 3, width=2)
    game = GAMES["ladder"](D, costs="gamma")
    assert set(game.meanings) == {"sigma", "sigma_x", "CE", "C_9"}
    assert GAMES["ladder"](D, costs="none").turns
    with pytest.raises(UserError, match="gamma or none"):
        GAMES["ladder"](D, costs="bottom")
