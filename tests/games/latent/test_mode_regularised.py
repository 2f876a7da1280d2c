"""Mode-regularised GANs: small games and their steps by hand, the sign of the mode's term, what each step moves."""

import pytest
import torch
from small_games import MLP, MLP_D, POINTS, POINTS_D, POINTS_G, Small, Z, rates, scaled, source, turn_batch

from energan.engine import Trainer
from energan.engine.game import Game, Players
from energan.engine.rng import seeded
from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
from energan.networks.dense.perceptron import Perceptron, with_tanh


def regularised(seed: int, i: int) -> Game:
    with seeded(seed):
        g, d = rates(i)
        adams = {"optimizer_G": g, "optimizer_D": d, "optimizer_E": g}
        E = Perceptron((16, 8, Z), activation="tanh")
        G = with_tanh(Perceptron((Z, 8, 16), shape=MLP, activation="tanh"))
        return scaled(mode_regularised(G, MLP_D(), E, Z, **adams), i)


def two_steps(seed: int, i: int) -> Game:
    with seeded(seed):
        g, d = rates(i)
        adams = {"optimizer_G": g, "optimizer_D": d, "optimizer_E": g}
        read = Perceptron((2, 8, Z), activation="tanh")
        return scaled(manifold_diffusion(POINTS_G(), POINTS_D(), POINTS_D(), read, Z, **adams), i)


SMALL = {
    "mode-regularised": Small(regularised, MLP, bounded=False),
    "manifold-diffusion": Small(two_steps, POINTS, bounded=False, images=False),
}


def by_hand(G, D, E, x, z, lambda_1, lambda_2, **_):
    def d():
        return -torch.sigmoid(D(x)).log().mean() - (1 - torch.sigmoid(D(G(z).detach()))).log().mean()

    def g():
        again = G(E(x))
        regular = lambda_1 * ((x - again) ** 2).mean() - lambda_2 * torch.sigmoid(D(again)).log().mean()
        return -torch.sigmoid(D(G(z))).log().mean() + regular

    return {"D": d, "G": {"G": g, "E": g}}


def two_by_hand(G, D_1, D_2, E, x, z, lambda_1, lambda_2, **_):
    def told(D, real, fake):
        return -torch.sigmoid(D(real)).log().mean() - (1 - torch.sigmoid(D(fake))).log().mean()

    def manifold():
        again = G(E(x))
        return lambda_1 * ((x - again) ** 2).mean() - lambda_2 * torch.sigmoid(D_1(again)).log().mean()

    return {
        "D_1": lambda: told(D_1, x, G(E(x)).detach()),
        "manifold": {"G": manifold, "E": manifold},
        "D_2": lambda: told(D_2, G(E(x)).detach(), G(z).detach()),
        "diffusion": {"G": lambda: -torch.sigmoid(D_2(G(z))).log().mean()},
    }


BY_HAND = {"mode-regularised": by_hand, "manifold-diffusion": two_by_hand}


@pytest.mark.parametrize("name", SMALL)
def test_the_modes_term_draws_reconstructions_to_where_images_are_seen(name):
    """A step of G and E down this term alone raises D's logit of reconstructions; the copied sign would lower it."""
    game = SMALL[name].build(0, 0)
    game.hyperparameters.update(lambda_1=0.0, lambda_2=1.0)
    turn, judge = ("G", "D") if name == "mode-regularised" else ("manifold", "D_1")
    p, b = Players({k: player.net.double() for k, player in game.players.items()}), turn_batch(SMALL[name], game)

    def verdict() -> torch.Tensor:
        return getattr(p, judge)(p.G(p.E(b.x))).mean()

    before = verdict().detach()
    loss, _ = game.turns[turn][0].objective(p, b)
    weights = list(p.weights("E").values())
    for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        w.data.sub_(1e-2 * g)
    assert verdict() > before


def test_samples_reach_the_reconstructions_discriminator_only_in_the_diffusion():
    one = Trainer(SMALL["manifold-diffusion"].build(0, 0), source(SMALL["manifold-diffusion"]))
    moves = {turn: move[0].min for turn, move in one.game.turns.items()}
    assert moves == {"D_1": ("D_1",), "manifold": ("G", "E"), "D_2": ("D_2",), "diffusion": ("G",)}
    assert one.game.turns_at(0) == ("D_1", "manifold", "D_2", "diffusion")
