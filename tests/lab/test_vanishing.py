"""The study `vanishing`: its gradients against known ones, its folder."""

import json
import sys
from math import exp
from pathlib import Path

import pytest
import torch
from torch import nn

from energan.games.critic_free.energy_distance import generator_loss as energy_distance_loss
from energan.games.gan.wgan import generator_loss as wgan_loss
from energan.lab.study import Stopped, Study
from energan.lab.vanishing.critics import (
    DISTANCES,
    SYSTEMS,
    S,
    Shift,
    across,
    best_discriminator,
    fresh,
    gradient,
    models,
    watch,
    without_critic,
)
from energan.lab.vanishing.vanishing import DISTANCE_LIKE, PROBABILISTIC, vanishing
from energan.utils.errors import UserError

TINY = {"seeds": 2, "steps": 2, "batch": 8, "quiet": True}


def study_of(folder: Path, **changes: object) -> dict:
    vanishing(**{**TINY, **changes}, out=str(folder))
    return json.loads((folder / "results.json").read_text())


class Linear(nn.Module):
    """f(x) = -3 x1."""

    def forward(self, x):
        return -3 * x[:, 0]


def test_the_slope_of_a_linear_critic_is_its_own():
    nets = {"G": Shift(2.0), "f": Linear()}
    weights = {"G": {"theta": torch.tensor([2.0])}, "f": {}}
    assert float(gradient(nets, wgan_loss, weights, fresh(0))) == pytest.approx(3)


def test_the_energy_distance_pulls_with_a_slope_that_tends_to_two():
    gradients = without_critic(2, 0)["energy distance"]
    assert gradients.shape == (len(DISTANCES), 2)
    assert gradients[-1].tolist() == pytest.approx([2, 2], abs=0.03)
    assert (gradients > 0).all()
    weights = {"G": {"theta": torch.tensor([-16.0])}}  # on the other side it pushes the other way
    assert float(gradient({"G": Shift(-16.0)}, energy_distance_loss, weights, fresh(0))) == pytest.approx(-2, abs=0.03)


def test_slopes_against_the_best_discriminator():
    for theta in (0.25, 1.0, 4.0):
        minimax, non_saturating = best_discriminator(theta)
        assert minimax + non_saturating == pytest.approx(theta / S**2)  # D* + (1 - D*) = 1
        # E_Q[D*] = integral pq/(p + q) <= 1/2 integral sqrt(pq) = exp(-theta^2 / 8 S^2) / 2
        assert 0 < minimax <= theta / S**2 * exp(-((theta / S) ** 2) / 8) / 2
    minimax, non_saturating = best_discriminator(1e-6)
    assert minimax == pytest.approx(non_saturating, rel=1e-3)  # D* = 1/2 where the two coincide


@pytest.mark.parametrize(("name", "loss"), [("ebgan", "EBGAN"), ("gan", "minimax")])
def test_what_is_watched_is_what_each_model_alone_would_show(name, loss):
    system = SYSTEMS[name]
    many = models(system, seeds=2, steps=4, batch=8, seed=0)
    theta = many.state()["weights"]["G"]["theta"].clone()
    many.step()
    seen = watch(many, system, 2, 0)
    assert torch.equal(many.state()["weights"]["G"]["theta"], theta)  # G is fixed
    assert theta[:, 0].tolist() == pytest.approx([d for d in DISTANCES for _ in range(2)])
    nets = {name: player.net for name, player in many.game.players.items()}
    for i in range(0, 24, 3):
        weights = {name: many.players(i).weights(name) for name in nets}
        alone = gradient(nets, system.losses[loss].objective, weights, fresh(i % 2))
        assert float(seen["gradient"][0, i]) == pytest.approx(float(alone), rel=1e-4, abs=1e-6)
        x, step = across(DISTANCES[i // 2]), 3e-3 * torch.eye(2)
        ends = [[system.losses[loss].at(many.players(i), x + s * e) for s in (-1, 1)] for e in step]
        by_hand = torch.stack([(after - before) / 6e-3 for before, after in ends]).norm(dim=0).amax()
        assert float(seen["steepest"][0, i]) == pytest.approx(float(by_hand), rel=0.02)


@pytest.mark.slow
def test_a_study_and_its_folder(tmp_path, monkeypatch):
    whole = study_of(tmp_path / "a")
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        "study.json", "trials", "table.md", "results.json", "vanishing.png", "vanishing.gif"
    }  # fmt: skip
    assert list(whole["gradients"]) and set(whole["gradients"]) == {*PROBABILISTIC, *DISTANCE_LIKE}
    assert all(len(rows) == len(DISTANCES) and len(rows[0]) == 2 for rows in whole["gradients"].values())
    table = (tmp_path / "a" / "table.md").read_text()
    assert all(f"| {theta:g} |" in table for theta in DISTANCES)
    assert max(abs(x) for row in whole["gradients"]["WGAN"] for x in row) <= 1 + 1e-3  # normalised by its steepest

    plain = Study.trial

    def interrupted(self, name, build, watch, *, steps, looks=20):
        if name == "wgan-gp":
            self._caught.append("SIGINT")
        return plain(self, name, build, watch, steps=steps, looks=looks)

    drawing = sys.modules["energan.lab.vanishing.vanishing"]
    for draw in ("save", "animate"):  # the pictures above are enough
        monkeypatch.setattr(drawing, draw, lambda *arguments, **settings: None)
    monkeypatch.setattr(Study, "trial", interrupted)
    with pytest.raises(Stopped):
        study_of(tmp_path / "b")
    monkeypatch.setattr(Study, "trial", plain)
    assert study_of(tmp_path / "b") == whole


@pytest.mark.parametrize("wrong", [{"seeds": 1}, {"steps": 1}, {"batch": 1}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong, tmp_path):
    with pytest.raises(UserError, match=f"^{next(iter(wrong))} must be "):
        study_of(tmp_path / "x", **wrong)
