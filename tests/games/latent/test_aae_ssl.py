"""The adversarial auto-encoders of categories: small games, their steps by hand, heads, the recipes, `classify`."""

import pytest
import torch
from close import assert_close_to_scale
from small_games import MLP, Small, float64, rates, scaled, turn_batch
from small_runs import trained

import energan
from energan.engine.game import Batch, Game
from energan.engine.rng import seeded
from energan.games.latent.aae_ssl import aae_clusters, aae_ssl, crowded
from energan.networks.latent.aae import CategoryEncoder, Critic, Decoder, HeadDecoder
from energan.recipes.build import build as build_recipe
from tests.games.latent.test_aae import cross_entropy, louder

K, Z, HIDDEN = 3, 2, (8,)


def builder(labels: bool, heads: float = 0.0, likelihood: str = "bernoulli"):
    def build(seed: int, i: int) -> Game:
        with seeded(seed):
            E = louder(CategoryEncoder(K, Z, MLP, hidden=HIDDEN))
            G = HeadDecoder(K, Z, MLP, hidden=HIDDEN) if heads else Decoder(K + Z, MLP, hidden=HIDDEN)
            nets = (E, louder(G), *(louder(Critic(n, hidden=HIDDEN)) for n in (K, Z)))
        g, d = rates(i)
        optimizers = {"optimizer_E": g, "optimizer_G": g, "optimizer_D": d, "optimizer_R": d}
        if labels:
            made = aae_ssl(*nets, Z, K, likelihood=likelihood, apart=heads, optimizer_L=g, **optimizers)
        else:
            made = aae_clusters(*nets, Z, K, likelihood=likelihood, apart=heads, **optimizers)
        return scaled(made, i)

    return build


SMALL = {
    "aae-ssl": Small(builder(True), MLP, classes=K),
    "aae-ssl heads, squares": Small(builder(True, 4.0, "gaussian"), MLP, classes=K),
    "aae-clusters": Small(builder(False), MLP),
    "aae-clusters heads": Small(builder(False, 4.0), MLP),
}


def by_hand(E, G, D_y, D_z, x, z, c=None, c1=None, y=None, u=None, apart=None, *, squares: bool = False, **_):
    shown, category = (x, c1) if u is None else (u, c)

    def code():
        said = E(shown)
        return said.logits.exp() / said.logits.exp().sum(1, keepdim=True), said.z

    def redraw():
        logits = G(*code())
        loss = ((2 * torch.sigmoid(logits) - 1 - shown) ** 2).mean() if squares else cross_entropy(shown, logits)
        if apart is None:
            return loss
        pairs = [(G.heads[i] - G.heads[j]).norm() for i in range(K) for j in range(i)]
        return loss + sum((apart - d).clamp(min=0) for d in pairs)

    def criticise(D, real, i):
        fake = code()[i].detach()
        return -torch.sigmoid(D(real)).log().mean() - (1 - torch.sigmoid(D(fake))).log().mean()

    def confuse():
        category, numbers = code()
        return -torch.sigmoid(D_y(category)).log().mean() - torch.sigmoid(D_z(numbers)).log().mean()

    def labels():
        return -(E(x).logits.softmax(1).log() * y).sum(1).mean()

    return {
        "reconstruction": {"E": redraw, "G": redraw},
        "critics": {"D_y": lambda: criticise(D_y, category, 0), "D_z": lambda: criticise(D_z, z, 1)},
        "regularisation": {"E": confuse},
        "labels": {"E": labels},
    }


BY_HAND = {
    "aae-ssl": by_hand,
    "aae-ssl heads, squares": lambda **b: by_hand(**b, squares=True),
    "aae-clusters": by_hand,
    "aae-clusters heads": by_hand,
}


def test_crowded_heads_by_hand():
    heads = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])  # distances 5, 1, sqrt 18
    assert float(crowded(heads, torch.tensor(4.5))) == pytest.approx(3.5 + 4.5 - 18**0.5, rel=1e-5)
    assert float(crowded(heads, torch.tensor(0.5))) == 0
    together = torch.zeros(2, 2, requires_grad=True)
    crowded(together, torch.tensor(1.0)).backward()
    assert bool(together.grad.isfinite().all())


def test_a_head_is_where_its_category_is_drawn_from():
    with seeded(0):
        G = HeadDecoder(K, Z, MLP, hidden=HIDDEN)
    z, y = torch.randn(4, Z), torch.eye(K)[[0, 2, 2, 1]]
    torch.testing.assert_close(G(y, z), G.net(G.heads[[0, 2, 2, 1]] + z))


@pytest.mark.parametrize("name", ["aae-ssl", "aae-clusters"])
def test_a_code_is_a_category_and_numbers_and_draws_the_image_again(name: str):
    game = SMALL[name].build(0, 0)
    p, b = float64(game), turn_batch(SMALL[name], game)
    category = "c" if name == "aae-ssl" else "c1"
    assert {k: code.kind for k, code in game.encode.items()} == {category: "category", "z": "numbers"}
    read = {k: code.read(p, Batch({"x": b.x})) for k, code in game.encode.items()}
    assert {k: v.shape for k, v in read.items()} == {k: v.shape for k, v in b._values.items() if k in read}
    assert_close_to_scale(read[category].sum(1), torch.ones(5).double())
    again = game.sample(p, Batch(read))
    assert_close_to_scale(game.energy(p, Batch({"x": b.x})), ((again - b.x) ** 2).flatten(1).mean(1))
    assert (game.logits is not None) == (game.conditions is not None) == (name == "aae-ssl")


def test_a_class_matches_where_the_encoder_is_sure_of_it():
    game = SMALL["aae-ssl"].build(0, 0)
    p, b = float64(game), turn_batch(SMALL["aae-ssl"], game)
    each = [game.conditions.match(p, Batch({"x": b.x, "c": row.expand(5, -1)})) for row in torch.eye(K).double()]
    assert_close_to_scale(torch.stack(each).exp().T, game.encode["c"].read(p, b))


# ---- recipes and the command line ----


def test_a_classifier_draws_the_class_that_is_asked_for_and_predicts(tmp_path):
    model = energan.load(trained(tmp_path / "run", "aae-ssl-mnist", steps=4))
    assert model.game.conditions.kind == "classes" and model.game.logits is not None
    assert set(model.game.encode) == {"c", "z"}


def test_classify_trains_one(tmp_path, monkeypatch):
    from energan.commands.few_labels import classify as command

    asked = {}
    monkeypatch.setattr(command, "start", lambda recipe, arguments, options: asked.update(recipe=recipe) or arguments)
    arguments = command.classify(data="digits", labels="20", system="aae", size=8)
    assert asked["recipe"] == "aae-ssl-mnist"
    build_recipe("aae-ssl-mnist", **arguments)


@pytest.mark.parametrize(("recipe", "k"), [("aae-ssl-mnist", 10), ("aae-clusters-mnist", 16)])
def test_heads_are_of_as_many_numbers_as_z(recipe: str, k: int):
    game = build_recipe(recipe, heads=4.0, z=2, units=16).game
    assert game.players["G"].net.heads.shape == (k, 2) and game.hyperparameters == {"apart": 4.0}
