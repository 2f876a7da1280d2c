"""pix2pix: its small games and their steps by hand, the U-Net and its noise, the squares that D judges."""

import pytest
import torch
from small_games import Small, rates, scaled

from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.games.translation.pix2pix import pix2pix
from energan.networks.layers import dropped
from energan.networks.translation.patch import SQUARES, check_side, patch_critic
from energan.networks.translation.unet import RATE, depth, tiled, unet, unet_noise
from energan.utils.errors import UserError

X, Y, SIDE = (1, 8, 8), (2, 8, 8), 8


def builder(adversarial: float = 1.0, l1: float = 100.0, conditional: bool = True, noise: bool = True):
    def build(seed: int, i: int) -> Game:
        with seeded(seed):
            G = unet(channels=1, outputs=2, size=SIDE, width=2)
            D = patch_critic(channels=3 if conditional else 2, patch=16, width=2) if adversarial else None
        z = unet_noise(size=SIDE, width=2) if noise else None
        of_G, of_D = rates(i)
        game = pix2pix(
            G, D, z, adversarial=adversarial, l1=l1, conditional=conditional, multiple=SIDE, optimizer_G=of_G,
            optimizer_D=of_D,
        )  # fmt: skip
        return scaled(game, i)

    return build


def by_hand(G, D=None, *, x, y, l1, z=None, adversarial=0.0, conditional=True, **_):
    def judged(images):
        return torch.sigmoid(D(torch.cat([x, images], 1) if conditional else images))

    def made():
        return G(x, z) if z is not None else G(x)

    def of_G():
        fake = made()
        far = (fake - y).abs().sum() / y.numel()
        return l1 * far - (adversarial * judged(fake).log().mean() if D is not None else 0)

    def of_D():
        fake = made().detach()
        return -(judged(y).log().mean() + (1 - judged(fake)).log().mean()) / 2

    return {"D": of_D, "G": of_G}


SMALL = {
    "pix2pix": Small(builder(), X, other=Y),
    "pix2pix l1": Small(builder(adversarial=0.0), X, other=Y),
    "pix2pix unconditional": Small(builder(conditional=False, noise=False), X, other=Y),
}
BY_HAND = {
    "pix2pix": by_hand,
    "pix2pix l1": by_hand,
    "pix2pix unconditional": lambda *a, **k: by_hand(*a, **k, conditional=False),
}


def test_the_unet_is_the_papers() -> None:
    G = unet(size=256, channels=3, outputs=3)
    assert [layer.out_channels for layer in G.down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [layer.out_channels for layer in G.up] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert [layer.in_channels for layer in G.up] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert G.noise == [(512, 2), (512, 4), (512, 8)]
    assert 54.3e6 < sum(w.numel() for w in G.parameters()) < 54.5e6  # the code's unet_256 has 54.4 million


@pytest.mark.parametrize(("patch", "layers"), [(1, 0), (16, 1), (70, 3), (286, 5)])
def test_a_logit_sees_its_square_and_no_more(patch: int, layers: int) -> None:
    D = patch_critic(channels=1, patch=patch, width=2).double()
    for part in D:  # norms see the whole image
        if isinstance(part, torch.nn.InstanceNorm2d):
            part.forward = lambda x: x  # type: ignore[method-assign]
    side = patch + 2 * 2 ** (layers + 2)
    x = torch.randn(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    logits = D(x)
    middle = logits.shape[2] // 2
    (seen,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    rows = seen[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == patch
    assert SQUARES.index(patch) == layers


@pytest.mark.parametrize("size", [2, 48, 0, -8])
def test_a_side_that_no_halving_brings_to_one_pixel_is_refused(size: int) -> None:
    with pytest.raises(UserError, match=f"{size} is no such number"):
        depth(size)


def test_a_square_that_no_net_sees_is_refused() -> None:
    with pytest.raises(UserError, match="1, 16, 34, 70, 142, 286 pixels a side, and not 64"):
        patch_critic(patch=64)


@pytest.mark.parametrize("patch", SQUARES)
def test_the_least_image_has_a_logit_and_smaller_ones_are_refused(patch: int) -> None:
    D = patch_critic(channels=1, patch=patch, width=1)
    least = next(size for size in range(1, 200) if takes(D, size))
    check_side(least, patch)
    with pytest.raises(UserError, match=f"a discriminator of squares of {patch} pixels needs images of"):
        check_side(least - 1, patch)


def takes(D: torch.nn.Module, size: int) -> bool:
    try:
        return D(torch.zeros(1, 1, size, size)).numel() > 0
    except (RuntimeError, ValueError):
        return False


def test_noise_drops_half_and_keeps_the_mean() -> None:
    x, u = torch.ones(2, 8, 16, 16), torch.rand(2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    out = dropped(x, tiled(u, 16, 16), RATE)
    assert set(out.unique().tolist()) == {0.0, 1 / (1 - RATE)}
    assert torch.equal(out[..., :8, :8], out[..., 8:, 8:])  # noise repeats where the image is larger
    assert float(out.mean()) == pytest.approx(1, abs=0.1)
    beyond = tiled(u, 12, 20)  # no multiple of its own side
    assert beyond.shape[2:] == (12, 20) and torch.equal(beyond[..., 8:, 16:], u[..., :4, :4])


def test_the_noise_is_the_only_thing_that_is_random() -> None:
    G, x, z = unet(size=8, width=4), torch.rand(2, 3, 8, 8), unet_noise(size=8, width=4)
    one, other = (z(torch.Generator().manual_seed(seed), 2) for seed in (0, 1))
    assert torch.equal(G(x, one), G(x, one)) and not torch.equal(G(x, one), G(x, other))
    assert torch.equal(G.train()(x, one), G.eval()(x, one))  # one meaning in training and in use
    assert torch.equal(G(x, one)[:1], G(x[:1], one[:1]))  # whatever stands beside it


def test_without_a_discriminator_there_is_none() -> None:
    game = builder(adversarial=0.0)(0, 0)
    assert set(game.players) == {"G"} and set(game.turns) == {"G"} and set(game.hyperparameters) == {"l1"}
    with pytest.raises(UserError, match="needs a D"):
        pix2pix(unet(size=8, width=2), None, None)


def test_it_translates_by_its_generator() -> None:
    game = builder()(0, 0)
    assert game.translate is not None and set(game.translate) == {"xy"} and game.translate["xy"].multiple == SIDE
    assert game.sample is None and game.energy is None
