"""VAE/GAN: small games and their steps by hand, who learns from which loss, who rests, the path of four losses."""

import itertools
from functools import partial

import pytest
import torch
from small_games import MLP, Small, Z, rates, scaled, source
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.latent.vae_gan import VAE_GAN, Losses, vae_gan
from energan.losses.update_gate import update_gate
from energan.networks.dense.perceptron import Perceptron, with_tanh
from energan.networks.latent.posterior import Posterior
from energan.networks.latent.vae_gan import Discriminator
from energan.utils.errors import UserError


def nets(judged: bool = True) -> tuple[nn.Module, nn.Module, nn.Module | None]:
    E = Posterior(Perceptron((16, 8, 2 * Z), activation="tanh"))
    G = with_tanh(Perceptron((Z, 8, 16), shape=MLP, activation="tanh"))
    features, top = nn.Sequential(nn.Flatten(), nn.Linear(16, 6)), nn.Sequential(nn.Tanh(), nn.Linear(6, 1))
    return E, G, Discriminator(features, top) if judged else None


def build(seed: int, i: int, losses: Losses = VAE_GAN, margin: float | None = 0.35, loss: str = "minimax") -> Game:
    with seeded(seed):
        g, d = rates(i)
        settings = {"losses": losses, "gamma": 0.1, "margin": margin, "loss": loss}
        game = vae_gan(*nets(losses.judged), Z, optimizer_E=g, optimizer_G=g, optimizer_D=d, **settings)
        return scaled(game, i)


ALL = Losses(reconstruction=1.0)
SMALL = {
    "vae-gan": Small(build, MLP, bounded=False),
    "vae-gan all losses, nobody rests": Small(partial(build, losses=ALL, margin=None), MLP, bounded=False),
    "vae-gan non-saturating": Small(partial(build, loss="non-saturating"), MLP, bounded=False),
    "vae-gan auto-encoder": Small(partial(build, losses=Losses(0.0, 1.0, 0.0, 0.0)), MLP),
    "vae-gan + feature": Small(partial(build, losses=Losses(1.0, 1.0, 1.0, 0.0)), MLP, bounded=False),
}


def by_hand(
    E, G, x, z, eps, kl, reconstruction, feature, adversarial, D=None, gamma=1.0, margin=None, saturates=True, **_
):
    def draw():
        mean, log_variance = E(x)
        return G(mean + ((log_variance / 2).exp() * eps if kl else 0)), mean, log_variance

    def far(again):
        total = reconstruction * 0.5 * ((x - again) ** 2).flatten(1).sum(1).mean()
        return total + (feature * 0.5 * ((D(x)[1] - D(again)[1]) ** 2).sum(1).mean() if feature else 0)

    def costs(again):
        fakes = torch.cat([torch.sigmoid(D(again)[0]), torch.sigmoid(D(G(z))[0])])
        return -torch.sigmoid(D(x)[0]).log().mean(), -(1 - fakes).log().mean()

    def learns(real, fake):
        D_learns = margin is None or min(real, fake) >= 0.68 - margin
        G_learns = margin is None or max(real, fake) <= 0.68 + margin
        return (D_learns, G_learns) if D_learns or G_learns else (True, True)

    def of_E():
        again, mean, log_variance = draw()
        return kl * 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean() + far(again)

    def of_G():
        again = draw()[0]
        if not adversarial:
            return far(again)
        real, fake = costs(again)
        ends = -2 * fake if saturates else -sum(torch.sigmoid(D(made)[0]).log().mean() for made in (again, G(z)))
        loss = gamma * far(again) + (1 - gamma) * adversarial * ends
        return loss * learns(real, fake)[1]

    def of_D():
        real, fake = costs(draw()[0])
        return (adversarial or 1) * (real + fake) * learns(real, fake)[0]

    return {"all": {"E": of_E, "G": of_G, **({"D": of_D} if D else {})}}


BY_HAND = {**dict.fromkeys(SMALL, by_hand), "vae-gan non-saturating": partial(by_hand, saturates=False)}


# ---- who rests ----


def authors(real: float, fake: float, margin: float) -> tuple[bool, bool]:
    """As aegan.py decides after each batch: D, then the decoder; where neither would learn, both do."""
    D = G = True
    if real < 0.68 - margin or fake < 0.68 - margin:
        D = False
    if real > 0.68 + margin or fake > 0.68 + margin:
        G = False
    return (D, G) if D or G else (True, True)


