"""What a classifier says of labels: which to add, which may be wrong, and how sure it is with right."""

import csv
import itertools
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from energan.capabilities import Measurement
from energan.capabilities.classification import label_next, suspected_labels
from energan.capabilities.classification.calibration import LEAST, calibrate, said, test_errors
from energan.capabilities.classification.label_next import farthest, write_label_next
from energan.capabilities.classification.reading import logits, of_training
from energan.capabilities.classification.suspected_labels import PARTS, out_of_sample, write_suspected
from energan.data import ImageSet
from energan.engine.game import Game, Player
from energan.inference.model import Model
from energan.runs.temperature import read_temperature
from energan.utils.errors import UserError

test_errors.__test__ = False  # type: ignore[attr-defined]  # no test


def images(values: list[int], labels: list[int], files: tuple[str, ...] = ()) -> ImageSet:
    pixels = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    return ImageSet(pixels, torch.tensor(labels), "made", ("dark", "bright"), "", "", (), files)


def measurement(folder: Path, data: ImageSet, held: ImageSet | None = None) -> Measurement:
    """Of a classifier by brightness."""
    F = nn.Identity()
    logits = lambda p, b: torch.stack([-4 * b.x.flatten(1).mean(1), 4 * b.x.flatten(1).mean(1)], 1)  # noqa: E731
    model = Model(Game({"F": Player(F)}, {}, logits=logits), {"F": F})
    experiment: Any = SimpleNamespace(coded=None, labels_held_set=lambda: held, shown=lambda data: data)
    return Measurement(folder, experiment, model, data, 10, 0, step=7)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_farthest_are_chosen_one_after_another() -> None:
    candidates = torch.tensor([[0.0, 0], [3, 4], [3, 3], [0, 1]])
    places, far = farthest(torch.zeros(1, 2), candidates, 9)
    assert places.tolist() == [1, 2, 3, 0] and far == pytest.approx([5, 1, 1, 0])
    assert farthest(torch.zeros(0, 2), candidates, 2)[0].tolist() == [0, 1]


@given(st.integers(0, 1000), st.integers(0, 4), st.integers(1, 12), st.integers(1, 15))
def test_none_is_chosen_twice_and_distances_fall(seed: int, known: int, n: int, k: int) -> None:
    g = torch.Generator().manual_seed(seed)
    places, far = farthest(torch.randn(known, 3, generator=g), torch.randn(n, 3, generator=g), k)
    assert len(set(places.tolist())) == len(places) == min(k, n)
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(far))


def test_of_the_doubtful_images_the_unlike_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_next, "ROWS", 2)
    values = [0, 255, 120, 122, 135, 1, 254, 3]  # the last three are beyond doubt
    data = images(values, [0, 1, *[-1] * 6], ("a", "b", "c", "=d", "e", "f", "g", "h"))
    run = measurement(tmp_path, data)
    rows = write_label_next(run, run.model.probabilities(data.images))
    assert [row["file"] for row in rows] == ["=d", "e"]  # 122 is farther from 0 than 120, from which 135 is next
    written = table(tmp_path / "label-next.csv")
    assert [row["file"] for row in written] == ["'=d", "e"] and written[1]["predicted"] == "bright"
    assert "from the nearest that is labelled or above (pixels)" in written[0]["reason"]
    assert (tmp_path / "label-next.png").exists()


def test_where_all_images_have_labels_none_is_to_be_labelled(tmp_path: Path) -> None:
    data = images([0, 255], [0, 1])
    assert write_label_next(measurement(tmp_path, data), torch.full((2, 2), 0.5)) == []
    assert not any(tmp_path.iterdir())


def test_every_row_is_classified_by_a_regression_that_has_not_seen_it() -> None:
    x = np.concatenate([np.zeros((10, 2)), np.ones((10, 2))])
    labels = np.array([0] * 10 + [1] * 10)
    labels[0] = 1  # wrong: among nine of class 0
    found = out_of_sample(x, labels)
    assert found.shape == (20, 2) and found[0, 0] > found[0, 1] and np.allclose(found.sum(1), 1)


