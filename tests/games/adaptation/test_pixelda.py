"""PixelDA: its small game and its steps by hand, who sees what, its networks."""

import pytest
import torch
from small_games import MLP, Small, Z
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.optimizers import SGD, Adam
from energan.engine.rng import seeded, stream
from energan.games.adaptation.pixelda import critics_loss, generator_loss, pixelda
from energan.networks.layers import BatchNorm
from energan.networks.translation import pixelda as nets
from energan.utils.errors import UserError


class Painter(nn.Module):
    """x (n, 1, 4, 4), z (n, Z) -> images of x's shape."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16 + Z, 16), nn.Tanh())

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([x.flatten(1), z], 1)).view(x.shape)


def build(seed: int, i: int) -> Game:
    with seeded(seed):
        G, T = Painter(), nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        D = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
    rates = {f"optimizer_{name}": SGD(0.1 * (i + 1), momentum=0.9) for name in "GDT"}
    return pixelda(G, D, T, Z, alpha=0.5 * (i + 1), beta=2.0, **rates)


def by_hand(G, D, T, x, y, u, z, alpha, beta, **_):
    def label(images):
        return -(y * (T(images).exp() / T(images).exp().sum(1, keepdim=True)).log()).sum(1).mean()

    def domain():
        return -torch.sigmoid(D(u)).log().mean() - (1 - torch.sigmoid(D(G(x, z)))).log().mean()

    return {
        "critics": {"D": domain, "T": lambda: label(x) + label(G(x, z))},
        "G": {"G": lambda: -alpha * torch.sigmoid(D(G(x, z))).log().mean() + beta * label(G(x, z))},
    }


SMALL = {"pixelda": Small(build, MLP, classes=3)}
BY_HAND = {"pixelda": by_hand}


def batch(**more: Tensor) -> Batch:
    y = torch.eye(3)[torch.tensor([0, 1, 2, 1])]
    return Batch({"x": torch.zeros(4, 2), "y": y, "u": torch.ones(4, 2), "z": torch.zeros(4, 1), **more})


def test_the_losses_by_hand() -> None:
    """G adds 3 to x, D reads the first pixel, T says class 1 of an image as surely as its pixel is high."""
    p = Players({
        "G": _Function(lambda x, z: x + 3 + z),
        "D": _Function(lambda images: images[:, 0]),
        "T": _Function(lambda images: torch.stack([0 * images[:, 0], images[:, 0], 0 * images[:, 0]], 1)),
    })  # fmt: skip
    loss, logs = critics_loss(p, batch())
    softplus = torch.nn.functional.softplus

    def label(pixel: float) -> Tensor:  # two of four images are of class 1
        return torch.tensor(2 + torch.e**pixel).log() - pixel / 2

    torch.testing.assert_close(logs["L_D"], softplus(torch.tensor(-1.0)) + softplus(torch.tensor(3.0)))
    torch.testing.assert_close(logs["CE"], label(0.0))
    torch.testing.assert_close(logs["CE of G(x)"], label(3.0))
    torch.testing.assert_close(loss, logs["L_D"] + logs["CE"] + logs["CE of G(x)"])
    value, _ = generator_loss(p, batch(alpha=torch.tensor(2.0), beta=torch.tensor(0.5)))
    torch.testing.assert_close(value, 2 * softplus(torch.tensor(-3.0)) + 0.5 * label(3.0))


class _Function(nn.Module):
    def __init__(self, f) -> None:
        super().__init__()
        self.f = f

    def forward(self, *arguments: Tensor) -> Tensor:
        return self.f(*arguments)


def test_without_beta_g_takes_no_notice_of_labels_and_t_none_of_the_target() -> None:
    def source(k: int, sign: int = 1, shift: int = 0) -> dict[str, Tensor]:
        g = torch.Generator().manual_seed(k)
        y = torch.eye(3)[(torch.randint(3, (6,), generator=g) + shift) % 3]
        return {"x": torch.rand(6, 1, 4, 4, generator=g), "y": y, "u": sign * torch.rand(6, 1, 4, 4, generator=g)}

    def after(source, beta: float, player: str, turn: str) -> list[Tensor]:
        game = build(0, 0)._replace(hyperparameters={"alpha": 1.0, "beta": beta}, order=lambda t: (turn,))
        one = Trainer(game, source, seed=0)
        one.step()
        return [w.detach().clone() for w in one.nets[player].parameters()]

    def same(first: list[Tensor], second: list[Tensor]) -> bool:
        return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))

    def other_labels(k: int) -> dict[str, Tensor]:
        return source(k, shift=1)

    def other_target(k: int) -> dict[str, Tensor]:
        return source(k, sign=-1)

    assert same(after(source, 0.0, "G", "G"), after(other_labels, 0.0, "G", "G"))
    assert not same(after(source, 1.0, "G", "G"), after(other_labels, 1.0, "G", "G"))
    assert same(after(source, 1.0, "T", "critics"), after(other_target, 1.0, "T", "critics"))
    assert not same(after(source, 1.0, "D", "critics"), after(other_target, 1.0, "D", "critics"))


def test_the_papers_networks() -> None:
    with seeded(0):
        G, D, T = nets.Generator(), nets.Discriminator(), nets.classifier()
    x, z = torch.rand(2, 3, 28, 28) * 2 - 1, torch.rand(2, 10)
    assert G(x, z).shape == x.shape and D(x).shape == (2,) and T(x).shape == (2, 10)
    convolutions = [m for m in D.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.stride[0]) for m in convolutions] == [(64, 1), (128, 2), (256, 2), (512, 2)]
    assert sum(isinstance(m, BatchNorm) for m in D.modules()) == 3  # none on the images
    assert [m.out_features for m in D.modules() if isinstance(m, nn.Linear)] == [1]
    of_g = [m for m in G.modules() if isinstance(m, nn.Conv2d)]
    assert len(of_g) == 1 + 2 * 6 + 1 and of_g[0].in_channels == 4 and of_g[-1].kernel_size == (1, 1)
    with pytest.raises(UserError, match="16 x 16 pixels or more, not 15 x 15"):
        nets.classifier(size=15)


@pytest.mark.parametrize("size", [16, 17, 32, 33])
def test_the_networks_take_other_sizes(size: int) -> None:
    with seeded(0):
        G = nets.Generator(4, channels=1, size=size, width=2, blocks=0)
        D = nets.Discriminator(channels=1, size=size, width=2)
    x = torch.rand(3, 1, size, size)
    assert G(x, torch.rand(3, 4)).shape == x.shape and D(G(x, torch.rand(3, 4))).shape == (3,)


def test_the_noise_reaches_the_image_and_the_discriminator_is_noisy_in_training_alone() -> None:
    with seeded(0):
        G = nets.Generator(4, channels=1, size=16, width=4, blocks=1)
        D = nets.Discriminator(channels=1, size=16, width=4)
    x = torch.zeros(3, 1, 16, 16)
    assert not torch.equal(G(x, torch.rand(3, 4)), G(x, torch.rand(3, 4)))
    with stream(torch.tensor(1)):
        assert not torch.equal(D(x), D(x))
    D.eval()
    assert torch.equal(D(x), D(x))


def test_the_authors_settings_for_digits_are_the_defaults() -> None:
    with seeded(0):
        game = pixelda(Painter(), nn.Linear(4, 2), nn.Linear(4, 2), Z)
    assert game.hyperparameters["alpha"] / game.hyperparameters["beta"] == pytest.approx(
        0.0113173 / 0.0100960, abs=0.01
    )
    assert game.players["G"].optimizer == Adam(1e-3, beta1=0.5)
    z = game.noise["z"](torch.Generator().manual_seed(0), 500)
    assert z.shape == (500, Z) and float(z.min()) < -0.9 and float(z.max()) > 0.9 and float(z.abs().max()) <= 1
