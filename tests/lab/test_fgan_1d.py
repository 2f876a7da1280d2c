"""`energan lab fgan-1d`: what is learned, beside what quadrature says is best."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch

from energan.lab import STUDIES
from energan.metrics.quadrature import best_gaussian, divergence, gaussian
from energan.networks.dense.perceptron import Affine
from energan.utils.errors import UserError
from energan.utils.files import read_weights

module = sys.modules["energan.lab.fgan_1d"]
TINY = {"seeds": 2, "batch": 64, "looks": 2, "quiet": True}


def test_affine_is_shift_and_scale() -> None:
    G = Affine(torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]))
    assert G(torch.tensor([[1.0, 1.0]])).tolist() == [[4.0, 1.0]]


def test_a_study_writes_tables_and_pictures(tmp_path: Path) -> None:
    STUDIES["fgan-1d"](**TINY, steps=4, divergences="kl,pearson", out=str(tmp_path / "s"))
    table = (tmp_path / "s" / "table.md").read_text()
    assert "| kl | 1.010, 1.831 | 0.283 |" in table and "| pearson | 0.574, 1.927 | 0.646 |" in table
    assert table.count("Trained by (rows)") == 2
    found = json.loads((tmp_path / "s" / "results.json").read_text())
    assert len(found["double-loop"]["kl"]["mu"]) == 2
    best = best_gaussian("kl", module.TARGET.log_density)
    assert all(score >= best.divergence - 1e-6 for score in found["single-step"]["pearson"]["scores"]["kl"])
    assert {"fits.png", "training.gif"} <= {p.name for p in (tmp_path / "s").iterdir()}


@pytest.mark.slow
def test_training_approaches_the_best_gaussian(tmp_path: Path) -> None:
    """250 steps are enough to come near; what the full study reaches is in docs/results/laboratory.md."""
    STUDIES["fgan-1d"](**TINY, steps=250, divergences="jensen-shannon", out=str(tmp_path / "s"))
    found = json.loads((tmp_path / "s" / "results.json").read_text())["single-step"]["jensen-shannon"]
    least = best_gaussian("jensen-shannon", module.TARGET.log_density).divergence
    seen, _ = read_weights(tmp_path / "s" / "trials" / "jensen-shannon-single-step.safetensors")
    starts = zip(seen["seen/mu"][0].tolist(), seen["seen/sigma"][0].tolist(), strict=True)
    for start, score in zip(starts, found["scores"]["jensen-shannon"], strict=True):
        before = divergence(module.TARGET.log_density, gaussian(*start), "jensen-shannon")
        assert least - 1e-6 <= score < least + (before - least) / 2


def test_an_unknown_divergence_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no 'jeffreys'; there are kl"):
        STUDIES["fgan-1d"](divergences="kl,jeffreys", out=str(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_a_model_that_diverged_does_not_cost_the_others_their_table() -> None:
    seen = {"mu": torch.tensor([[1.0, 1.0, math.nan]]), "sigma": torch.tensor([[1.8, 1e-4, 1.0]])}
    scores = module._scores(seen, ["kl"])
    assert scores[:, 0].isnan().tolist() == [False, True, True]
