"""`energan sample --attributes`: one attribute set, added to, or swept; what cannot be asked for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import sentence, trained

from energan.cli import main
from energan.explore.asked import Attribute, Wish, wishes
from energan.runs.rebuild import load
from energan.utils.errors import UserError

KNOWN = [Attribute("age", 40.0, 10.0), Attribute("smile", 0.5, 0.5), Attribute("=1+", 0.0, 1.0)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("attributes") / "run", "conditional-faces", steps=2)


def drawn(run: Path, out: Path, *flags: str) -> np.ndarray:
    assert main(["sample", str(run), "--n", "3", "--device", "cpu", "--out", str(out), *flags]) == 0
    return np.load(out)["images"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age=70", [Wish(0, (70.0,), False)]),
        ("AGE=50, smile = 1", [Wish(0, (50.0,), False), Wish(1, (1.0,), False)]),
        ("age+=-5", [Wish(0, (-5.0,), True)]),
        ("age=30..60", [Wish(0, (30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0), False)]),
        ("=1+=1", [Wish(2, (1.0,), False)]),  # a name that ends with +, in full
        ("=1++=1", [Wish(2, (1.0,), True)]),
    ],
)
def test_what_the_text_asks_for(text: str, expected: list[Wish]) -> None:
    assert wishes(text, KNOWN, Path("run")) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age", "an attribute has a value, as age=1"),
        ("age=old", "old is no number"),
        ("age=", "nothing is no number"),
        ("age=nan", "nan is no number"),
        ("age=1..", "nothing is no number"),
        ("agee=1", "run has no attribute 'agee': did you mean 'age'?"),
        ("age=1,Age=2", "names 'age' twice"),
        ("age=1..2,smile=0..1", "two ranges"),
        ("", "an attribute has a value"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        wishes(text, KNOWN, Path("run"))
    assert message in str(refused.value)


def test_an_attribute_is_set_for_all_and_the_rest_stays(run: Path, tmp_path: Path) -> None:
    model = load(run)
    usual = model.conditions(3, seed=4)
    assert torch.equal(model.sample(3, 4, conditions=usual), model.sample(3, 4))  # what it asks for by itself
    set_, added = usual.clone(), usual.clone()
    set_[:, 1] = 2.0
    added[:, 1] += 2.0
    got = drawn(run, tmp_path / "a.npz", "--seed", "4", "--attributes", "SIZE=2")
    assert np.array_equal(got, model.sample(3, 4, conditions=set_).numpy())
    got = drawn(run, tmp_path / "b.npz", "--seed", "4", "--attributes", "size+=2")
    assert np.array_equal(got, model.sample(3, 4, conditions=added).numpy())


def test_a_range_is_a_sheet_of_seven_rows(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = drawn(run, tmp_path / "a.npz", "--attributes", "size=0..3,round=1")
    assert len(got) == 21
    last = drawn(run, tmp_path / "b.npz", "--attributes", "size=3,round=1")
    assert np.array_equal(got[18:], last)
    assert "the rows have size: 0, 0.5, 1, 1.5, 2, 2.5, 3" in capsys.readouterr().out


def test_far_from_what_was_trained_on_is_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn(run, tmp_path / "a.npz", "--attributes", "size=900")
    assert "size: 900 is far from the training images, 1.38 ± 0.863" in " ".join(capsys.readouterr().err.split())


def test_runs_without_attributes_and_damaged_ones_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = trained(tmp_path / "plain", "gan-mnist", steps=2)
    assert main(["sample", str(plain), "--attributes", "age=1"]) == 2
    assert "draws no attributes" in sentence(capsys)
    assert main(["sample", str(run), "--attributes", "size=1", "--class", "3"]) == 2
    assert "both say what to draw: keep one" in sentence(capsys)
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    record = json.loads((copy / "run.json").read_text())
    record["data"]["attributes"] = [{"name": "size"}]
    (copy / "run.json").write_text(json.dumps(record))
    assert main(["sample", str(copy), "--attributes", "size=1"]) == 2
    assert "run.json is damaged" in sentence(capsys)
