"""The study `theorems`: its exact values, its claims as data, its folder."""

import json
import sys
from pathlib import Path

import pytest
import torch

from energan.lab.study import Stopped, Study, study
from energan.lab.theorems.atoms import (
    P,
    Q,
    best_response,
    bounds,
    contest,
    discrete_bounds,
    learned_responses,
    lemma,
    total_variation,
    value,
)
from energan.lab.theorems.claims import Claim
from energan.lab.theorems.equilibria import equilibria
from energan.lab.theorems.line import GAN_PQ, densities, integral
from energan.lab.theorems.saddle import energies, local_convergence
from energan.lab.theorems.theorems import theorems
from energan.losses.f_divergence import DIVERGENCES
from energan.utils.errors import UserError

TINY = {"seeds": 2, "steps": 3, "rounds": 3, "quiet": True}


def study_of(folder: Path, **changes: object) -> dict:
    theorems(**{**TINY, **changes}, out=str(folder))
    return json.loads((folder / "results.json").read_text())


def test_the_sheets_numbers():
    assert all(claim.agrees() for claim in lemma(0)), [claim.row() for claim in lemma(0) if not claim.agrees()]
    assert float(total_variation(P, Q)) == pytest.approx(0.2)
    assert best_response(P, Q).tolist() == [10, 0, 0, 0, 0]
    assert float(value(P, Q, best_response(P, Q))) == pytest.approx(8)
    assert value(P, P, torch.tensor([[0, 5, 10, 12.0, 3], [12.0] * 5], dtype=P.dtype)).tolist() == pytest.approx(
        [10.5, 12]
    )


def test_equilibria_are_what_theorem_2_says_and_nothing_else():
    claims = equilibria(0)
    assert all(claim.agrees() for claim in claims), [claim.row() for claim in claims if not claim.agrees()]
    # a claim that would hold of anything says nothing: of q = p, G gains nothing against D*, which is 0 everywhere
    assert float((P * best_response(P, P)).sum() - best_response(P, P).min()) == 0


def test_the_bounds_are_tight_at_the_best_critics_and_below_elsewhere():
    u = P / Q
    exact = torch.stack([(Q * row.f(u)).sum() for row in DIVERGENCES.values()])
    assert (bounds(P, Q, torch.randn(len(DIVERGENCES), 5, dtype=P.dtype)) < exact).all()
    names = list(DIVERGENCES)
    best = torch.zeros(len(names), 5, dtype=P.dtype)
    best[names.index("kl")] = 1 + u.log()
    best[names.index("pearson")] = 2 * (u - 1)
    best[names.index("gan")] = u.log()
    F = bounds(P, Q, best)
    for name in ("kl", "pearson", "gan"):
        assert float(F[names.index(name)]) == pytest.approx(float(exact[names.index(name)]))


def test_play_does_what_the_equations_say():
    """Against a loop by hand: projected gradient and multiplicative weights, at once and in turns, and their means."""
    many = contest(2, seed=0)
    states = many.state()["weights"]
    q, D = states["G"]["values"].softmax(1).clone(), states["D"]["values"].clone()
    past = []
    for _ in range(30):
        many.step()
        past.append(torch.stack([q, D], 1))
        after = (D - 0.5 * (P - q)).clamp(0, 10)
        faced = torch.where(torch.tensor([[False], [False], [True], [True]]), after, D)
        q = q * (-0.05 * faced).exp()
        q, D = q / q.sum(1, keepdim=True), after
    now = many.state()["weights"]
    torch.testing.assert_close(now["G"]["values"].softmax(1), q)
    torch.testing.assert_close(now["D"]["values"], D)
    torch.testing.assert_close(now["mean"]["values"], torch.stack(past).mean(0))


def test_densities_integrate_to_one():
    assert [float(integral(each)) for each in densities(GAN_PQ)] == pytest.approx([1, 1], abs=1e-4)


def test_a_claim_agrees_within_its_tolerance_on_both_sides():
    for shift, agrees in ((0.0, True), (0.09, True), (-0.09, True), (0.11, False), (-0.11, False)):
        assert Claim("a value", 2, torch.tensor([1.5, 2.5]) + shift, 0.1).agrees() is agrees
    assert Claim("a value", 2, torch.tensor([1.5, 2.5]), 0.1).row() == [
        "a value", "2", "2.00000 ± 0.70711", "0.1", "yes"
    ]  # fmt: skip


@pytest.mark.slow
def test_a_study_and_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["energan.lab.theorems.line"], "FRESH", 1024)
    whole = study_of(tmp_path / "a")
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        "study.json", "trials", "table.md", "results.json", "play.png", "gan.png", "fgan.png", "cycle.gif"
    }  # fmt: skip
    table = (tmp_path / "a" / "table.md").read_text()
    assert all(f"| {claim['what']} |" in table for claim in whole["claims"])
    assert [row["divergence"] for row in whole["fgan"]] == list(DIVERGENCES)
    assert all(row["exact"] >= F for row in whole["fgan"] for F in row["integrated"])  # whatever the critic

    plain = Study.trial

    def interrupted(self, name, build, watch, *, steps, looks=20):
        if name == "fgan-pearson":
            self._caught.append("SIGINT")
        return plain(self, name, build, watch, steps=steps, looks=looks)

    for module, draw in (("line", "save"), ("atoms", "save"), ("atoms", "animate")):  # the pictures above are enough
        drawing = sys.modules[f"energan.lab.theorems.{module}"]
        monkeypatch.setattr(drawing, draw, lambda *arguments, **settings: None)
    monkeypatch.setattr(Study, "trial", interrupted)
    with pytest.raises(Stopped):
        study_of(tmp_path / "b")
    assert not (tmp_path / "b" / "results.json").exists()
    monkeypatch.setattr(Study, "trial", plain)
    assert study_of(tmp_path / "b") == whole


def test_learning_confirms_the_theory(tmp_path):
    """What some hundred steps can show: the best response and the bounds on atoms."""
    with study("a test", {}, str(tmp_path / "s"), True) as s:
        claims = learned_responses(s, 2, 600, 0) + discrete_bounds(s, 2, 800, 0)
    assert all(claim.agrees() for claim in claims), [claim.row() for claim in claims if not claim.agrees()]


@pytest.mark.parametrize("wrong", [{"seeds": 1}, {"steps": 0}, {"rounds": 0}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong, tmp_path):
    with pytest.raises(UserError, match=f"^{next(iter(wrong))} must be "):
        study_of(tmp_path / "x", **wrong)


def test_the_single_step_method_shrinks_j_as_theorem_2_says() -> None:
    """The first step by hand: (1, -1/2) at d = 1, L = 2, eta = 1/2."""
    J = energies(1.0, 0.5, 2)
    x, y = 1 - 0.5 * (-0.5 + 1), -0.5 + 0.5 * (1 + 0.5)
    assert pytest.approx([1 + 0.25, x**2 + y**2]) == J
    assert J[1] / J[0] == pytest.approx(1 / 2)
    claims = local_convergence()
    assert [claim.agrees() for claim in claims] == [True] * 4
    assert [claim.exact for claim in claims] == pytest.approx([1 / 2, 0.8, 1 - 0.01 / 1.01, 1.01])
