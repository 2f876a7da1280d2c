"""Attributes that are asked for: whether they are seen, by images whose attributes are known, and the report's part."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from energan.capabilities import reference
from energan.capabilities.capability import Measurement
from energan.capabilities.conditions.attributes import KIND, measure
from energan.capabilities.conditions.attributes.measure import SEEN, balanced_accuracy
from energan.capabilities.conditions.attributes.section import attributes
from energan.data import ImageSet
from energan.engine.game import Conditions, Game
from energan.engine.noise import normal
from energan.inference.model import Model
from energan.runs.reader import RunFiles


def painted(c: Tensor, z: Tensor) -> Tensor:
    """28 x 28: the left half is white for the first attribute, the upper half for the second; some noise."""
    x = torch.full((len(c), 1, 28, 28), -0.8)
    x[:, :, :, :14] += 1.2 * c[:, 0, None, None, None]
    x[:, :, :14] += 0.4 * c[:, 1, None, None, None]
    return (x + 0.05 * z.view(-1, 1, 28, 28)).clamp(-1, 1)


def game(obedient: bool) -> Game:
    def sample(p, b):
        return painted(b.c if obedient else b.c[:, [1, 0, 2]], b.z)

    match = lambda p, b: b.x.flatten(1)[:, 0]  # noqa: E731
    conditions = Conditions("attributes", match, draw=lambda p, b: torch.zeros(len(b.z), 3))
    return Game(players={}, turns={}, noise={"z": normal(784)}, sample=sample, conditions=conditions)


def images(n: int, seed: int) -> ImageSet:
    g = torch.Generator().manual_seed(seed)
    c = torch.cat([torch.randint(2, (n, 2), generator=g).float(), torch.rand(n, 1, generator=g)], 1)
    x = ((painted(c, torch.randn(n, 784, generator=g)) + 1) * 127.5).round().to(torch.uint8)
    return ImageSet(x, None, "painted", (), "made here", "", (), attributes=c, attribute_names=("left", "<b>", "age"))


def measured(folder: Path, obedient: bool, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(reference, "usable_network", lambda run, real: "mnist")
    run = SimpleNamespace(source="digits", test_set=lambda: images(120, 1), game=game(obedient))
    return measure.measure(Measurement(folder, run, Model(game(obedient), {}), images(300, 0), 100, 0))


def test_what_is_obeyed_is_seen_and_what_is_confused_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(tmp_path, True, monkeypatch)
    rows = {row["name"]: row for row in found["conditions"]["attributes"]}
    assert set(rows) == {"left", "<b>"} and found["conditions"]["others"] == ["age"]
    assert rows["left"]["of_real"] > 0.9 and rows["left"]["seen"] > 0.9 and found["metrics"][SEEN] > 0.8
    confused = measured(tmp_path, False, monkeypatch)
    assert confused["metrics"][SEEN] < 0.7 < confused["metrics"][f"{SEEN}, of real"]
    assert "painted (120)" in found["conditions"]["where"]
    assert KIND.summary(found["conditions"]) == "100 samples, each asked for what one of painted (120) shows"


def test_a_balanced_accuracy_does_not_reward_the_more_frequent() -> None:
    truth = torch.arange(100) < 10
    assert balanced_accuracy(torch.zeros(100, dtype=torch.bool), truth) == 0.5
    assert balanced_accuracy(truth, truth) == 1 and balanced_accuracy(~truth, truth) == 0
    assert balanced_accuracy(truth[:50], torch.arange(50) < 9) is None  # too few with it


def test_the_sheet_has_a_row_for_each_attribute() -> None:
    data = images(50, 0)
    asked = measure.asked(SimpleNamespace(), data)
    assert asked.names == ("left", "<b>", "age + 2 standard deviations")
    assert asked.rows[0, 0] == 1 and asked.rows[1, 1] == 1
    assert asked.rows[2, 2] > data.attributes[:, 2].mean() + data.attributes[:, 2].std()
    many = data._replace(attributes=torch.rand(50, 45), attribute_names=tuple(map(str, range(45))))
    assert len(measure.asked(SimpleNamespace(), many).names) == 15


def test_the_section_shows_what_was_measured_and_takes_what_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert attributes(RunFiles(tmp_path, {}, []))["rows"] == []
    rows = [{"name": "<b>", "seen": 0.5, "of_real": "x", "real": None}, 3, {"name": ["a"]}]
    evaluation = {"conditions": {"attributes": rows, "rows": 4, "others": {}}, "metrics": {SEEN: "high"}}
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    shown = attributes(RunFiles(tmp_path, {}, []))
    assert shown["rows"][0].seen == 0.5 and shown["rows"][0].of_real is None and shown["seen"] is None
