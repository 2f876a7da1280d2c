"""Energy maps: what each pixel adds to the energy, of every game whose energy is a reconstruction error."""

import pytest
import torch
from small_games import float64, turn_batch
from torch import Tensor, nn

from energan.engine.game import Batch, Players
from energan.games.conditional.conditional import conditional
from energan.games.energy.ebgan import ebgan
from energan.losses.energy import absolute, absolute_map, energy, energy_map
from tests.games.test_all_games import SMALL

MAPPED = [name for name, row in SMALL.items() if row.build(0, 0).energy_map is not None]

SUMS = {
    "l2": lambda m: m.sum((1, 2)).sqrt(),
    "ssq": lambda m: m.sum((1, 2)),
    "ssq / 2": lambda m: m.sum((1, 2)),
    "mse": lambda m: m.mean((1, 2)),
}


def test_games_with_a_reconstruction_error_have_maps_and_others_none() -> None:
    mapped = {name.split()[0] for name in MAPPED}
    assert {"ebgan", "ebgan-pt", "began", "autoencoder", "energy-losses", "conditional-ebgan", "aae"} <= mapped
    assert not mapped & {"gan", "wgan", "lsgan", "hinge", "r3gan", "vae", "ladder", "infogan"}


@pytest.mark.parametrize("name", MAPPED)
def test_a_map_adds_up_to_the_energy(name: str) -> None:
    game = SMALL[name].build(0, 0)
    players, batch = float64(game), turn_batch(SMALL[name], game, n=5)
    for net in players._nets.values():
        net.eval()  # dropout would differ between the two
    with torch.no_grad():
        found, energies = game.energy_map(players, batch), game.energy(players, batch)
    n, _, h, w = batch.x.shape
    assert found.shape == (n, h, w) and bool((found >= 0).all())
    assert any(torch.allclose(add(found), energies, rtol=1e-9, atol=1e-9) for add in SUMS.values())


def test_maps_by_hand() -> None:
    x = torch.zeros(1, 2, 1, 3, dtype=torch.float64)
    r = torch.tensor([[[[3.0, 0.0, 1.0]], [[4.0, 2.0, -1.0]]]], dtype=torch.float64)
    assert energy_map(x, r, "l2").tolist() == energy_map(x, r, "ssq").tolist() == [[[25.0, 4.0, 2.0]]]
    assert energy_map(x, r, "mse").tolist() == [[[12.5, 2.0, 1.0]]]
    assert absolute_map(x, r).tolist() == [[[3.5, 1.0, 1.0]]]
    assert float(energy(x, r, "ssq")) == 31.0 and float(absolute(x, r)) == pytest.approx(5.5 / 3)


class Told(nn.Module):
    """A D that gives back class 0 halved, and class 1 as it is below 0 and as 0 above."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        first, second = x / 2, x.clamp(max=0)
        chosen = torch.where(y[:, 0].bool().view(-1, 1, 1, 1), first, second)
        return chosen, x


def test_a_conditional_game_s_map_is_of_the_class_with_the_least_energy() -> None:
    game = conditional(ebgan(nn.Identity(), Told(), 3, kind="ssq"), 2)
    assert game.energy_map is not None and game.energy is not None
    x = torch.tensor([[[[-1.0, 0.5]]], [[[1.0, 0.0]]]])  # class 1: 0.25; class 0: 0.25
    players, batch = Players({"G": nn.Identity(), "D": Told()}), Batch({"x": x})
    assert game.energy(players, batch).tolist() == [0.25, 0.25]
    assert game.energy_map(players, batch).tolist() == [[[0.0, 0.25]], [[0.25, 0.0]]]
