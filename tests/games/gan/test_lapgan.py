"""LAPGAN: its small games and their step by hand, the resampling, what a level learns from, what is drawn."""

from functools import partial

import pytest
import torch
from small_games import Small, Z, rates, source, turn_batch
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import uniform
from energan.engine.rng import seeded
from energan.games.conditional.conditional import conditional
from energan.games.gan.lapgan import down, lapgan, residual, up

SHAPE = (1, 8, 8)  # of three levels: 8, 4 and 2 pixels
CLASSES = 3


class Net(nn.Module):
    """Images, and a class as planes, through two layers: smooth, so that no weight is without a gradient."""

    def __init__(self, planes: int, places: int, outputs: int, summed: bool) -> None:
        super().__init__()
        self.summed = summed
        ends = [nn.Conv2d(3, 1, 3, padding=1)] if outputs else [nn.Flatten(), nn.Linear(3 * places, 1), nn.Flatten(0)]
        self.net = nn.Sequential(nn.Conv2d(planes, 3, 3, padding=1), nn.Tanh(), *ends)

    def forward(self, *inputs: Tensor) -> Tensor:
        images = [x for x in inputs if x.ndim == 4]
        images = [torch.stack(images).sum(0)] if self.summed else images
        told = [y.to(images[0].dtype)[:, :, None, None] for y in inputs if y.ndim == 2]
        return self.net(torch.cat([*images, *(y.expand(-1, -1, *images[0].shape[2:]) for y in told)], 1))


