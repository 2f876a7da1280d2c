"""LAPGAN's step by hand, and its game."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, softplus

from benchmarks.objectives import sizes
from benchmarks.objectives.hand import BETA1, LR, Hand, descend
from energan.engine.game import Game
from energan.engine.noise import uniform
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.gan.lapgan import lapgan
from energan.networks.conditional import lapgan as nets

LEVELS = (32, 16, 8)


def levels(x: Tensor) -> list[tuple[Tensor, tuple[Tensor, ...]]]:
    """h of each level, and its low-pass image."""
    found: list[tuple[Tensor, tuple[Tensor, ...]]] = []
    for _ in LEVELS[1:]:
        coarse = avg_pool2d(x, 2)
        low = interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        found.append((x - low, (low,)))
        x = coarse
    return [*found, (x, ())]


def of_levels(h: Hand) -> None:
    """A turn of every D, one of every G. The pyramid of images is made once a turn."""
    x, *z = h.batch()
    for k, (real, told) in enumerate(levels(x)):
        G, D = h.nets[f"G_{k}"], h.nets[f"D_{k}"]
        D.requires_grad_(True)
        with h.autocast:
            with torch.no_grad():
                fake = G(z[k], *told)
            loss = softplus(-D(real, *told).float()).mean() + softplus(D(fake, *told).float()).mean()
        descend(h.of[f"D_{k}"], loss)
    x, *z = h.batch()
    for k, (_, told) in enumerate(levels(x)):
        G, D = h.nets[f"G_{k}"], h.nets[f"D_{k}"]
        D.requires_grad_(False)
        with h.autocast:
            loss = softplus(-D(G(z[k], *told), *told).float()).mean()
        descend(h.of[f"G_{k}"], loss)


def game_of_lapgan() -> Game:
    *fine, coarse = LEVELS
    with seeded(0):
        G = [nets.Generator(side, width=sizes.WIDTH) for side in fine]
        D = [nets.Discriminator(side, width=sizes.WIDTH, dropout=0.0) for side in fine]
        G.append(nets.CoarseGenerator(sizes.Z, (1, coarse, coarse), size=8 * sizes.WIDTH))
        D.append(nets.CoarseDiscriminator((1, coarse, coarse), size=8 * sizes.WIDTH, dropout=0.0))
    noise = (*(uniform(1, side, side) for side in fine), uniform(sizes.Z))
    return lapgan(tuple(G), tuple(D), noise, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))
