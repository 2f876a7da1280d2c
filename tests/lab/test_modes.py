"""`energan lab ring`, `grid`, `published`: every system plays, is measured as if alone, and resumes."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from energan.data.toys import mixture, ring, source
from energan.engine import Ensemble, Trainer
from energan.engine.game import Game
from energan.engine.rng import seeded
from energan.lab import STUDIES
from energan.lab.modes.modes import samples, square, watch
from energan.lab.modes.published import PROTOCOLS, MaxoutCritic
from energan.lab.modes.systems import SYSTEMS, Settings
from energan.metrics.modes import modes
from energan.utils.errors import UserError

TINY = Settings(seeds=2, steps=4, batch=8, width=4, z=2, looks=2, seed=3)

FLAGS = {name: value for name, value in TINY._asdict().items() if name != "pack"}


def many(name: str) -> Ensemble:
    games = []
    for i in range(2):
        with seeded(i):
            games.append(SYSTEMS[name](TINY))
    return Ensemble(games, [source(ring(), 8, i) for i in range(2)], seeds=[0, 1])


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_plays_and_is_measured(name: str) -> None:
    models = many(name)
    models.step()
    seen = watch(models, ring(), 1.35)
    assert seen["field"].shape == (48 * 48,) and bool(seen["field"].isfinite().all())
    assert seen["samples"].shape == (600, 2) and seen["covered"].shape == (2,)
    drawn = samples(models, 2500)
    for i in range(2):
        alone = modes(drawn[i], ring().means, 0.01)
        assert seen["covered"][i] == alone.covered and seen["high_quality"][i] == alone.high_quality


@pytest.mark.parametrize("name", ["GAN", "unrolled K=5", "WGAN-GP"])
def test_a_model_of_a_study_is_the_model_alone(name: str) -> None:
    models = many(name)
    with seeded(1):
        one = Trainer(SYSTEMS[name](TINY), source(ring(), 8, 1), seed=1)
    for _ in range(3):
        models.step()
        one.step()
    together, alone = models.players(1).weights("G"), one.players.weights("G")
    assert all(torch.allclose(together[k], alone[k], atol=1e-5) for k in alone)


def test_the_square_goes_row_by_row_from_below() -> None:
    assert square(1.0, 2).tolist() == [[-1, -1], [1, -1], [-1, 1], [1, 1]]


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_a_study_writes_its_table_and_pictures(tmp_path: Path, name: str) -> None:
    out = tmp_path / "s"
    arguments = {**FLAGS, "systems": "GAN, EBGAN-PT", "out": str(out), "quiet": True}
    STUDIES[name](**arguments)
    table = (out / "table.md").read_text()
    assert "| GAN |" in table and "| EBGAN-PT |" in table and "2 seeds, 4 steps" in table
    found = json.loads((out / "results.json").read_text())
    assert list(found) == ["GAN", "EBGAN-PT"] and len(found["GAN"]["covered"]) == 2
    assert {p.name for p in out.iterdir()} == {
        "study.json", "trials", "table.md", "results.json", "curves.png", "samples.png", "training.gif",
    }  # fmt: skip
    before = (out / "results.json").read_bytes()
    (out / "results.json").unlink()
    STUDIES[name](**arguments)
    assert (out / "results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"systems": "GAN,VAE"}, "systems: there is no 'VAE'"),
        ({"seeds": 0}, "seeds must be 1 or more"),
        ({"batch": 1}, "batch must be 2 or more"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_bad_settings_are_one_sentence_and_leave_nothing(tmp_path: Path, wrong: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        STUDIES["ring"](**{**FLAGS, "out": str(tmp_path / "s"), "quiet": True, **wrong})
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_published_protocol_plays_by_its_own_settings(tmp_path: Path, protocol: str) -> None:
    out, theirs = tmp_path / "s", PROTOCOLS[protocol]
    names = [name for name in theirs.systems if name.endswith(("GAN", "2", "=1"))]
    STUDIES["published"](
        protocol=protocol, systems=",".join(names), steps=2, looks=1, seeds=2, out=str(out), quiet=True
    )
    table = (out / "table.md").read_text()
    assert all(f"| {name} |" in table for name in names) and f"{len(theirs.target().means)} modes" in table
    assert all(result in table for name, result in theirs.results.items() if name in names)
    assert ("published (" in table) == bool(theirs.results)
    assert "batch 512" in table if theirs.z == 256 else "batch 100" in table
    assert set(json.loads((out / "results.json").read_text())) == set(names)


def test_the_nets_of_the_published_protocols() -> None:
    """Sizes, activations and weights at the start, as the authors' code has them."""

    def players(protocol: str, name: str) -> tuple[Game, torch.nn.Module, torch.nn.Module]:
        theirs = PROTOCOLS[protocol]
        make, batch, pack = theirs.systems[name]
        with seeded(0):
            game = make(TINY._replace(batch=batch, z=theirs.z, pack=pack))
        return game, game.players["G"].net, game.players["D"].net

    def weights(net: torch.nn.Module) -> list[Tensor]:
        return [p.detach() for p in net.parameters() if p.ndim == 2]

    game, G, D = players("notebook", "unrolled K=5")
    assert [tuple(w.shape) for w in weights(G)] == [(128, 256), (128, 128), (2, 128)]
    assert [tuple(w.shape) for w in weights(D)] == [(128, 2), (128, 128), (1, 128)]
    square = weights(G)[1]
    torch.testing.assert_close(square @ square.T, 1.4**2 * torch.eye(128), atol=1e-4, rtol=0)
    assert [game.players[p].optimizer.lr for p in "GD"] == [1e-3, 1e-4] and isinstance(D.net[1], torch.nn.Tanh)

    game, G, D = players("appendix", "unrolled K=10")
    assert [tuple(w.shape) for w in weights(D)] == [(128, 2), (1, 128)] and D.scale == 0.25
    square = weights(G)[1]
    torch.testing.assert_close(square @ square.T, 0.8**2 * torch.eye(128), atol=1e-4, rtol=0)

    game, G, D = players("pacgan-ring", "PacGAN2")
    assert [tuple(w.shape) for w in weights(G)] == [(400, 2), *[(400, 400)] * 3, (2, 400)]
    assert [tuple(w.shape) for w in weights(D)] == [(1000, 4), (1000, 200), (1000, 200), (1, 200)]
    assert float(weights(G)[1].std()) == pytest.approx(0.02, rel=0.02) == float(weights(D)[1].std())
    assert game.players["G"].optimizer.lr == 1e-4 and game.players["D"].optimizer.beta1 == 0.8
    assert PROTOCOLS["pacgan-ring"].systems["PacGAN2"][1:] == (200, 2)  # 100 packs of two


def test_a_maxout_critic_by_hand() -> None:
    critic = MaxoutCritic(2)
    x = torch.tensor([[0.3, -1.2], [2.0, 0.1]])
    h = x
    for layer in critic.net[:3]:
        pieces = (h @ layer.linear.weight.T + layer.linear.bias).reshape(2, 200, 5)
        h = pieces.max(2).values
    expected = h @ critic.net[3].weight[0] + critic.net[3].bias
    torch.testing.assert_close(critic(x), expected)


def test_the_notebooks_ring_counts_its_double_mode_twice() -> None:
    from energan.data.toys import ring_unrolled_notebook

    target = ring_unrolled_notebook()
    drawn = target.sample(torch.Generator().manual_seed(0), 4000)
    found = modes(drawn, target.means, target.stds, weights=target.weights)
    assert int(found.covered) == 7 and float(found.reverse_kl) < 0.01
    assert float(modes(drawn, target.means, target.stds).reverse_kl) > 0.03
    assert mixture(target.means, 0.01).weights.tolist() != target.weights.tolist()
