"""Pictures in tiles: how far nets see, what is kept of each tile, and that tiles make what the whole picture makes."""

import pytest
import torch
from torch import Tensor, nn

from energan.engine.game import Game, Translation
from energan.engine.rng import seeded
from energan.games.translation.srgan import srresnet
from energan.inference.model import Model
from energan.inference.tiles import reach, tiles, translated_in_tiles
from energan.networks.layers import measure_batch_norm
from energan.networks.translation.srresnet import Generator
from energan.utils.errors import UserError


def model_of(G: nn.Module, scale: int) -> Model:
    return Model(srresnet(G, scale=scale), {"G": G})


def trained_like(scale: int = 2, channels: int = 1, blocks: int = 2, bicubic: bool = True) -> Model:
    """A net whose batch norm has statistics, and which draws with contrast."""
    with seeded(0):
        G = Generator(scale, channels=channels, width=4, blocks=blocks, bicubic=bicubic)
        measure_batch_norm([G], lambda: G(torch.rand(4, channels, 16, 16) * 2 - 1), 2)
    return model_of(G, scale)


def noise(*shape: int) -> Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("blocks", "scale"), [(1, 2), (3, 2), (2, 4)])
def test_reach_is_the_sum_of_the_kernels(blocks: int, scale: int) -> None:
    """9 x 9: 4; a block: 2; 3 x 3 behind the blocks: 1; one each at x, 2x, ...; 9 x 9 at the end: 4 large pixels."""
    model = trained_like(scale, blocks=blocks, bicubic=False)
    inside = sum(1 / 2**i for i in range(scale.bit_length() - 1)) + 4 / scale
    found = reach(model.game, model.nets, channels=1)
    assert 4 + 2 * blocks + 1 + inside - 1 <= found <= 4 + 2 * blocks + 1 + inside + 1


def test_no_pixel_outside_of_the_reach_counts_and_one_inside_does() -> None:
    model = trained_like()
    far, side, at = reach(model.game, model.nets, channels=1), 64, 32
    picture = noise(1, 1, side, side)
    before = model.translate(picture)[..., 2 * at : 2 * at + 2, 2 * at : 2 * at + 2]
    outside = picture.clone()
    keep = slice(at - far, at + far + 1)
    outside[:] = 255 - outside
    outside[..., keep, keep] = picture[..., keep, keep]
    assert torch.equal(model.translate(outside)[..., 2 * at : 2 * at + 2, 2 * at : 2 * at + 2], before)
    inside = picture.clone()
    inside[..., at, at] = 255 - inside[..., at, at]
    assert not torch.equal(model.translate(inside)[..., 2 * at : 2 * at + 2, 2 * at : 2 * at + 2], before)


@pytest.mark.parametrize(("h", "w", "side"), [(53, 40, 16), (33, 90, 32), (12, 70, 16)])
def test_tiles_make_what_the_whole_picture_makes(h: int, w: int, side: int) -> None:
    model = trained_like(channels=3)
    picture = noise(3, h, w)
    whole, tiled = translated_in_tiles(model, picture, 0), translated_in_tiles(model, picture, side)
    assert whole.shape == tiled.shape == (3, 2 * h, 2 * w) and float(whole.double().std()) > 10
    assert int((whole.int() - tiled.int()).abs().max()) <= 1  # sums in another order, rounded


def test_too_little_overlap_leaves_seams() -> None:
    """What the check above would see."""
    model = trained_like(channels=3)
    picture = noise(3, 53, 40)
    apart = translated_in_tiles(model, picture, 16, overlap=2).int() - translated_in_tiles(model, picture, 0).int()
    assert int(apart.abs().max()) > 5


class Halving(nn.Module):
    """A net that takes multiples of 4, at which it also begins."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(1):
            self.net = nn.Sequential(nn.Conv2d(1, 2, 4, 4), nn.ConvTranspose2d(2, 1, 8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def test_tiles_begin_at_multiples_that_the_net_takes() -> None:
    net = Halving()
    game = srresnet(net, scale=2)
    of_multiples = {"xy": Translation(lambda p, b: p.G(b.x).clamp(-1, 1), multiple=4, scale=2)}
    model = Model(game._replace(translate=of_multiples), {"G": net})
    picture = noise(1, 37, 50)
    whole, tiled = translated_in_tiles(model, picture, 0), translated_in_tiles(model, picture, 10)
    assert whole.shape == (1, 74, 100) and int((whole.int() - tiled.int()).abs().max()) <= 1


def test_a_net_that_sees_whole_pictures_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.InstanceNorm2d(1))
    game: Game = srresnet(net, scale=1)
    with pytest.raises(UserError, match="sees each picture as a whole"):
        translated_in_tiles(Model(game, {"G": net}), noise(1, 40, 40), 16)
    assert translated_in_tiles(Model(game, {"G": net}), noise(1, 40, 40), 0).shape == (1, 40, 40)


def test_every_pixel_is_kept_once() -> None:
    for length, side, overlap, multiple in ((100, 16, 5, 1), (7, 8, 3, 1), (50, 12, 5, 4)):
        parts = tiles(length, side, overlap, multiple)
        assert [i for part in parts for i in range(part.start, part.stop)] == list(range(length))
        for part in parts:
            assert part.low % multiple == 0 and 0 <= part.low <= max(0, part.start - overlap)
            assert min(length, part.stop + overlap) <= part.high <= length


def test_tiles_that_are_too_small_are_refused() -> None:
    for side in (-1, 3):
        with pytest.raises(UserError, match="tile must be"):
            translated_in_tiles(trained_like(), noise(1, 40, 40), side)