def test_the_gate_is_the_authors():
    seen = set()
    for real, fake, margin in itertools.product((0.1, 0.3, 0.6, 0.9, 1.5), (0.1, 0.3, 0.6, 0.9, 1.5), (0.1, 0.35)):
        ours = update_gate(torch.tensor(real), torch.tensor(fake), margin)
        seen.add(authors(real, fake, margin))
        assert tuple(ours.bool().tolist()) == authors(real, fake, margin), (real, fake, margin)
    assert len(seen) == 3


def state(one: Trainer, who: str) -> list[Tensor]:
    s = one.state()
    return [v.clone() for tree in (s["weights"][who], *s["moments"][who].values()) for v in tree.values()]


@pytest.mark.parametrize(
    ("weight", "bias", "rests"), [(0.0, 0.0, ""), (0.0, 9.0, ""), (0.0, -0.9, "G"), (3.0, -7.0, "D")]
)
def test_who_rests_keeps_weights_and_moments(weight, bias, rests):
    """D, on white images: it says 0 of all, or 9 (one cost is small, one large: both learn); or that real ones are not
    (G rests), or it tells them apart (it rests)."""
    game = vae_gan(*nets(), Z, optimizer_D=Adam(1e-2), optimizer_G=Adam(1e-2), optimizer_E=Adam(1e-2))
    first, last = game.players["D"].net.features[1], game.players["D"].net.top[1]
    for w, value in ((first.weight, 1 / 16), (first.bias, 0.0), (last.weight, weight), (last.bias, bias)):
        w.data.fill_(value)
    one = Trainer(game, lambda k: {"x": torch.ones(5, *MLP)})
    before = {who: state(one, who) for who in ("E", "G", "D")}
    logs = one.step()
    still = {who for who in before if all(torch.equal(a, b) for a, b in zip(before[who], state(one, who), strict=True))}
    assert still == set(rests)
    assert (logs["D/D learns"] == 0) == (rests == "D") and (logs["G/G learns"] == 0) == (rests == "G")


def test_the_discriminator_sees_real_and_generated_images_as_one_batch():
    """Its first layer may have batch norm, which would hide what all images of a batch have alike."""
    game = vae_gan(*nets(), Z)
    sizes: list[int] = []
    game.players["D"].net.register_forward_pre_hook(lambda net, inputs: sizes.append(len(inputs[0])))
    Trainer(game, source(SMALL["vae-gan"])).step()
    assert sizes == [10, 15, 15]  # of the encoder's loss, the generator's and its own


# ---- the path of four losses ----


@pytest.mark.parametrize(
    ("losses", "players"),
    [
        (Losses(0.0, 1.0, 0.0, 0.0), {"E", "G"}),
        (Losses(1.0, 1.0, 0.0, 0.0), {"E", "G"}),
        (Losses(1.0, 1.0, 1.0, 0.0), {"E", "G", "D"}),
        (Losses(1.0, 1.0, 1.0, 1.0), {"E", "G", "D"}),
    ],
    ids=["auto-encoder", "+ kl", "+ feature matching", "+ gan"],
)
def test_a_loss_without_weight_is_left_out(losses, players):
    game = vae_gan(*nets(), Z, losses=losses)
    logs = Trainer(game, source(SMALL["vae-gan"])).step()
    assert set(game.players) == players and (game.energy is None) == (losses == Losses(1.0, 1.0, 0.0, 0.0))
    assert ("E/L_f" in logs) == bool(losses.feature) and ("G/G learns" in logs) == bool(losses.adversarial)
    assert ("gamma" in game.hyperparameters) == bool(losses.adversarial)


def test_an_auto_encoder_has_no_loss_of_codes():
    one = Trainer(vae_gan(*nets(), Z, losses=Losses(0.0, 1.0, 0.0, 0.0)), source(SMALL["vae-gan"]))
    q, x = one.players.E(source(SMALL["vae-gan"])(0)["x"]), source(SMALL["vae-gan"])(0)["x"]
    expected = ((one.players.G(q.at(torch.zeros(5, Z))) - x) ** 2).flatten(1).sum(1).mean() / 2
    moves = one.game.turns["all"]
    b = Batch({"x": x, "eps": torch.zeros(5, Z), **{k: torch.tensor(v) for k, v in one.game.hyperparameters.items()}})
    torch.testing.assert_close(moves[0].objective(one.players, b)[0], expected)


def test_losses_of_features_need_a_discriminator():
    with pytest.raises(UserError, match="need a D"):
        vae_gan(*nets(judged=False), Z)
