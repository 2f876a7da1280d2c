"""The reproductions of InfoGAN and of adversarial auto-encoders: their numbers, their cells."""

import json
from pathlib import Path

import pytest
import torch

from energan.recipes.build import build
from reproductions import aae, infogan


def test_a_category_is_named_by_most_of_its_images():
    category, label = torch.tensor([0, 0, 0, 2, 2, 1]), torch.tensor([4, 4, 1, 0, 0, 3])
    assert infogan.majority(category, label, 4, 5).tolist() == [4, 3, 0, 0]


@pytest.mark.parametrize("name", aae.CELLS)
def test_every_cell_is_a_recipe_with_its_seed(name: str):
    given = aae.settings(name, 3, 12, "digits", 8)
    run = build(aae.CELLS[name][0], **given)
    assert (run.steps, run.seed, run.source) == (12, 3, "digits")
    assert given.get("label_seed") == (3 if "labels" in aae.CELLS[name][1] else None)


def test_the_tables_have_what_was_measured(tmp_path: Path):
    """InfoGAN: trained, measured once, its codes drawn."""
    given = ["--data", "digits", "--steps", "3", "--width", "2", "--units", "8", "--out", str(tmp_path)]
    infogan.main([*given, "--only", "infogan"])
    said = (tmp_path / "table.md").read_text()
    values = json.loads((tmp_path / "infogan-0" / "codes.json").read_text())
    assert said.startswith("| system | seeds | L_I |") and "| infogan | 1 |" in said
    assert 0 <= values["c1 error %"] <= 100 and (tmp_path / "infogan-0" / "codes.png").is_file()


def test_a_classifier_s_error_is_in_the_table(tmp_path: Path):
    (tmp_path / "evaluation.json").write_text(
        json.dumps({"metrics": {"category error %": 7.0, "MNIST-FID": 1.0}, "classification": {"error": 3.5}})
    )
    values = aae.measured(tmp_path, "labels-100")
    assert values == {"category error %": 7.0, "test error %": 3.5}
    assert "| labels-100 | 2 | – | 3.5 ± 0 | 7 ± 0 | – |" in aae.table(
        "system", aae.COLUMNS, {"labels-100": [values, values]}
    )
