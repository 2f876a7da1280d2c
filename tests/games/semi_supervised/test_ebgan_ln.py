"""EBGAN-LN: its small games, their steps by hand, the margin's schedule, the readings."""

from functools import partial

import pytest
import torch
from small_games import MLP, MLP_G, Small, builder
from small_ladder import SIZES, classified, generator, ladder, shifted_ladder, source
from torch import nn

from energan.engine import Trainer
from energan.engine.game import Batch, Players
from energan.games.semi_supervised import ebgan_ln as game
from energan.games.semi_supervised.ebgan_ln import ebgan_ln

NETS = {"G": MLP_G, "D": partial(shifted_ladder, gain=False)}
SMALL = {
    "ebgan-ln": Small(builder(ebgan_ln, NETS, switch=1), MLP, classes=3),
    "ebgan-ln clean": Small(builder(ebgan_ln, NETS, switch=9, corrupted=False, scaled=False), MLP, classes=3),
}


def by_hand(G, D, z, n_z, margin, weight, sigma, sigma_x, switch, t, corrupted=True, scaled=True, **batch):
    data = {k: batch[k] for k in ("x", "y", "u", "n_x", "n_u")}

    def energy(fake):
        widths = torch.tensor([sigma_x] * 16 + [sigma] * 14, dtype=torch.float64)
        return D(fake, (widths if corrupted else 0) * n_z).costs[0] * 16

    def real():
        ce, costs = classified(D, **data, sigma=sigma, sigma_x=sigma_x)
        return ce + weight * 16 * costs[0].mean()

    def d():
        m = margin * (1 - t / switch)
        return real() + (weight if scaled else 1) * sum(max(m - e, 0 * e) for e in energy(G(z).detach())) / len(z)

    return {"D": d, "G": lambda: energy(G(z)).mean(), "L": {"D": real}}


BY_HAND = {"ebgan-ln": by_hand, "ebgan-ln clean": partial(by_hand, corrupted=False, scaled=False)}


def trainer(**settings) -> Trainer:
    game = ebgan_ln(generator(), ladder(gain=False), 5, **settings)
    return Trainer(game, source(), precision="fp64")


def test_the_margin_falls_linearly_to_nothing_and_then_g_is_off():
    one = trainer(margin=16.0, switch=4)
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
    game = ebgan_ln(Constant(), ladder(gain=False), 5, margin=7.0, switch=9, weight=2.0, scaled=scaled)
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
        one = trainer(corrupted=False)
        noise = {**one.game.noise, "n_z": lambda g, n, s=noisy: torch.full((n, sum(SIZES)), s)}
        one.game = one.game._replace(noise=noise)
        one.step()
        ends.append(one.step()["G/E(G(z))"])
    assert torch.equal(*ends)


def test_the_share_of_active_hinges_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the margin, which has fallen from 16 to 8 at half of the way: one of four."""
    monkeypatch.setattr(game.ladder, "denoised", lambda p, b, depth: (torch.zeros(2, 3), (torch.ones(2),)))
    monkeypatch.setattr(game, "energy", lambda *given: torch.tensor([7.0, 9.0, 10.0, 20.0]))
    data = {"y": torch.tensor([0, 1]), "u": torch.zeros(2, 4), "z": torch.zeros(4, 1)}
    numbers = {"t": 5.0, "margin": 16.0, "switch": 10.0, "weight": 1.0}
    b = Batch({**data, **{name: torch.tensor(number) for name, number in numbers.items()}})
    p = Players({"G": nn.Identity()})
    _, logs = game.discriminator_loss(p, b, corrupted=True, scaled=True)
    assert float(logs["margin"]) == 8 and float(logs["active"]) == 0.25