class Coarse(nn.Module):
    """z, and a class -> 2 x 2 pixels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, 4), nn.Unflatten(1, (1, 2, 2)))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.net(torch.cat([x.to(inputs[0].dtype) for x in inputs], 1))


def build(seed: int, i: int, classes: int = 0) -> Game:
    with seeded(seed):
        G = (Net(2 + classes, 64, 1, False), Net(2 + classes, 16, 1, False), Coarse(Z + classes))
        D = tuple(Net(1 + classes, places, 0, True) for places in (64, 16, 4))
        g, d = rates(i)
        game = lapgan(G, D, (uniform(1, 8, 8), uniform(1, 4, 4), uniform(Z)), optimizer_G=g, optimizer_D=d)
        return conditional(game, classes, tuple(game.players)) if classes else game


SMALL = {
    "lapgan": Small(build, SHAPE, bounded=False),
    "lapgan of classes": Small(partial(build, classes=CLASSES), SHAPE, bounded=False, labels=CLASSES),
}


def blocks(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def larger(x: Tensor) -> Tensor:
    """Each pixel becomes four, of 3/4 of itself and 1/4 of its neighbour, along either side; the rim is repeated."""
    for dim in (2, 3):
        n = x.shape[dim]
        before, after = (x.index_select(dim, (torch.arange(n) + i).clamp(0, n - 1)) for i in (-1, 1))
        x = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], dim + 1).flatten(dim, dim + 1)
    return x


def by_hand(x, y=None, **named):
    told = () if y is None else (y,)
    I = [x, blocks(x), blocks(blocks(x))]  # noqa: E741
    low = [larger(I[1]), larger(I[2])]

    def d(k):
        h, of = (I[2], told) if k == 2 else (I[k] - low[k], (low[k], *told))
        D, G, z = (named[f"{letter}_{k}"] for letter in "DGz")
        real, fake = torch.sigmoid(D(h, *of)), torch.sigmoid(D(G(z, *of).detach(), *of))
        return -(real.log().mean() + (1 - fake).log().mean())

    def g(k):
        of = told if k == 2 else (low[k], *told)
        D, G, z = (named[f"{letter}_{k}"] for letter in "DGz")
        return -torch.sigmoid(D(G(z, *of), *of)).log().mean()

    return {
        "D": {f"D_{k}": partial(d, k) for k in range(3)},
        "G": {f"G_{k}": partial(g, k) for k in range(3)},
    }


def by_hand_of_classes(y, **named):
    return by_hand(y=y, **named)


def by_hand_without(y=None, **named):
    return by_hand(**named)


BY_HAND = {"lapgan": by_hand_without, "lapgan of classes": by_hand_of_classes}


def bytes_like(*shape: int) -> Tensor:
    """Images whose pixels are whole 128ths: sums and quarters of them are exact."""
    return torch.randint(-128, 129, shape, generator=torch.Generator().manual_seed(0)) / 128


def test_what_goes_down_and_up_again_is_the_image_with_what_it_lost():
    x = bytes_like(5, 3, 12, 20)
    h, (low,) = residual(x, 0, 1)
    assert torch.equal(up(down(x)) + h, x) and torch.equal(low, up(down(x)))
    torch.testing.assert_close(down(x), blocks(x))
    torch.testing.assert_close(up(x), larger(x))
    assert h.abs().max() > 1  # more than a tanh could give


def test_a_flat_image_has_nothing_to_add_at_any_level_but_the_coarsest():
    x = torch.full((2, 3, 8, 8), 0.25)
    assert all(bool((residual(x, k, 2)[0] == 0).all()) for k in range(2))
    assert torch.equal(residual(x, 2, 2)[0], torch.full((2, 3, 2, 2), 0.25)) and residual(x, 2, 2)[1] == ()


def test_generators_that_know_what_is_missing_draw_the_image_again():
    x = bytes_like(5, *SHAPE)
    h = {f"z_{k}": residual(x, k, 2)[0] for k in range(3)}

    class Given(nn.Module):
        def forward(self, z: Tensor, low: Tensor | None = None) -> Tensor:
            return z

    game = lapgan((Given(), Given(), Given()), (Given(),) * 3, tuple(uniform(1, s, s) for s in (8, 4, 2)))
    drawn = game.sample(Players({k: player.net for k, player in game.players.items()}), Batch(h))
    assert torch.equal(drawn, x)


@pytest.mark.parametrize("level", range(3))
def test_a_level_trains_as_if_it_were_by_itself(level: int):
    def trained(others: int) -> list[Tensor]:
        game, other = build(0, 0), build(others, 0)
        kept = (f"G_{level}", f"D_{level}")
        game = game._replace(players={k: v if k in kept else other.players[k] for k, v in game.players.items()})
        one = Trainer(game, source(SMALL["lapgan"]), precision="fp64")
        for _ in range(3):
            one.step()
        return [w for k in kept for w in one.nets[k].parameters()]

    before = [w for k in (f"G_{level}", f"D_{level}") for w in build(0, 0).players[k].net.double().parameters()]
    alone, beside = trained(0), trained(1)
    assert all(torch.equal(a, b) for a, b in zip(alone, beside, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(alone, before, strict=True))


def test_the_energy_is_minus_the_sum_of_the_levels_logits():
    game = build(0, 0)
    p, b = Players({k: player.net.double() for k, player in game.players.items()}), turn_batch(SMALL["lapgan"], game)
    parts = [residual(b.x, k, 2) for k in range(3)]
    logits = [getattr(p, f"D_{k}")(h, *told) for k, (h, told) in enumerate(parts)]
    torch.testing.assert_close(game.energy(p, b), -torch.stack(logits).sum(0))


@pytest.mark.parametrize("level", range(3))
def test_each_level_is_told_the_class(level: int):
    game = build(0, 0, CLASSES)
    p = Players({k: player.net for k, player in game.players.items()})
    for k in {0, 1, 2} - {level}:  # the class makes a difference to this level's G alone
        first = next(m for m in game.players[f"G_{k}"].net.modules() if isinstance(m, nn.Conv2d | nn.Linear))
        nn.init.zeros_(first.weight.data[:, -CLASSES:])
    z = {k: draw(torch.Generator().manual_seed(0), 1) for k, draw in game.noise.items() if k != "c"}
    drawn = [game.sample(p, Batch({**z, "c": c[None]})) for c in torch.eye(CLASSES)]
    assert len(torch.cat(drawn).detach().flatten(1).unique(dim=0)) == CLASSES
