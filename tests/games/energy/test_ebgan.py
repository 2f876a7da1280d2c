"""EBGAN and EBGAN-PT: small games, their steps by hand, and the mistakes of public EBGANs."""

from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from small_games import CONV, CONV_G, MLP, MLP_AE, MLP_G, Small, Z, norm, rates
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import normal
from energan.engine.rng import seeded
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.networks.conv import autoencoder


def build(seed: int, i: int, make=ebgan, G=MLP_G, D=MLP_AE, **settings) -> Game:
    with seeded(seed):
        game = make(G(), D(), Z, margin=3.0 + i, optimizer_G=rates(i)[0], optimizer_D=rates(i)[1], **settings)
    return game._replace(hyperparameters={k: v * (1 + i) if k == "pt" else v for k, v in game.hyperparameters.items()})


CONV_AE = partial(autoencoder.Autoencoder, channels=2, maps=(4, 6))
DROPPED_AE = partial(MLP_AE, dropout=0.5)
SMALL = {
    "ebgan": Small(build, MLP),
    "ebgan convolutional mse": Small(partial(build, G=CONV_G, D=CONV_AE, kind="mse"), CONV),
    "ebgan-pt": Small(partial(build, make=ebgan_pt), MLP),
    "ebgan-pt dropout": Small(partial(build, make=ebgan_pt, D=DROPPED_AE), MLP),
    "ebgan-pt convolutional": Small(partial(build, make=ebgan_pt, G=CONV_G, D=CONV_AE), CONV),
}


def mse(a: Tensor) -> Tensor:
    return torch.stack([(row**2).mean() for row in a])


def pull_away(code: Tensor) -> Tensor:
    pairs = [(i, j) for i in range(len(code)) for j in range(len(code)) if i != j]
    flat = code.flatten(1)
    return sum((flat[i] @ flat[j] / flat[i].norm() / flat[j].norm()) ** 2 for i, j in pairs) / len(pairs)


def by_hand(G, D, x, z, margin, pt=0.0, measure=norm, **_):
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


BY_HAND = {
    "ebgan": by_hand,
    "ebgan convolutional mse": partial(by_hand, measure=mse),
    "ebgan-pt": by_hand,
    "ebgan-pt convolutional": by_hand,
}


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


def known(encode: Callable[[Tensor], Tensor] = lambda x: x.flatten(1), reconstruct=nothing, **settings) -> Game:
    """EBGAN-PT whose energy is E(x) = ||x|| (the reconstruction is 0), on images of 1 x 1 x 2."""
    return ebgan_pt(Scale(), Flat(reconstruct, encode), 2, **settings)


def loss_of(game: Game, turn: str, **values: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    hyperparameters = {k: torch.tensor(v) for k, v in game.hyperparameters.items()}
    players = Players({k: p.net for k, p in game.players.items()})
    (move,) = game.turns[turn]
    return move.objective(players, Batch({**values, **hyperparameters}))


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
