"""Every game through the same checks. A new game joins with a row in SMALL and one in BY_HAND."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from energan.engine import Ensemble, Trainer, leaves
from energan.engine.game import Batch, Game, Learner, Noise, Players, Source
from energan.engine.noise import normal
from energan.engine.optimizers import SGD, Adam, PauseOnZeroGradient
from energan.engine.rng import seeded, stream
from energan.engine.state import parameters
from energan.games import GAMES
from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
from energan.networks.conv import autoencoder, dcgan, latent_discriminators, sgan
from energan.networks.conv.ppgn import Bounds
from energan.networks.dense import improved_gan, mlp
from energan.networks.dense.ladder import Ladder
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor
from energan.utils.errors import UserError

Z = 3
MLP, CONV = (1, 4, 4), (2, 8, 8)


class Small(NamedTuple):
    """A small game: `build(seed, i)` makes the i-th, whose weights come from `seed` and whose numbers from `i`."""

    build: Callable[[int, int], Game]
    shape: tuple[int, ...]  # of a sample, or of x
    bounded: bool = True  # its energy reading is >= 0
    images: bool = True  # its samples are images in [-1, 1], not points
    classes: int = 0  # of the labelled x; then there are u without labels too
    labels: int = 0  # classes of x, where no u is needed
    coded: bool = False  # the batches have the codes h of x


def rates(i: int) -> tuple[Adam, Adam]:
    return Adam(1e-3 * (i + 1), beta1=0.5), Adam(2e-3 / (i + 1))


def _autoencoder(seed: int, i: int, D: Callable[[], nn.Module]) -> Game:
    with seeded(seed):
        return GAMES["autoencoder"](D(), optimizer_D=rates(i)[0])


def _ebgan(seed: int, i: int, name: str, G: Callable[[], nn.Module], D: Callable[[], nn.Module], **numbers) -> Game:
    with seeded(seed):
        game = GAMES[name](G(), D(), Z, margin=3.0 + i, optimizer_G=rates(i)[0], optimizer_D=rates(i)[1], **numbers)
    return game._replace(hyperparameters={k: v * (1 + i) if k == "pt" else v for k, v in game.hyperparameters.items()})


def _gan(seed: int, i: int, G: Callable[[], nn.Module], D: Callable[[], nn.Module], loss: str) -> Game:
    with seeded(seed):
        g, d = rates(i)
        return GAMES["gan"](G(), D(), Z, loss=loss, smoothing=0.1 * i, optimizer_G=g, optimizer_D=d)


def _ladder(gain: bool = True) -> nn.Module:
    """Its decoder gives 0 at the start, so that most of it would have no slope: here each weight is a little off."""
    net = Ladder((16, 6, 5, 3), gain=gain)
    with torch.no_grad():
        for w in net.parameters():
            w.add_(torch.randn_like(w), alpha=0.1)
    return net


def _of_ladder(seed: int, i: int) -> Game:
    with seeded(seed):
        return GAMES["ladder"](_ladder(), sigma=0.3 + 0.1 * i, sigma_x=0.2, optimizer_D=rates(i)[0])


MLP_G = partial(mlp.Generator, Z, MLP, layers=3, size=8)
MLP_AE = partial(mlp.Autoencoder, MLP, layers=3, size=6)
CONV_G = partial(dcgan.Generator, Z, channels=2, size=8, width=4)
CONV_AE = partial(autoencoder.Autoencoder, channels=2, maps=(4, 6))
MLP_D = partial(mlp.Discriminator, MLP, layers=3, size=8)
CONV_D = partial(dcgan.Discriminator, channels=2, size=8, width=4)
LADDER = partial(_ladder, gain=False)
IMPROVED_G = partial(improved_gan.Generator, Z, MLP, hidden=(8, 6))
IMPROVED_D = partial(improved_gan.Discriminator, (16, 6, 5, 3), noise=(0.0, 0.0), fixed_gains=False)
DROPPED_AE = partial(MLP_AE, dropout=0.5)
DROPPED_D = partial(MLP_D, dropout=0.5)

POINTS = (2,)
TOY_G = partial(Perceptron, (Z, 8, 2))
TOY_D = partial(Perceptron, (2, 8, 8, 1), shape=(), activation="tanh")


def critic() -> nn.Module:
    """A net whose readings count only in differences: its last bias would have no gradient."""
    net = TOY_D()
    net.net[-1].bias = None
    return net


def _game(seed: int, i: int, name: str, nets: Mapping[str, Callable[[], nn.Module]], **settings) -> Game:
    """A game of Adams; its numbers grow with i."""
    with seeded(seed):
        made = {k: make() for k, make in nets.items()}
        adams = {f"optimizer_{k}": rate for k, rate in zip(made, rates(i), strict=False)}
        game = GAMES[name](**made, z=Z, **adams, **settings)
    return game._replace(hyperparameters={k: v * (1 + i / 4) for k, v in game.hyperparameters.items()})


def toy(name: str, who: str = "D", D: Callable[[], nn.Module] = TOY_D, **settings) -> Callable[[int, int], Game]:
    return partial(_game, name=name, nets={"G": TOY_G} | ({who: D} if who else {}), **settings)


class StackedG_0(nn.Module):
    """h_1 (n, 5), z_0 (n, Z) -> images."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5 + Z, 16), nn.Tanh(), nn.Unflatten(1, MLP))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([h, z], 1))


def _stacked(seed: int, i: int, joint_from: int) -> Game:
    """Two levels: x (16), h_1 (5), y (3). All have the same encoder."""
    with seeded(0):
        E_0, E_1 = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU()), nn.Linear(5, 3)
    with seeded(seed):
        G_1 = sgan.FeatureGenerator(h=5, z=Z, classes=3, hidden=6)
        D_0 = sgan.Discriminator(nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.LeakyReLU(0.2)), 6, Z)
        nets = (G_1, StackedG_0(), sgan.feature_discriminator(h=5, z=Z, hidden=6), D_0)
    for w in chain(*(net.parameters() for net in nets)):
        w.data.mul_(5)  # of the authors' N(0, .02), so little would depend on the input that Adam sees rounding errors
    frozen = (E.requires_grad_(False) for E in (E_0, E_1))
    game = GAMES["sgan"](*frozen, *nets, Z, 3, joint_from=joint_from, optimizer_G=rates(i)[0], optimizer_D=rates(i)[1])
    return game._replace(hyperparameters={k: v * (1 + i / 4) for k, v in game.hyperparameters.items()})


