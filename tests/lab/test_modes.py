"""`energan lab ring` and `grid`: every system plays, is measured as if alone, and goes on where it stopped."""

import json
from pathlib import Path

import pytest
import torch

from energan.data.toys import mixture, ring, source
from energan.engine import Ensemble, Trainer
from energan.engine.rng import seeded
from energan.lab import STUDIES
from energan.lab.modes.modes import samples, square, watch
from energan.lab.modes.systems import SYSTEMS, Settings
from energan.metrics.modes import modes
from energan.utils.errors import UserError

TINY = Settings(seeds=2, steps=4, batch=8, width=4, z=2, looks=2, seed=3)


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
    arguments = {**TINY._asdict(), "systems": "GAN, EBGAN-PT", "out": str(out), "quiet": True}
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
        STUDIES["ring"](**{**TINY._asdict(), "out": str(tmp_path / "s"), "quiet": True, **wrong})
    assert not (tmp_path / "s").exists()


def test_the_notebooks_ring_counts_its_double_mode_twice() -> None:
    from energan.data.toys import ring_unrolled_notebook

    target = ring_unrolled_notebook()
    drawn = target.sample(torch.Generator().manual_seed(0), 4000)
    found = modes(drawn, target.means, target.stds, weights=target.weights)
    assert int(found.covered) == 7 and float(found.reverse_kl) < 0.01
    assert float(modes(drawn, target.means, target.stds).reverse_kl) > 0.03
    assert mixture(target.means, 0.01).weights.tolist() != target.weights.tolist()
