"""The improved GAN's techniques: each is in its cell, and a small comparison."""

from pathlib import Path

import pytest
import torch

from energan.engine.game import Batch, Players
from energan.engine.optimizers import HistoricalAveraging
from energan.networks.conv.wgan_gp import Critic
from energan.networks.layers.minibatch_discrimination import Packed
from energan.networks.layers.normalisation import Virtual
from energan.recipes.build import build
from energan.utils.errors import UserError
from energan.utils.specification import trusting
from reproductions import techniques
from reproductions.techniques import CELLS, MODULE, NAMES, RECIPE, Comparing, Reader

TINY = {"steps": 2, "width": 2, "batch": 6}


def test_each_cell_has_its_technique_and_no_other() -> None:
    with trusting(MODULE):
        runs = {name: build(RECIPE, name=name, **TINY).game for name in NAMES}
    nets = {name: {p: type(player.net) for p, player in game.players.items()} for name, game in runs.items()}
    plain = nets["plain"]
    assert nets["feature-matching"] == {**plain, "D": Reader}
    assert nets["minibatch-discrimination"] == {**plain, "D": Comparing}
    assert nets["virtual-batch-norm"] == {**plain, "G": Virtual}
    assert nets["historical-averaging"] == nets["label-smoothing"] == plain
    smoothings = {name: game.hyperparameters["smoothing"] for name, game in runs.items()}
    assert smoothings == {**dict.fromkeys(NAMES, 0.0), "label-smoothing": 0.1}
    averaging = [name for name, game in runs.items() if isinstance(game.players["G"].optimizer, HistoricalAveraging)]
    assert averaging == ["historical-averaging"]


def test_what_is_added_to_a_critic() -> None:
    added = {name: own for name, own in CELLS.items() if "name" not in own}
    with trusting(MODULE):
        games = {name: build(RECIPE, **own, **TINY).game for name, own in added.items()}
        plain = build(RECIPE, **TINY).game
        with pytest.raises(UserError, match="one addition at a time"):
            build(RECIPE, name="label-smoothing", pack=2, **TINY)
    nets = {name: type(game.players["D"].net) for name, game in games.items()}
    assert nets == {
        "two-turns-of-D": type(plain.players["D"].net),
        "packs-of-two": Packed,
        **dict.fromkeys(("no-batch-norm", "R1", "one-sided", "DRAGAN"), Critic),
    }
    assert games["two-turns-of-D"].order(0) == ("D", "D", "G")
    weights = {name: game.hyperparameters.get("penalty") for name, game in games.items()}
    assert weights == {
        "two-turns-of-D": None, "packs-of-two": None, "no-batch-norm": 0.0, "R1": 10.0, "one-sided": 10.0,
        "DRAGAN": 10.0,
    }  # fmt: skip
    kinds = [games[name].turns["D"][0].objective.keywords["kind"] for name in ("R1", "one-sided", "DRAGAN")]
    assert kinds == ["r1", "one-sided", "dragan"]


def test_feature_matching_by_hand() -> None:
    """The squared distance of the mean features; D's own loss is the plain GAN's."""
    with trusting(MODULE):
        matched, plain = (build(RECIPE, name=name, **TINY).game for name in ("feature-matching", "plain"))
    nets = {name: player.net for name, player in matched.players.items()}
    for net in nets.values():
        net.eval()
    p, b = Players(nets), Batch({"x": torch.rand(5, 1, 32, 32) * 2 - 1, "z": torch.randn(5, 100), "smoothing": 0.0})
    real, fake = nets["D"](b.x), nets["D"](nets["G"](b.z))
    value, _ = techniques.matching_loss(p, b)
    torch.testing.assert_close(value, (real.features.mean(0) - fake.features.mean(0)).square().sum())
    loss, _ = plain.turns["D"][0].objective(Players({**nets, "D": nets["D"].D}), b)
    torch.testing.assert_close(techniques.critic_loss(p, b)[0], loss)


def test_a_small_comparison_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(techniques, "SAMPLES", 64)
    given = ["--steps", "2", "--width", "2", "--out", str(tmp_path), "--only", "plain", "feature-matching"]
    techniques.main(given)
    table = (tmp_path / "table.md").read_text()
    assert "| plain | 1 |" in table and "| feature-matching | 1 |" in table
    assert (tmp_path / "figure.png").stat().st_size > 1000
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/evaluation.json")}
    techniques.main(given)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/evaluation.json")} == before
    with pytest.raises(UserError, match="holds another training"):
        techniques.main([*given, "--width", "3"])