class Encoder(nn.Sequential):
    """MLP-shaped images -> 5 numbers, "h" -> 3 logits; always the same, and smooth: no weight is without a slope."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.h = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh())
            self.logits = nn.Linear(5, 3)


def reader(d: int) -> nn.Module:
    """A critic of d numbers, without a last bias, which would have no slope."""
    return nn.Sequential(nn.Flatten(), nn.Linear(d, 6), nn.Tanh(), nn.Linear(6, 1, bias=False), nn.Flatten(0))


def _latent(seed: int, i: int, critics: tuple[str, ...] = ("x", "h"), **settings) -> Game:
    E = FeatureExtractor(Encoder().requires_grad_(False), ["h"])
    with seeded(seed):
        G = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Unflatten(1, MLP))
        nets = {layer: reader({"x": 16, "h": 5}[layer]) for layer in critics}
    game = GAMES["latent-discriminators"](
        E, G, nets, 5, S=latent_discriminators.Standardise(), critic_steps=2, warm_steps=0, optimizer_G=rates(i)[0],
        optimizer_D=rates(i)[1], **settings,
    )  # fmt: skip
    return game._replace(hyperparameters={k: v * (1 + i / 4) for k, v in game.hyperparameters.items()})


def _classifier(seed: int, i: int) -> Game:
    with seeded(seed):
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 3))
    return GAMES["classifier"](net, optimizer_E=SGD(0.1 * (i + 1), momentum=0.5))


class Paired(nn.Module):
    """x (16) and its code (5) -> readings (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Perceptron((21, 8, 1), shape=())

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.net(torch.cat([x.flatten(1), h], 1))


def _inverting(seed: int, i: int, name: str, paired: bool = False, rests: str = "G", **settings) -> Game:
    """One of DGN-AM's kin in which G or D rests after the first turn."""
    weights = DeePSiM(pause_G=1.0) if rests == "G" else DeePSiM(pause_D=8.0, resume_D=80.0)
    g, d = (adam.with_settings(weight_decay=0.01) for adam in rates(i))
    with seeded(seed):
        G, D = Perceptron((5, 8, 16), shape=MLP), Paired() if paired else MLP_D()
        more = {"ppgn-h": (Perceptron((5, 6, 5)), 5), "joint-ppgn-h": (5, normal(*MLP), normal(5))}.get(name, (5,))
        game = GAMES[name](
            FeatureExtractor(Encoder().requires_grad_(False), ["h.1", "h"]), G, D, *more,
            wiring=Wiring("h", "h.1", paired),
            weights=weights, optimizer_G=g, optimizer_D=d, **settings,
        )  # fmt: skip
    return game._replace(hyperparameters={k: v * (1 + i / 4) for k, v in game.hyperparameters.items()})


def _ppgn_x(seed: int, i: int) -> Game:
    with seeded(seed):
        R = Perceptron((16, 8, 16), shape=MLP)
        return GAMES["ppgn-x"](
            FeatureExtractor(Encoder().requires_grad_(False), []),
            R,
            normal(*MLP),
            sigma_x=0.3 + i,
            optimizer_R=rates(i)[0],
        )


# "<name in GAMES> <what is special>"
SMALL = {
    "autoencoder": Small(partial(_autoencoder, D=MLP_AE), MLP),
    "classifier": Small(_classifier, MLP, classes=3),
    "ebgan": Small(partial(_ebgan, name="ebgan", G=MLP_G, D=MLP_AE), MLP),
    "ebgan convolutional mse": Small(partial(_ebgan, name="ebgan", G=CONV_G, D=CONV_AE, kind="mse"), CONV),
    "ebgan-pt": Small(partial(_ebgan, name="ebgan-pt", G=MLP_G, D=MLP_AE), MLP),
    "ebgan-pt dropout": Small(partial(_ebgan, name="ebgan-pt", G=MLP_G, D=DROPPED_AE), MLP),
    "ebgan-pt convolutional": Small(partial(_ebgan, name="ebgan-pt", G=CONV_G, D=CONV_AE), CONV),
    "gan": Small(partial(_gan, G=MLP_G, D=MLP_D, loss="non-saturating"), MLP, bounded=False),
    "gan minimax dropout": Small(partial(_gan, G=MLP_G, D=DROPPED_D, loss="minimax"), MLP, bounded=False),
    "gan convolutional": Small(partial(_gan, G=CONV_G, D=CONV_D, loss="non-saturating"), CONV, bounded=False),
    "gan simultaneous": Small(toy("gan", simultaneous=True), POINTS, bounded=False, images=False),
    "began": Small(partial(_game, name="began", nets={"G": MLP_G, "D": MLP_AE}, k=0.5, rate=0.1), MLP),
    "dgn-am": Small(partial(_inverting, name="dgn-am", bounds=Bounds(5)), MLP, coded=True),
    "dgn-am paired": Small(partial(_inverting, name="dgn-am", paired=True), MLP, coded=True),
    "energy-distance": Small(toy("energy-distance", ""), POINTS, images=False),
    "energy-losses": Small(partial(_game, name="energy-losses", nets={"G": MLP_G, "D": MLP_AE}, margin=3.0), MLP),
    "energy-losses nll": Small(partial(_game, name="energy-losses", nets={"G": MLP_G, "D": MLP_AE}, loss="nll"), MLP),
    "ebgan-ln": Small(partial(_game, name="ebgan-ln", nets={"G": MLP_G, "D": LADDER}, switch=1), MLP, classes=3),
    "ebgan-ln clean": Small(
        partial(_game, name="ebgan-ln", nets={"G": MLP_G, "D": LADDER}, switch=9, corrupted=False, scaled=False),
        MLP,
        classes=3,
    ),
    "fgan": Small(toy("fgan", "V", divergence="jensen-shannon"), POINTS, bounded=False, images=False),
    "fgan double loop": Small(toy("fgan", "V", critic_steps=2, loss="trick"), POINTS, bounded=False, images=False),
    "fgan trick": Small(toy("fgan", "V", divergence="kl", loss="trick"), POINTS, bounded=False, images=False),
    "gmmn": Small(toy("gmmn", "", widths=(0.5, 2.0)), POINTS, images=False),
    "hinge": Small(toy("hinge", D=critic), POINTS, bounded=False, images=False),
    "improved-gan-ssl": Small(
        partial(_game, name="improved-gan-ssl", nets={"G": IMPROVED_G, "D": IMPROVED_D}), MLP, bounded=False, classes=3
    ),
    "improved-gan-ssl noise": Small(
        partial(_game, name="improved-gan-ssl", nets={"G": IMPROVED_G, "D": partial(IMPROVED_D, noise=(0.3, 0.5))}),
        MLP,
        bounded=False,
        classes=3,
    ),
    "improved-gan-ssl minibatch": Small(
        partial(
            _game,
            name="improved-gan-ssl",
            nets={"G": IMPROVED_G, "D": partial(IMPROVED_D, kernels=4)},
            variant="minibatch",
        ),
        MLP,
        bounded=False,
        classes=3,
    ),
    "joint-ppgn-h": Small(partial(_inverting, name="joint-ppgn-h"), MLP, coded=True),
    "ladder": Small(_of_ladder, MLP, classes=3),
    "latent-discriminators": Small(_latent, MLP, coded=True),
    "latent-discriminators random": Small(partial(_latent, random=True), MLP, coded=True),
    "latent-discriminators no critics": Small(partial(_latent, critics=(), random=True), MLP, coded=True),
    "latent-discriminators adversarial only": Small(partial(_latent, critics=("h",), matched={}), MLP, coded=True),
    "lsgan": Small(toy("lsgan"), POINTS, bounded=False, images=False),
    "noiseless-joint-ppgn-h": Small(partial(_inverting, name="noiseless-joint-ppgn-h", rests="D"), MLP, coded=True),
    "ppgn-h": Small(partial(_inverting, name="ppgn-h", optimizer_R=Adam(2e-3)), MLP, coded=True),
    "ppgn-x": Small(_ppgn_x, MLP),
    "r3gan": Small(toy("r3gan", D=critic), POINTS, bounded=False, images=False),
    "sgan": Small(partial(_stacked, joint_from=0), MLP, labels=3),
    "sgan independent, then joint": Small(partial(_stacked, joint_from=1), MLP, labels=3),
    "sinkhorn": Small(toy("sinkhorn", "", epsilon=0.5, iterations=300), POINTS, images=False),
    "unrolled": Small(toy("unrolled", steps=2), POINTS, bounded=False, images=False),
    "wgan": Small(toy("wgan", "f", critic, clip=0.1, warm_steps=3), POINTS, bounded=False, images=False),
    "wgan-gp": Small(toy("wgan-gp", "f", critic, critic_steps=2), POINTS, bounded=False, images=False),
}
small = pytest.mark.parametrize("name", SMALL)


# ---- the games' losses, written again from the papers' equations: turn -> loss of the nets and the batch ----


def norm(a: Tensor) -> Tensor:
    return torch.stack([row.flatten().norm() for row in a])


def mse(a: Tensor) -> Tensor:
    return torch.stack([(row**2).mean() for row in a])


def pull_away(code: Tensor) -> Tensor:
    pairs = [(i, j) for i in range(len(code)) for j in range(len(code)) if i != j]
    flat = code.flatten(1)
    return sum((flat[i] @ flat[j] / flat[i].norm() / flat[j].norm()) ** 2 for i, j in pairs) / len(pairs)


def hand_autoencoder(D, x, **_):
    return {"D": lambda: norm(x - D(x)[0]).mean()}


def hand_ebgan(G, D, x, z, margin, pt=0.0, measure=norm, **_):
    def d():
        with torch.no_grad():
            fake = G(z)
        terms = [max(margin - e, 0 * e) for e in measure(fake - D(fake)[0])]
        return measure(x - D(x)[0]).mean() + sum(terms) / len(terms)

    def g():
        fake = G(z)
        reconstruction, code = D(fake)
        return measure(fake - reconstruction).mean() + (pt * pull_away(code) if pt else 0)

    return {"D": d, "G": g}


def hand_gan(G, D, x, z, smoothing, **_):
    def d():
        real, fake = torch.sigmoid(D(x)), torch.sigmoid(D(G(z).detach()))
        smoothed = (1 - smoothing) * real.log() + smoothing * (1 - real).log()
        return -(smoothed.mean() + (1 - fake).log().mean())

    def g():
        return -torch.sigmoid(D(G(z))).log().mean()

    return {"D": d, "G": g, "both": {"D": d, "G": g}}


def hand_began(G, D, k, x, z, gamma, **_):
    def pixels(v):
        return (v - D(v)[0]).abs().mean()

    def d():
        return pixels(x) - k.k.item() * pixels(G(z).detach())

    def balance():
        return -k.k * (gamma * pixels(x) - pixels(G(z))).item()

    return {"all": {"D": d, "G": lambda: pixels(G(z)), "k": balance}}


def hand_classified(D, x, y, u, n_x, n_u, sigma, sigma_x):
    """Cross-entropy by its definition, and the costs of the unlabelled rows."""
    widths = torch.tensor([sigma_x] * 16 + [sigma] * 14, dtype=torch.float64)  # of Ladder((16, 6, 5, 3))
    out = D(torch.cat([x, u]), widths * torch.cat([n_x, n_u]), len(x))
    return -(y * (out.logits - out.logits.exp().sum(1, keepdim=True).log())).sum(1).mean(), out.costs


def hand_ladder(D, sigma, sigma_x, **batch):
    data = {k: batch[k] for k in ("x", "y", "u", "n_x", "n_u")}

    def d():
        ce, costs = hand_classified(D, **data, sigma=sigma, sigma_x=sigma_x)
        return ce + 1000 * costs[0].mean() + 10 * costs[1].mean() + sum(0.1 * c.mean() for c in costs[2:])

    return {"D": d}


def hand_ebgan_ln(G, D, z, n_z, margin, weight, sigma, sigma_x, switch, t, corrupted=True, scaled=True, **batch):
    data = {k: batch[k] for k in ("x", "y", "u", "n_x", "n_u")}

    def energy(fake):
        widths = torch.tensor([sigma_x] * 16 + [sigma] * 14, dtype=torch.float64)
        return D(fake, (widths if corrupted else 0) * n_z).costs[0] * 16

    def real():
        ce, costs = hand_classified(D, **data, sigma=sigma, sigma_x=sigma_x)
        return ce + weight * 16 * costs[0].mean()

    def d():
        m = margin * (1 - t / switch)
        return real() + (weight if scaled else 1) * sum(max(m - e, 0 * e) for e in energy(G(z).detach())) / len(z)

    return {"D": d, "G": lambda: energy(G(z)).mean(), "L": {"D": real}}


def hand_improved(G, D, x, y, u, z, weight, matching=True, **_):
    """The K + 1 classes written out: the logit 0 beside D's."""

    def shares(rows):
        logits = torch.cat([D(rows)[0], torch.zeros(len(rows), 1).double()], 1).exp()
        return logits / logits.sum(1, keepdim=True)

    def d():
        ce = -(y * (D(x)[0].exp() / D(x)[0].exp().sum(1, keepdim=True)).log()).sum(1).mean()
        unsupervised = -(1 - shares(u)[:, 3]).log().mean() - shares(G(z).detach())[:, 3].log().mean()
        return ce + weight / 2 * unsupervised

    def g():
        if matching:
            return (D(u)[1].mean(0) - D(G(z))[1].mean(0)).square().mean()
        return shares(G(z))[:, 3].log().mean()

    return {"D": d, "G": g}


def hand_dgn_am(
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

    def told():
        return -real(x).log().mean() - (1 - real(G(h).detach())).log().mean()

    def g():
        loss = image * squares(G(h), x) + feature * squares(h1_of(G(h)), h1_of(x))
        loss = loss + (code * squares(h_of(h1_of(G(h))), h_of(h1_of(x))) if noisy else 0)
        return on_G * (loss - adversarial * real(G(h)).log().mean())

    def gates():
        r = (told() / -real(G(h)).log().mean()).item()
        then_D = 0 if r < pause_D else 1 if r > resume_D else on_D
        then_G = 0 if r > pause_G else 1 if r < pause_D else on_G
        return ((gate.k - torch.tensor([then_D, then_G])) ** 2).sum() / 2

    denoised = {"R": lambda: squares(R(h + sigma_h * n_h), h)} if R else {}
    return {"all": {"D": lambda: on_D * adversarial * told(), "gate": gates, "G": g, **denoised}}


def hand_ppgn_x(R, x, n_x, sigma_x, **_):
    return {"R": lambda: sum(((R(x + sigma_x * n_x) - x) ** 2).flatten()) / 2 / len(x)}


def hand_energy_distance(G, x, z, **_):
    def between(a, b):
        return sum((p - q).norm() for p in a for q in b if p is not q)

    n = len(x)

    def g():
        y = list(G(z))  # rows, so that `is` tells a row from another
        rows = list(x)
        return 2 * between(rows, y) / n**2 - (between(rows, rows) + between(y, y)) / (n * (n - 1))

    return {"G": g}


def hand_energy_losses(G, D, x, z, margin, **_):
    def d():
        fake = G(z).detach()
        pushed = (margin - norm(fake - D(fake)[0])).clamp(min=0)
        return (norm(x - D(x)[0]) ** 2 + pushed**2).mean()

    return {"D": d, "G": lambda: norm(G(z) - D(G(z))[0]).mean()}


def hand_fgan(G, V, x, z, **_):
    """The Jensen-Shannon row of the paper's tables."""

    def bound():
        def g(v):
            return math.log(2) - (1 + (-v).exp()).log()

        return g(V(x)).mean() + (2 - g(V(G(z))).exp()).log().mean()

    return {"both": {"G": bound, "V": lambda: -bound()}}


def hand_gmmn(G, x, z, **_):
    def kernel(a, b):
        return sum(torch.exp(-((p - q) ** 2).sum() / 2 / s**2) for p in a for q in b for s in (0.5, 2.0)) / len(a) ** 2

    def g():
        return (kernel(x, x) + kernel(G(z), G(z)) - 2 * kernel(x, G(z))).sqrt()

    return {"G": g}


def hand_hinge(G, D, x, z, **_):
    def d():
        return (1 - D(x)).clamp(min=0).mean() + (1 + D(G(z).detach())).clamp(min=0).mean()

    return {"D": d, "G": lambda: -D(G(z)).mean()}


def hand_classifier(E, x, y, **_):
    return {"E": lambda: -(y * (E(x).exp() / E(x).exp().sum(1, keepdim=True)).log()).sum(1).mean()}


def hand_latent(E, S, G, x, h, adversarial, penalty, D_x=None, D_h=None, eps_x=None, eps_h=None, **mu):
    """Pixels are counted in the thesis' units: of mean 0 and deviation 1 over MNIST."""

    def pixels(v):
        return (v / 2 + 0.5 - 0.1307) / 0.3081

    def codes(v):
        return E.module.h(v)

    def learns(D, read, eps):
        def loss():
            real, fake = read(x), read(G(h).detach())
            between = torch.stack([e * a + (1 - e) * b for e, a, b in zip(eps, real, fake, strict=True)])
            steep = ((norm(slopes(D, between)) - 1) ** 2).mean()
            return D(fake).mean() - D(real).mean() + penalty * steep

        return loss

    def follows(*critics):
        def loss():
            fake = G(h)
            fooled = sum(D(read(fake)).mean() for D, read in critics)
            wrong = {"mu_x": ((pixels(fake) - pixels(x)) ** 2).mean(), "mu_h": ((codes(fake) - h) ** 2).mean()}
            return sum(mu[k] * wrong[k] for k in wrong if k in mu) - adversarial * fooled

        return loss

    both = {"x": (D_x, pixels, eps_x), "h": (D_h, codes, eps_h)}
    there = {layer: found for layer, found in both.items() if found[0]}
    alone = {f"D_{layer}": learns(*found) for layer, found in there.items()}
    chosen = {f"G_{layer}": {"G": follows(found[:2])} for layer, found in there.items()}
    return {"D": alone, "G": follows(*(found[:2] for found in there.values())), **alone, **chosen}


def hand_lsgan(G, D, x, z, **_):
    def d():
        return ((D(x) - 1) ** 2).mean() / 2 + (D(G(z).detach()) ** 2).mean() / 2

    return {"D": d, "G": lambda: ((D(G(z)) - 1) ** 2).mean() / 2}


def slopes(D, at):
    at = at.detach().requires_grad_(True)
    return torch.autograd.grad(D(at).sum(), at, create_graph=True)[0]


def hand_r3gan(G, D, x, z, gamma, **_):
    def d():
        fake = G(z).detach()
        paired = (1 + (D(fake) - D(x)).exp()).log().mean()
        return paired + gamma / 2 * sum((slopes(D, at) ** 2).sum(1).mean() for at in (x, fake))

    return {"D": d, "G": lambda: (1 + (D(x) - D(G(z))).exp()).log().mean()}


def hand_sgan(E_0, E_1, G_1, G_0, D_1, D_0, x, y, z_1, z_0, adversarial, condition, entropy, **_):
    def learns(D, real, fake, z):
        cross = torch.sigmoid(D(real)[0]).log().mean() + (1 - torch.sigmoid(D(fake)[0])).log().mean()
        return -adversarial * cross / 2 + entropy * ((D(fake)[1] - z) ** 2).mean()

    def fools(D, fake, wrong, z):
        adv = -torch.sigmoid(D(fake)[0]).log().mean()
        return adversarial * adv + condition * wrong + entropy * ((D(fake)[1] - z) ** 2).mean()

    def g_1():
        h = G_1(y, z_1)
        return fools(D_1, h, -(y * E_1(h).softmax(1).log()).sum(1).mean(), z_1)

    def g_0(h):
        fake = G_0(h, z_0)
        return fools(D_0, fake, ((E_0(fake) - h) ** 2).mean(), z_0)

    found = {}
    for suffix, h in (("", G_1(y, z_1).detach()), ("_alone", E_0(x))):
        found["D" + suffix] = {
            "D_1": lambda: learns(D_1, E_0(x), G_1(y, z_1).detach(), z_1),
            "D_0": lambda h=h: learns(D_0, x, G_0(h, z_0).detach(), z_0),
        }
        found["G" + suffix] = {"G_1": g_1, "G_0": partial(g_0, h)}
    return found


def hand_sinkhorn(G, x, z, epsilon, **_):
    def transport(a, b):
        cost = ((a[:, None] - b) ** 2).sum(2) / 2
        kernel = (-cost.detach() / epsilon).exp()
        u = torch.ones(len(a), dtype=a.dtype)
        for _ in range(3000):
            v = 1 / (kernel.T @ u)
            u = 1 / (kernel @ v)
        plan = u[:, None] * kernel * v / len(a)  # the rows and columns sum to 1/n
        return (plan * cost).sum() + epsilon * (plan * (plan * len(a) ** 2).log()).sum()

    return {"G": lambda: transport(x, G(z)) - transport(x, x) / 2 - transport(G(z), G(z)) / 2}


def hand_unrolled(G, D, x, z, optimizers, **_):
    """K = 2, with Adam's two steps written out."""

    def value(weights):
        real, fake = (torch.sigmoid(functional_call(D, weights, at)) for at in (x, G(z)))
        return real.log().mean() + (1 - fake).log().mean()

    def g():
        (group,), state = optimizers["D"].param_groups, optimizers["D"].state
        (one_, two), names = group["betas"], [k for k, _ in D.named_parameters()]
        weights = list(D.parameters())
        m, v = ([state.get(w, {}).get(k, torch.zeros_like(w)) for w in weights] for k in ("exp_avg", "exp_avg_sq"))
        count = int(state[weights[0]]["step"]) if state else 0
        for t in (count + 1, count + 2):
            up = torch.autograd.grad(value(dict(zip(names, weights, strict=True))), weights, create_graph=True)
            m = [one_ * a - (1 - one_) * u for a, u in zip(m, up, strict=True)]
            v = [two * a + (1 - two) * u**2 for a, u in zip(v, up, strict=True)]
            sized = [(a / (1 - two**t)).sqrt() + group["eps"] for a in v]
            steps = zip(weights, m, sized, strict=True)
            weights = [w - group["lr"] * a / (1 - one_**t) / s for w, a, s in steps]
        return value(dict(zip(names, weights, strict=True)))

    return {"both": {"D": lambda: -value(dict(D.named_parameters())), "G": g}}


def hand_wgan(G, f, x, z, **_):
    return {"f": lambda: f(G(z).detach()).mean() - f(x).mean(), "G": lambda: -f(G(z)).mean()}


def hand_wgan_gp(G, f, x, z, eps, penalty, **_):
    def critic():
        fake = G(z).detach()
        between = torch.stack([e * a + (1 - e) * b for e, a, b in zip(eps, x, fake, strict=True)])
        steep = ((slopes(f, between).norm(dim=1) - 1) ** 2).mean()
        return f(fake).mean() - f(x).mean() + penalty * steep

    return {"f": critic, "G": lambda: -f(G(z)).mean()}


BY_HAND = {
    "autoencoder": hand_autoencoder,
    "began": hand_began,
    "classifier": hand_classifier,
    "ebgan": hand_ebgan,
    "ebgan convolutional mse": partial(hand_ebgan, measure=mse),
    "ebgan-pt": hand_ebgan,
    "ebgan-pt convolutional": hand_ebgan,
    "ebgan-ln": hand_ebgan_ln,
    "ebgan-ln clean": partial(hand_ebgan_ln, corrupted=False, scaled=False),
    "dgn-am": hand_dgn_am,
    "dgn-am paired": partial(hand_dgn_am, paired=True),
    "energy-distance": hand_energy_distance,
    "energy-losses": hand_energy_losses,
    "fgan": hand_fgan,
    "gan": hand_gan,
    "gan simultaneous": hand_gan,
    "gmmn": hand_gmmn,
    "hinge": hand_hinge,
    "improved-gan-ssl": hand_improved,
    "improved-gan-ssl minibatch": partial(hand_improved, matching=False),
    "joint-ppgn-h": partial(hand_dgn_am, noisy=True),
    "ladder": hand_ladder,
    "latent-discriminators": hand_latent,
    "latent-discriminators random": hand_latent,
    "latent-discriminators no critics": hand_latent,
    "latent-discriminators adversarial only": hand_latent,
    "lsgan": hand_lsgan,
    "noiseless-joint-ppgn-h": hand_dgn_am,
    "ppgn-h": hand_dgn_am,
    "ppgn-x": hand_ppgn_x,
    "r3gan": hand_r3gan,
    "sgan": hand_sgan,
    "sgan independent, then joint": hand_sgan,
    "sinkhorn": hand_sinkhorn,
    "unrolled": hand_unrolled,
    "wgan": hand_wgan,
    "wgan-gp": hand_wgan_gp,
}
CLAMPED = {("wgan", "f"): (-0.1, 0.1), ("began", "k"): (0.0, 1.0)}  # after each of the player's steps


# ---- helpers ----


def images(name: str, seed: int = 0, n: int = 5) -> Source:
    """Batches of noise images, and labels where the game takes them; batch k depends on (seed, k) alone."""
    shape, classes = SMALL[name].shape, SMALL[name].classes or SMALL[name].labels

    def source(k: int) -> Mapping[str, Tensor]:
        g = torch.Generator().manual_seed(100 * seed + k)
        x = torch.rand(n, *shape, generator=g) * 2 - 1
        if SMALL[name].coded:
            return {"x": x, "h": Encoder().h(x).detach()}
        if not classes:
            return {"x": x}
        y = torch.randint(classes, (n,), generator=g)
        return {"x": x, "y": torch.eye(classes)[y], "u": torch.rand(n, *shape, generator=g) * 2 - 1}

    return source


def one(name: str, seed: int = 0, i: int = 0, only: str | None = None, **settings) -> Trainer:
    game = SMALL[name].build(seed, i)
    if only:
        game = game._replace(order=lambda t: (only,))
    return Trainer(game, images(name, seed), seed=seed, **settings)


def batch(name: str, game: Game, dtype: torch.dtype = torch.float64, n: int = 5) -> Batch:
    """One turn's data, noise and numbers."""
    g = torch.Generator().manual_seed(7)
    data = {k: v.to(dtype) for k, v in images(name, n=n)(0).items()}
    noise = {k: f(g, n).to(dtype) for k, f in game.noise.items()}
    numbers = {k: torch.tensor(v, dtype=dtype) for k, v in game.hyperparameters.items()}
    return Batch({**data, **noise, **numbers, "t": torch.tensor(0), "key": torch.tensor(5)})


def copy(state: dict) -> dict:
    return {k: copy(v) if isinstance(v, dict) else v.clone() for k, v in state.items()}


def close(a: Mapping, b: Mapping, atol: float) -> None:
    """Both trees have the same leaves, to `atol`."""
    theirs = dict(leaves(b))
    assert set(theirs) == {k for k, _ in leaves(a)}
    for key, value in leaves(a):
        torch.testing.assert_close(value, theirs[key], rtol=0, atol=atol, msg=lambda m, k=key: f"{k}: {m}")


def float64(game: Game) -> Players:
    nets = {k: p.net.double().train() for k, p in game.players.items()}
    learners = {
        k: Learner(p.optimizer, p.optimizer.init(parameters(nets[k])), 1.0, p.projection)
        for k, p in game.players.items()
        if p.optimizer
    }
    return Players(nets, learners=learners)


# ---- the checks ----


def test_every_game_is_checked():
    assert {name.split()[0] for name in SMALL} == set(GAMES)
    assert {name.split()[0] for name in BY_HAND} == set(GAMES)


def test_every_number_and_log_has_a_meaning_and_no_meaning_is_unused():
    unused: dict[str, set[str]] = {}
    for name, row in SMALL.items():
        game = row.build(0, 0)
        logs = {key.split("/", 1)[1] for turn in game.turns for key in one(name, only=turn).step()}
        named = logs | set(game.hyperparameters)
        players = set(game.players)
        if game.codes:
            named |= players
        assert named <= set(game.meanings), (name, named - set(game.meanings))
        assert all(text and not text.endswith(".") for text in game.meanings.values())
        left = set(game.meanings) - named - players
        module = GAMES[name.split()[0]].__module__
        unused[module] = unused.get(module, left) & left
    assert not any(unused.values()), unused


@small
def test_a_turn_moves_its_players_only_and_all_their_weights(name):
    turns = SMALL[name].build(0, 0).turns
    for turn, moves in turns.items():
        player = one(name, only=turn, precision="fp64")
        before = copy(player.state()["weights"])
        player.step()
        movers = {m for move in moves for m in (*move.min, *move.max)}
        for who, weights in player.players._nets.items():
            for k, w in weights.state_dict().items():
                changed = not torch.equal(w, before[who][k])
                is_weight = k in dict(weights.named_parameters())
                assert changed == (who in movers and is_weight), (turn, who, k)


@small
def test_gradients_reach_all_weights_of_the_movers(name):
    game = SMALL[name].build(0, 0)
    players = float64(game)
    for move in chain.from_iterable(game.turns.values()):
        with stream(torch.tensor(1)):
            loss, logs = move.objective(players, batch(name, game))
        assert loss.shape == () and all(v.shape == () for v in logs.values())
        for who in (*move.min, *move.max):
            for k, w in players.weights(who).items():
                (g,) = torch.autograd.grad(loss, w, retain_graph=True)
                assert bool(g.isfinite().all()) and float(g.abs().sum()) > 0, (who, k)


@small
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_losses_are_finite_and_float32(name, precision):
    player = one(name, precision=precision)
    for _ in range(3):
        logs = player.step()
    assert logs and all(bool(v.isfinite()) and v.dtype == torch.float32 and not v.requires_grad for v in logs.values())
    assert all(w.dtype == torch.float32 for _, w in leaves({"": player.state()["weights"]}))
    game = player.game
    for move in chain.from_iterable(game.turns.values()):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            assert move.objective(player.players, batch(name, game, torch.float32))[0].dtype == torch.float32


@small
def test_samples_are_images_in_minus_one_to_one(name):
    game = SMALL[name].build(0, 0)
    if game.sample is None:
        return
    for player in game.players.values():
        for w in player.net.parameters():
            w.data.mul_(100)  # trained weights may be large
    with torch.no_grad():
        sample = game.sample(float64(game), batch(name, game, n=4))
    assert sample.shape == (4, *SMALL[name].shape)
    assert float(sample.abs().max()) <= 1 or not SMALL[name].images
    assert sample.std() > 0.01


@small
def test_energy_reading(name):
    game = SMALL[name].build(0, 0)
    if game.energy is None:
        return
    players = float64(game)
    for who in players:
        getattr(players, who).eval()
    b = batch(name, game)
    reading = game.energy(players, b)
    assert reading.shape == (5,) and bool(reading.isfinite().all())
    assert bool((reading >= 0).all()) or not SMALL[name].bounded
    torch.testing.assert_close(game.energy(players, Batch({"x": b.x[2:3]})), reading[2:3])  # of x alone, and alone


@small
def test_classes_are_read_off_each_image_alone(name):
    game = SMALL[name].build(0, 0)
    assert (game.logits is None) == (SMALL[name].classes == 0)
    if game.logits is None:
        return
    players = float64(game)
    for who in players:
        getattr(players, who).eval()
    b = batch(name, game)
    logits = game.logits(players, Batch({"x": b.x}))
    assert logits.shape == (5, SMALL[name].classes) and bool(logits.isfinite().all())
    torch.testing.assert_close(game.logits(players, Batch({"x": b.x[2:3]})), logits[2:3])


def torchs(optimizer, weights) -> torch.optim.Optimizer:
    """torch's own optimizer with the same settings."""
    weights = list(weights)
    if isinstance(optimizer, SGD):
        return torch.optim.SGD(weights, optimizer.lr, optimizer.momentum)
    adam = optimizer.optimizer if isinstance(optimizer, PauseOnZeroGradient) else optimizer
    return torch.optim.Adam(weights, adam.lr, (adam.beta1, adam.beta2), adam.eps, adam.weight_decay)


def recorded(noise: Noise, into: list[Tensor]) -> Noise:
    return lambda generator, n: into.append(noise(generator, n)) or into[-1]


@pytest.mark.parametrize("name", BY_HAND)
def test_two_steps_are_the_papers_equations(name):
    """The engine against a loop written here, with torch's optimizers and the losses of BY_HAND."""
    for i in (0, 1):
        game = SMALL[name].build(3, i)
        drawn: dict[str, list[Tensor]] = {k: [] for k in game.noise}

        noisy = {k: recorded(noise, drawn[k]) for k, noise in game.noise.items()}
        player = Trainer(game._replace(noise=noisy), images(name), precision="fp64")
        nets = {k: p.net.double() for k, p in SMALL[name].build(3, i).players.items()}
        learning = {who: p.optimizer for who, p in game.players.items() if p.optimizer}
        optimizers = {who: torchs(optimizer, nets[who].parameters()) for who, optimizer in learning.items()}
        count = 0
        for t in range(2):
            player.step()
            for turn in game.turns_at(t):
                data = {k: v.double() for k, v in images(name)(count).items()}
                noise = {k: tensors[count].double() for k, tensors in drawn.items()}
                losses = BY_HAND[name](**nets, **data, **noise, **game.hyperparameters, optimizers=optimizers, t=t)[
                    turn
                ]
                losses = losses if isinstance(losses, dict) else {turn: losses}
                grads = {who: torch.autograd.grad(loss(), list(nets[who].parameters())) for who, loss in losses.items()}
                for who, slope in grads.items():  # all have theirs from the same point
                    for w, g in zip(nets[who].parameters(), slope, strict=True):
                        w.grad = g
                    if not isinstance(learning[who], PauseOnZeroGradient) or any(bool(g.any()) for g in slope):
                        optimizers[who].step()
                    for w in nets[who].parameters():
                        w.data.clamp_(*CLAMPED.get((name, who), (-math.inf, math.inf)))
                count += 1
        # Adam's first steps are signs: a rounding difference in a tiny gradient shows
        close({k: n.state_dict() for k, n in nets.items()}, player.state()["weights"], atol=1e-9)


@small
def test_many_models_are_each_the_model_alone(name):
    """Different seeds, data, margins and learning rates: as if each were trained by itself."""
    count, steps = 3, 3
    alone = [one(name, seed=i, i=i, precision="fp64") for i in range(count)]
    many = Ensemble(
        [SMALL[name].build(i, i) for i in range(count)],
        [images(name, i) for i in range(count)],
        seeds=range(count),
        precision="fp64",
    )
    assert len(many) == count
    for _ in range(steps):
        together = many.step()
        apart = [m.step() for m in alone]
        for k, v in together.items():
            torch.testing.assert_close(v, torch.stack([logs[k] for logs in apart]), rtol=0, atol=1e-9)
    for i, model in enumerate(alone):
        for who in model.players:
            close(many.players(i).weights(who), model.players.weights(who), atol=1e-9)
    margins = [{k: v[i].item() for k, v in many.state()["hyperparameters"].items()} for i in range(count)]
    assert margins == [pytest.approx(SMALL[name].build(i, i).hyperparameters) for i in range(count)]


@small
def test_a_saved_state_continues_identically(name):
    average = {who: 0.9 for who, player in SMALL[name].build(0, 0).players.items() if player.optimizer}
    whole, resumed = one(name, average=average), one(name, seed=0, i=0, average=average)
    for _ in range(2):
        whole.step()
    middle = copy(whole.state())
    for _ in range(2):
        last = whole.step()
    other = Trainer(SMALL[name].build(9, 0), images(name), seed=9, average=average)
    for player in (other, resumed):
        player.load(middle)
        player.step()
        logs = player.step()
        assert logs.keys() == last.keys() and all(torch.equal(logs[k], last[k]) for k in logs)
        close(player.state(), whole.state(), atol=0)


@small
def test_a_saved_state_of_many_continues_identically(name):
    def many(seed: int) -> Ensemble:
        sources = [images(name, i) for i in range(2)]
        return Ensemble([SMALL[name].build(seed, i) for i in range(2)], sources, seeds=[seed, seed + 1])

    whole = many(0)
    whole.step()
    middle = copy(whole.state())
    last = whole.step()
    fresh = many(5)
    fresh.load(middle)
    logs = fresh.step()
    assert all(torch.equal(logs[k], last[k]) for k in last)
    close(fresh.state(), whole.state(), atol=0)


@small
@pytest.mark.usefixtures("compile_cheaply")
def test_compiles_without_a_graph_break_and_equals_eager(name):
    eager, compiled = one(name, precision="fp64"), one(name, precision="fp64", compile=True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert all(torch.allclose(a[k], b[k], rtol=0, atol=1e-12) for k in a) and a.keys() == b.keys()
    close(eager.state(), compiled.state(), atol=1e-11)


@pytest.mark.parametrize("name", ["ebgan-pt dropout", "gan"])  # tracing a batched turn takes seconds
@pytest.mark.usefixtures("trace_only")
def test_the_batched_turn_compiles_without_a_graph_break_and_equals_eager(name):
    def many(compile: bool) -> Ensemble:
        sources = [images(name, i) for i in range(2)]
        games = [SMALL[name].build(i, i) for i in range(2)]
        return Ensemble(games, sources, seeds=[0, 1], precision="fp64", compile=compile)

    eager, compiled = many(False), many(True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert all(torch.allclose(a[k], b[k], rtol=0, atol=1e-12) for k in a) and a.keys() == b.keys()
    close(eager.state(), compiled.state(), atol=1e-11)


@pytest.mark.usefixtures("compile_truly")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own
def test_generated_code_of_one_equals_eager():
    eager, compiled = one("autoencoder"), one("autoencoder", compile=True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert all(torch.allclose(a[k], b[k], rtol=1e-4, atol=1e-6) for k in a)


@pytest.mark.usefixtures("compile_truly")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own
def test_generated_code_of_many_equals_eager():
    logs = []
    for compile in (False, True):
        games = [SMALL["autoencoder"].build(i, i) for i in range(2)]
        many = Ensemble(games, [images("autoencoder")] * 2, seeds=[0, 1], compile=compile)
        many.step()
        logs.append(many.step())
    assert all(torch.allclose(logs[0][k], logs[1][k], rtol=1e-4, atol=1e-6) for k in logs[0])


# ---- the mistakes of public EBGANs: each test names the one that it catches ----


class Flat(nn.Module):
    """An auto-encoder of which a test knows everything: reconstructs `reconstruct(x)`, with code `encode(x)`."""

    def __init__(self, reconstruct: Callable[[Tensor], Tensor], encode: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self._reconstruct, self._encode = reconstruct, encode

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._reconstruct(x) * self.scale, self._encode(x)


class Scale(nn.Module):
    """A generator that gives its noise as an image of one row, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return (self.scale * z)[:, None, None]


def nothing(x: Tensor) -> Tensor:
    return x * 0


def known(encode: Callable[[Tensor], Tensor] = lambda x: x.flatten(1), reconstruct=nothing, **numbers) -> Game:
    """EBGAN-PT whose energy is E(x) = ||x|| (the reconstruction is 0), on images of 1 x 1 x 2."""
    return GAMES["ebgan-pt"](Scale(), Flat(reconstruct, encode), 2, **numbers)


def loss_of(game: Game, turn: str, **values: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    numbers = {k: torch.tensor(v) for k, v in game.hyperparameters.items()}
    players = Players({k: p.net for k, p in game.players.items()})
    (move,) = game.turns[turn]
    return move.objective(players, Batch({**values, **numbers}))


FAKES = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 2.0]])  # energies 5, 1, 2
REAL = torch.zeros(3, 1, 1, 2)


def test_generator_gradient_flows_through_the_target():
    """Detached target: with a reconstruction that never moves, G would have no gradient at all."""
    game = known(pt=0.0)
    loss, _ = loss_of(game, "G", z=FAKES)
    (g,) = torch.autograd.grad(loss, game.players["G"].net.scale)
    assert g.item() == pytest.approx((5 + 1 + 2) / 3)  # d mean||s z|| / ds


def test_generator_gradient_flows_through_both_the_target_and_d():
    """Of a reconstruction x/2, E = ||x||/2: the target alone would give twice that, the other alone minus it."""
    game = known(reconstruct=lambda x: x / 2, pt=0.0)
    loss, _ = loss_of(game, "G", z=FAKES)
    (g,) = torch.autograd.grad(loss, game.players["G"].net.scale)
    assert g.item() == pytest.approx((5 + 1 + 2) / 3 / 2)


def test_generator_is_constant_in_the_discriminators_loss():
    game = known()
    loss, _ = loss_of(game, "D", x=REAL, z=FAKES)
    assert torch.autograd.grad(loss, game.players["G"].net.scale, allow_unused=True) == (None,)


def test_hinge_is_per_sample_not_on_the_batch_mean():
    """Energies 5, 1, 2 and m = 2.5: [m - E]+ is 0, 1.5, .5; of the mean energy 2.67 it would be 0."""
    loss, logs = loss_of(known(margin=2.5), "D", x=REAL, z=FAKES)
    assert loss.item() == pytest.approx(2 / 3, abs=1e-5)
    assert logs["[m-E(G(z))]+"].item() == pytest.approx(2 / 3, abs=1e-5)


def test_the_generator_has_no_hinge():
    """Its gradient survives where the energy exceeds the margin."""
    game = known(margin=0.5, pt=0.0)
    loss, _ = loss_of(game, "G", z=FAKES)
    assert loss.item() == pytest.approx(8 / 3) and torch.autograd.grad(loss, game.players["G"].net.scale)[0] > 1


def test_margin_is_in_units_of_the_norm():
    """Of MNIST's size, fakes rebuilt with an RMS error of .5 have E = 16 > 10: the hinge is off. On mean-MSE never."""
    fakes, real = torch.full((2, 1024), 0.5), torch.zeros(2, 1, 1, 1024)
    loss, logs = loss_of(known(), "D", x=real, z=fakes)
    assert logs["E(G(z))"].item() == pytest.approx(16) and loss.item() == pytest.approx(0, abs=1e-5)
    assert known().hyperparameters["margin"] == 10
    _, logs = loss_of(known(kind="mse", margin=20.0), "D", x=real, z=torch.ones(2, 1024))
    assert logs["[m-E(G(z))]+"].item() == pytest.approx(19)  # at the largest error that images can have


@pytest.mark.parametrize("copies", [2, 32])
def test_margin_is_no_function_of_the_batch(copies):
    """m = max(1, n/64) in one public code: the loss of a batch said twice must be the loss of the batch."""
    once, _ = loss_of(known(), "D", x=REAL, z=FAKES)
    more, _ = loss_of(known(), "D", x=REAL.repeat(copies, 1, 1, 1), z=FAKES.repeat(copies, 1))
    assert more.item() == pytest.approx(once.item(), rel=1e-5)


def test_pulling_away_is_on_codes_not_on_pixels():
    """Parallel images with orthogonal codes are as far apart as they can be, and the reverse."""
    fakes = torch.ones(3, 2)
    _, logs = loss_of(known(encode=lambda x: torch.eye(3)), "G", z=fakes)
    assert logs["PT"].item() == pytest.approx(0, abs=1e-6)
    orthogonal = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    _, logs = loss_of(known(encode=lambda x: torch.ones(2, 5)), "G", z=orthogonal)
    assert logs["PT"].item() == pytest.approx(1, abs=1e-6)


def test_pulling_away_is_on_generated_samples():
    """G's loss does not look at real samples: this batch has none, and asking for them would be an error."""
    loss, logs = loss_of(known(pt=0.1), "G", z=FAKES)
    cosines = [0.6 * 0.6 + 0.8 * 0.8, 0.8, 0.8]  # (3, 4)/5 and (.6, .8) are parallel; with (0, 1) .8
    assert logs["PT"].item() == pytest.approx(sum(c**2 for c in cosines) / 3, abs=1e-6)
    assert loss.item() == pytest.approx(8 / 3 + 0.1 * logs["PT"].item())


def test_pulling_away_moves_the_generator_and_is_squared():
    """Opposite codes count as equal ones; and the term has a gradient to G through the encoder."""
    game = known(encode=lambda x: x.flatten(1) + torch.tensor([1.0, 0.0]), pt=1.0)
    loss, logs = loss_of(game, "G", z=torch.tensor([[0.0, 1.0], [0.0, -2.0]]))
    # codes (1, s), (1, -2s) at s = 1: cosine -1/sqrt(10)
    assert logs["PT"].item() == pytest.approx(0.1, abs=1e-6)
    (g,) = torch.autograd.grad(logs["PT"], game.players["G"].net.scale)
    # c^2 = (1 - 2s^2)^2 / ((1 + s^2)(1 + 4s^2)); its derivative at 1 is 8/10 - 26/100 * ... by the quotient rule
    assert g.item() == pytest.approx((8 * 10 - 1 * (2 * 5 + 8 * 2)) / 100, abs=1e-5)
    assert loss.item() == pytest.approx(1.5 + 0.1, abs=1e-5)


def test_pulling_away_is_not_in_the_discriminators_loss():
    values = [
        loss_of(known(encode=encode, pt=1.0), "D", x=REAL, z=FAKES)[0].item()
        for encode in (lambda x: torch.eye(3), lambda x: torch.ones(3, 2))
    ]
    assert values[0] == values[1]


def test_both_players_learn_with_fresh_noise_and_data():
    """D's and G's turns of a step are played on different batches."""
    seen: list[int] = []

    def source(k: int) -> Mapping[str, Tensor]:
        seen.append(k)
        return {"x": torch.zeros(2, *MLP)}

    drawn: list[Tensor] = []

    def noise(generator: torch.Generator, n: int) -> Tensor:
        drawn.append(normal(Z)(generator, n))
        return drawn[-1]

    game = SMALL["ebgan"].build(0, 0)._replace(noise={"z": noise})
    player = Trainer(game, source)
    player.step()
    player.step()
    assert seen == [0, 1, 2, 3]
    assert len({float(z.sum()) for z in drawn}) == 4


def test_a_convolution_of_an_impossible_size_is_a_users_error():
    with pytest.raises(UserError, match="got 12"):
        dcgan.Generator(Z, size=12)
