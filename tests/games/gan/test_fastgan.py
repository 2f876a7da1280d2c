"""FastGAN's small game, and its steps by hand."""

from functools import partial

import torch
from small_games import Small, Z, builder
from torch import Tensor
from torch.nn.functional import avg_pool2d

from energan.engine.game import Batch, Players
from energan.engine.rng import seeded
from energan.games.gan.fastgan import discriminator_loss
from energan.networks.conv import fastgan as nets

SHAPE = {"channels": 2, "size": 16, "width": 2}


def small(seed: int, i: int):
    with seeded(seed):
        features = nets.Discriminator(**SHAPE).features
    from energan.games.gan.fastgan import fastgan

    made = {
        "G": partial(nets.Generator, Z, **SHAPE),
        "D": partial(nets.Discriminator, **SHAPE),
        "R": partial(nets.Decoders, features, channels=2, size=16),
    }
    return builder(fastgan, made, reconstruction_weight=0.5)(seed, i)


SMALL = {"fastgan": Small(small, (2, 16, 16), bounded=False)}


def by_hand(G, D, R, x, z, reconstruction_weight, **_):
    def quarters(images):
        h, w = images.shape[2] // 2, images.shape[3] // 2
        places = [(slice(0, h), slice(0, w)), (slice(0, h), slice(w, None)), (slice(h, None), slice(0, w)),
                  (slice(h, None), slice(w, None))]  # fmt: skip
        return torch.stack([image[:, *places[i % 4]] for i, image in enumerate(images)])

    def d():
        real, (before, last) = D(x)
        hinge = (1 - real).clamp(min=0).mean() + (1 + D(G(z).detach())[0]).clamp(min=0).mean()
        whole = (R.whole(last) - avg_pool2d(x, 2)).abs()
        part = (R.part(quarters(before)) - quarters(x)).abs()
        return hinge + reconstruction_weight * (whole.mean() + part.mean()) / 2

    return {"D": {"D": d, "R": d}, "G": lambda: -D(G(z))[0].mean()}


BY_HAND = {"fastgan": by_hand}


def test_a_perfect_decoder_leaves_the_hinge_alone() -> None:
    """Scores 2 and -3, decoded right: loss 0; scores 0 and 0, off by 1: 2 and r."""

    def players(real: float, fake: float, off: float) -> Players:
        def D(x: Tensor) -> tuple[Tensor, Tensor]:
            return x.flatten(1)[:, :1] * 0 + (real if x.mean() > 0 else fake), x

        class Called(torch.nn.Module):
            def __init__(self, f) -> None:
                super().__init__()
                self.forward = f

        G, R = Called(lambda z: -torch.ones(2, 1)), Called(lambda maps, x: (maps + off, x))
        return Players({"G": G, "D": Called(D), "R": R})

    b = Batch({"x": torch.ones(2, 1), "z": torch.zeros(2, 1), "reconstruction_weight": torch.tensor(0.25)})
    assert discriminator_loss(players(2, -3, 0), b)[0] == 0
    loss, logs = discriminator_loss(players(0, 0, 1), b)
    assert loss == 2.25 and logs["reconstruction"] == 1
