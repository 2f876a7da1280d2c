"""What the tests of DGN-AM and of the PPGN family share: small games, steps by hand, an encoder."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from small_games import MLP, MLP_D, Encoder, rates, scaled
from torch import Tensor, nn

from energan.engine.game import Game, Players
from energan.engine.rng import seeded
from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor


class Paired(nn.Module):
    """x (16) and its code (5) -> readings (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Perceptron((21, 8, 1), shape=())

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.net(torch.cat([x.flatten(1), h], 1))


def build(
    seed: int, i: int, make: Callable[..., Game], more: Callable[[], tuple] = lambda: (5,), paired: bool = False,
    rests: str = "G", **settings,
) -> Game:  # fmt: skip
    """A game of `make` in which G or D rests after the first turn; `more` is what `make` takes after G and D."""
    weights = DeePSiM(pause_G=1.0) if rests == "G" else DeePSiM(pause_D=8.0, resume_D=80.0)
    g, d = (adam.with_settings(weight_decay=0.01) for adam in rates(i))
    with seeded(seed):
        G, D = Perceptron((5, 8, 16), shape=MLP), Paired() if paired else MLP_D()
        E = FeatureExtractor(Encoder().requires_grad_(False), ["h.1", "h"])
        settings |= {"wiring": Wiring("h", "h.1", paired), "weights": weights, "optimizer_G": g, "optimizer_D": d}
        return scaled(make(E, G, D, *more(), **settings), i)


def by_hand(
    E, G, D, gate, x, h, image, feature, adversarial, pause_D, resume_D, pause_G, paired=False, noisy=False, n_x=0,
    n_h1=0, n_h=0, sigma_x=0, sigma_h1=0, sigma_h=0, code=0, R=None, **_,
):  # fmt: skip
    h1_of, h_of = E.module.h[:2], torch.tanh
    if noisy:
        h = h_of(h1_of(x + sigma_x * n_x) + sigma_h1 * n_h1) + sigma_h * n_h
    on_D, on_G = gate.k.tolist()

    def squares(a, b):
        return sum(((p - q) ** 2).sum() for p, q in zip(a, b, strict=True)) / len(a) / 2

    def real(y):
        return torch.sigmoid(D(y, h) if paired else D(y))

    def discriminated():
        return -real(x).log().mean() - (1 - real(G(h).detach())).log().mean()

    def g():
        loss = image * squares(G(h), x) + feature * squares(h1_of(G(h)), h1_of(x))
        loss = loss + (code * squares(h_of(h1_of(G(h))), h_of(h1_of(x))) if noisy else 0)
        return on_G * (loss - adversarial * real(G(h)).log().mean())

    def gates():
        r = (discriminated() / -real(G(h)).log().mean()).item()
        then_D = 0 if r < pause_D else 1 if r > resume_D else on_D
        then_G = 0 if r > pause_G else 1 if r < pause_D else on_G
        return ((gate.k - torch.tensor([then_D, then_G])) ** 2).sum() / 2

    denoised = {"R": lambda: squares(R(h + sigma_h * n_h), h)} if R else {}
    return {"all": {"D": lambda: on_D * adversarial * discriminated(), "gate": gates, "G": g, **denoised}}


# ---- for the properties of single systems ----

IMAGE, WIRING = (1, 3, 3), Wiring("h", "h1")


def encoder() -> FeatureExtractor:
    with seeded(0):
        h1, h = nn.Sequential(nn.Flatten(), nn.Linear(9, 6), nn.ReLU()), nn.Sequential(nn.Linear(6, 4), nn.ReLU())
        net = nn.Sequential(OrderedDict(h1=h1, h=h, logits=nn.Linear(4, 3)))
    return FeatureExtractor(net.requires_grad_(False), ("h1", "h"))


E = encoder()


def source(k: int) -> dict[str, Tensor]:
    x = torch.rand(6, *IMAGE, generator=torch.Generator().manual_seed(k)) * 2 - 1
    return {"x": x, "h": E(x).layers["h"]}


def nets(seed: int = 1) -> tuple[nn.Module, nn.Module]:
    with seeded(seed):
        return Perceptron([4, 8, 9], shape=IMAGE), Perceptron([9, 8, 1], shape=())


def players(game: Game) -> Players:
    return Players({k: p.net for k, p in game.players.items()})
