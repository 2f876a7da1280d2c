"""The auto-encoder of features: its small game, its step by hand, and what its energy and its map are."""

import torch
from small_games import CONV, Small, rates
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded
from energan.games.energy.feature_autoencoder import feature_autoencoder
from energan.networks.conv.feature_autoencoder import CHANNELS, Autoencoder, Features, check_side, prepare
from energan.utils.errors import UserError


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        F, D = nn.Conv2d(2, 6, 4, 2, 1), Autoencoder(6, code=2)
    return feature_autoencoder(F, D, worst=1.0, optimizer_D=rates(i)[0])


def by_hand(F: nn.Module, D: nn.Module, x: Tensor, **_: object) -> dict[str, object]:
    def loss() -> Tensor:
        features = F(x).detach()
        return (D(features)[0] - features).square().mean((1, 2, 3)).mean()

    return {"D": loss}


SMALL = {"feature-autoencoder": Small(build, CONV)}
BY_HAND = {"feature-autoencoder": by_hand}


class Half(nn.Module):
    """A D that gives back half of the features."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, x


def test_the_energy_is_of_the_worst_places_and_the_map_keeps_the_mean() -> None:
    game = feature_autoencoder(nn.AvgPool2d(4), Half(), worst=0.4)  # 2 of 4 places: ceil(1.6)
    places = torch.tensor([[[[2.0, 4.0], [0.0, 6.0]]]])
    x = places.repeat_interleave(4, 2).repeat_interleave(4, 3)
    players, batch = Players({"F": nn.AvgPool2d(4), "D": Half()}), Batch({"x": x})
    assert game.energy is not None and game.energy_map is not None
    assert game.energy(players, batch).tolist() == [(9 + 4) / 2]
    found = game.energy_map(players, batch)
    assert found.shape == (1, 8, 8) and float(found.mean()) == (1 + 4 + 0 + 9) / 4
    assert float(found[0, 7, 7]) == 9.0 and float(found[0, 0, 0]) == 1.0


def test_features_are_standardised_by_the_training_images() -> None:
    images = torch.randint(0, 256, (8, 1, 20, 20), dtype=torch.uint8)
    net = Features(side=32)
    prepare(net, images)
    read = net(images.float() / 127.5 - 1)
    assert read.shape == (8, CHANNELS, 4, 4) and not any(w.requires_grad for w in net.parameters())
    torch.testing.assert_close(read.mean((0, 2, 3)), torch.zeros(CHANNELS), atol=1e-3, rtol=0)
    spread = read.std((0, 2, 3), correction=0)
    assert bool((((spread - 1).abs() < 1e-2) | (spread < 1e-2)).all())  # a feature that never varies stays as it is
    colours = images.expand(-1, 3, -1, -1).float() / 127.5 - 1
    torch.testing.assert_close(net(colours), read)
    torch.testing.assert_close(net(torch.cat([colours, colours[:, :1]], 1)), read)  # an opacity does not count


def test_a_side_that_does_not_fit_is_refused() -> None:
    for side in (31, 40, 0, -16, 64.0):
        try:
            check_side(side)  # type: ignore[arg-type]
        except UserError as error:
            assert "multiple of 16" in str(error)
        else:
            raise AssertionError(side)
