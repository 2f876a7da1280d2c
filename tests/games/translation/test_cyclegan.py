"""CycleGAN: its small games and their steps by hand, what its pools keep and show."""

import pytest
import torch
from small_games import Small, rates, scaled
from torch import Tensor

from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.games.translation.cyclegan import cyclegan
from energan.networks.translation.patch import patch_critic
from energan.networks.translation.pool import Pool, queried
from energan.networks.translation.resnet import resnet
from energan.utils.errors import UserError

SHAPE, BATCH, ROWS = (2, 8, 8), 5, 7


def builder(identity: float):
    def build(seed: int, i: int) -> Game:
        with seeded(seed):
            G, F = (resnet(channels=2, outputs=2, width=1, blocks=1) for _ in range(2))
            D_X, D_Y = (patch_critic(channels=2, patch=16, width=2, affine=False) for _ in range(2))
        of_G, of_D = rates(i)
        game = cyclegan(
            G, F, D_X, D_Y, Pool(ROWS, SHAPE), Pool(ROWS, SHAPE), batch=BATCH, identity=identity,
            optimizer_generators=of_G, optimizer_discriminators=of_D,
        )  # fmt: skip
        return scaled(game, i)

    return build


def far(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().sum() / a.numel()


def after(pool: Tensor, images: Tensor, u: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The code's ImagePool.query: what is shown, and what is kept."""
    kept, shown = [*pool.detach().clone()], []
    for image, (coin, place) in zip(images, u.tolist(), strict=True):
        if count < len(kept):
            kept[count] = image
            shown.append(image)
        elif coin < 0.5:
            index = int(place * len(kept))
            shown.append(kept[index])
            kept[index] = image
        else:
            shown.append(image)
        count += 1
    return torch.stack(shown), torch.stack(kept)


def by_hand(G, F, D_X, D_Y, pool_X, pool_Y, x, y, u_X, u_Y, cycle, t, identity=0.0, **_):
    def of_generators():
        to_y, to_x = G(x), F(y)
        gan = ((D_Y(to_y) - 1) ** 2).mean() + ((D_X(to_x) - 1) ** 2).mean()
        loss = gan + cycle * (far(F(to_y), x) + far(G(to_x), y))
        return loss + identity * (far(G(y), y) + far(F(x), x)) if identity else loss

    shown_X, kept_X = after(pool_X.images, F(y).detach(), u_X, t * BATCH)
    shown_Y, kept_Y = after(pool_Y.images, G(x).detach(), u_Y, t * BATCH)

    def of_D(D, real, shown):
        return lambda: (((D(real) - 1) ** 2).mean() + (D(shown) ** 2).mean()) / 2

    def of_pool(pool, kept):
        return lambda: ((pool.images - kept) ** 2).sum() / 2

    return {
        "G": {"G": of_generators, "F": of_generators},
        "D": {
            "D_X": of_D(D_X, x, shown_X),
            "D_Y": of_D(D_Y, y, shown_Y),
            "pool_X": of_pool(pool_X, kept_X),
            "pool_Y": of_pool(pool_Y, kept_Y),
        },
    }


SMALL = {
    "cyclegan": Small(builder(0.0), SHAPE, other=SHAPE),
    "cyclegan identity": Small(builder(5.0), SHAPE, other=SHAPE),
}
BY_HAND = {"cyclegan": by_hand, "cyclegan identity": by_hand}


def test_a_pool_is_the_codes_list_of_images() -> None:
    g = torch.Generator().manual_seed(0)
    kept = torch.zeros(4, 1, 2, 2)
    swaps = 0
    for t in range(12):
        images, u = torch.rand(3, 1, 2, 2, generator=g), torch.rand(3, 2, generator=g)
        shown, then = after(kept, images, u, 3 * t)
        query = queried(kept, images, u, torch.tensor(3 * t))
        assert torch.equal(query.shown, shown) and torch.equal(query.kept, then)
        swaps += int((shown != images).flatten(1).any(1).sum())
        kept = then
    assert 8 < swaps < 28  # about half of the 32 that come once it is full


def test_pools_hold_the_last_images_and_are_in_the_state() -> None:
    game = builder(0.0)(0, 0)
    trainer = Trainer(game, lambda k: {name: torch.full((BATCH, *SHAPE), 0.1 * k) for name in "xy"}, seed=0)
    trainer.step()
    held = trainer.state()["weights"]["pool_Y"]["images"]
    assert bool((held[:BATCH] != 0).flatten(1).any(1).all()) and not bool(held[BATCH:].any())


def test_a_part_of_a_batch_is_refused() -> None:
    game = builder(0.0)(0, 0)
    data = torch.rand(6, *SHAPE)
    with pytest.raises(UserError, match="pools take all 5 images of a step, and 6 came: use 1 of microbatches"):
        Trainer(game, lambda k: {"x": data, "y": data}, seed=0).step()


def test_the_generator_is_the_papers() -> None:
    convolutions = [m for m in resnet(blocks=9).modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert len(convolutions) == 3 + 18 + 3
    assert 11.3e6 < sum(w.numel() for w in resnet(blocks=9).parameters()) < 11.4e6  # the code's has 11.4 million


def test_it_goes_both_ways() -> None:
    game = builder(0.0)(0, 0)
    assert game.translate is not None and set(game.translate) == {"xy", "yx"}