def test_a_wrong_label_is_suspected(tmp_path: Path) -> None:
    pytest.importorskip("cleanlab")
    random = np.random.default_rng(0)
    values = [*random.integers(0, 60, 20).tolist(), *random.integers(190, 255, 20).tolist()]
    labels = [0] * 20 + [1] * 20
    labels[3] = 1
    rows, sentence = write_suspected(measurement(tmp_path, images(values, labels, tuple(map(str, range(40))))))
    assert [row["file"] for row in rows] == ["3"] and rows[0]["label"] == "bright" and rows[0]["likelier"] == "dark"
    assert sentence == "1 of 40 labels are suspected to be wrong (by pixels)"
    assert [row["file"] for row in table(tmp_path / "suspected-labels.csv")] == ["3"]


def test_of_few_labels_and_of_very_many_nothing_is_said_but_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", SimpleNamespace())
    monkeypatch.setattr(suspected_labels, "suspects", lambda labels, p: np.array([0]))
    few = images([0] * 8 + [255] * 8, [0] * 8 + [1] * (PARTS - 1) + [-1] * 4)
    assert write_suspected(measurement(tmp_path, few))[1].endswith(f"takes {PARTS} labels of two classes or more")
    monkeypatch.setattr(suspected_labels, "MOST", 15)
    many = images([0] * 8 + [255] * 8, [0] * 8 + [1] * 8)
    assert "there are 16 labels, more than 15" in write_suspected(measurement(tmp_path, many))[1]
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr(suspected_labels, "MOST", 100)
    three = many._replace(classes=("dark", "bright", "rare"), labels=torch.tensor([0] * 8 + [1] * 7 + [2]))
    rows, sentence = write_suspected(measurement(tmp_path, three))
    assert rows[0]["label"] == "dark" and "of 1 classes with fewer than 5 labels nothing can be said" in sentence


def test_without_the_extra_a_sentence_says_so_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    rows, sentence = write_suspected(measurement(tmp_path, images([0], [0])))
    assert rows == [] and "pip install 'energan[labels]'" in sentence


def test_a_model_is_calibrated_on_held_out_labels_and_the_run_keeps_it(tmp_path: Path) -> None:
    """A classifier that is sure of all, and right of three in four."""
    held = images([0, 0, 0, 255] * 10, [0] * 40)
    run = measurement(tmp_path, held, held)
    model, found = calibrate(run)
    assert found is not None and found["images"] == 40 and found["ece_before"] == pytest.approx(0.25, abs=1e-2)
    assert 0 <= found["ece_after"] <= 1 < found["temperature"]  # of 20 images each, chance is most of it
    sure = model.probabilities(held.images)[0, 0]
    # as by hand: 3 of 4 are right, and 1 / 42 of doubt
    assert float(sure) == pytest.approx(0.75 * (1 - 1 / 42) + 0.25 / 42, abs=1e-3)
    assert read_temperature(tmp_path, 7) == found and read_temperature(tmp_path, 8) is None
    run.model = model
    ece = test_errors(logits(run.experiment, model, held), model.temperature, held.labels)
    assert ece["test_ece_before"] == pytest.approx(0.25, abs=1e-2) and ece["test_ece_after"] < 0.05
    assert "calibrated on 40 held-out labels: temperature" in said(found) and "the limit" not in said(found)
    for limit in (0.0200001, 49.999):  # as a bounded search ends
        assert "the limit of what is looked for" in said({**found, "temperature": limit})


def test_training_images_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measurement(tmp_path, images([0, 255] * 4, [0, 1] * 4))
    first = of_training(run)
    assert torch.equal(first, logits(run.experiment, run.model, run.training).softmax(1))
    monkeypatch.setattr(Model, "logits", None)
    assert of_training(run) is first


def test_few_held_out_labels_calibrate_nothing(tmp_path: Path) -> None:
    held = images([0] * (LEAST - 1), [0] * (LEAST - 1))
    model, found = calibrate(measurement(tmp_path, held, held))
    assert model.temperature == 1 and "not calibrated: 19 labels were set apart" in said(found or {})
    assert calibrate(measurement(tmp_path, held))[1] is None and "no labels were set apart" in said({})
    run = measurement(tmp_path, held)
    assert test_errors(logits(run.experiment, run.model, held), 1.0, held.labels)["test_ece_after"] is None
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("value", [0, -1, True, "1", None, math.inf, 1e-300, 1e300, 0.019, 50.1])
def test_a_damaged_temperature_is_refused(tmp_path: Path, value: Any) -> None:
    (tmp_path / "temperature.json").write_text(json.dumps({"7": {"temperature": value}}))
    with pytest.raises(UserError, match="damaged"):
        read_temperature(tmp_path, 7)
    (tmp_path / "temperature.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="damaged"):
        read_temperature(tmp_path, 7)
