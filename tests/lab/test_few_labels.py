"""`energan lab few-labels`: cells, parts, the paired test, and that one program of all seeds is the seeds alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from energan.data import load
from energan.engine.rng import seeded
from energan.lab import STUDIES
from energan.lab.few_labels.cells import Cell, Settings, watch
from energan.lab.few_labels.few_labels import _data, _share, paired
from energan.lab.few_labels.systems import SYSTEMS, Rates, Task
from energan.utils.errors import UserError
from energan.utils.files import read_weights

TINY = {"data": "digits", "labels": "20", "seeds": 2, "steps": 6, "batch": 12, "hidden": (9, 7), "looks": 2}


def play(out: Path, **changes: object) -> Path:
    STUDIES["few-labels"](**{**TINY, "out": str(out), "quiet": True, **changes})
    return out


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_plays_and_is_tested(tmp_path: Path, name: str) -> None:
    out = play(tmp_path / "s", systems=name)
    cell = json.loads((out / "results.json").read_text())["cells"][f"{name}-20"]
    longer = SYSTEMS[name].length
    assert cell["step"] == [0, round(3 * longer), round(6 * longer)] and np.shape(cell["error"]) == (3, 2)
    assert all(0 <= e <= 100 for row in cell["error"] for e in row)
    assert name in (out / "table.md").read_text() and (out / "error.png").stat().st_size > 1000


def test_settings_scale_with_labels_and_steps() -> None:
    task = Task((1, 28, 28), 10, 1000, 900, (5, 4))
    with seeded(0):
        many, few = (SYSTEMS["full"].game(task._replace(labels=n), Rates(1e-3)) for n in (1000, 100))
        ebgan = SYSTEMS["ebgan-ln"].game(task, Rates(1e-3, 4e-4))
    assert many.turns["D"][0].objective.keywords["lambdas"] == (2000, 20, 0.1, 0.1)
    assert few.turns["D"][0].objective.keywords["lambdas"] == (1000, 10, 0.1, 0.1)
    assert (many.hyperparameters["sigma"], few.hyperparameters["sigma"]) == (0.2, 0.3)
    assert (
        many.hyperparameters["sigma_x"] == few.hyperparameters["sigma_x"] == 0.3
    )  # what the authors set apart is above the input
    assert ebgan.hyperparameters["margin"] == pytest.approx(16) and ebgan.players["D"].net.gamma is None
    assert [ebgan.players[name].optimizer.lr for name in "DG"] == [1e-3, 4e-4]
    assert [ebgan.turns_at(t) for t in (0, 299, 300)] == [("D", "G"), ("D", "G"), ("L",)]
    schedule = ebgan.players["D"].optimizer.schedule
    assert [schedule(t) for t in (0, 600, 750, 900)] == [1, 1, 0.5, 0]


def test_ebgan_ln_has_the_papers_share_of_steps_and_its_contest_is_drawn(tmp_path: Path) -> None:
    """180,000 steps beside its ladder's 120,000, G in the first 60,000; what D logged while G was on is kept."""
    out = play(tmp_path / "s", systems="ln,ebgan-ln", looks=9)
    cells = json.loads((out / "results.json").read_text())["cells"]
    assert (cells["ln-20"]["step"][-1], cells["ebgan-ln-20"]["step"][-1]) == (6, 9)
    seen, _ = read_weights(out / "trials" / "ebgan-ln-20-0.safetensors")
    margin = seen["seen/D/margin"][:, 0]  # before the first step, then after each of 9: G is on for 3
    assert margin[1:4].tolist() == pytest.approx([16 / 784 * 64 * (1 - t / 3) for t in range(3)])
    assert margin.isnan().tolist() == [True, False, False, False, *[True] * 6]
    assert seen["seen/D/active"][1:4].ge(0).all() and seen["seen/D/active"][1:4].le(1).all()
    assert (out / "contest.png").stat().st_size > 1000
    assert not (play(tmp_path / "l", systems="ln") / "contest.png").exists()


def test_rates_are_the_flags_the_papers_or_the_systems_own() -> None:
    plain = Settings(1, 6, 12, (9, 7), 0.0, 0.0, False, 2, 0, False, "fp32", "cpu")
    own = SYSTEMS["ebgan-ln"].rates
    cell = Cell("ebgan-ln", 20)
    for changes, D, G in (
        ({}, own.D, own.G),
        ({"lr": 2 * own.D}, 2 * own.D, 2 * own.G),  # in its ratio
        ({"lr_g": 1e-4}, own.D, 1e-4),
        ({"lr": 1e-3, "lr_g": 1e-4}, 1e-3, 1e-4),
        ({"published": True}, 5e-4, 2.5e-4),
    ):
        game = cell.game(0, load("digits", "train"), plain._replace(**changes))
        assert [game.players[name].optimizer.lr for name in "DG"] == pytest.approx([D, G])
    ladder = Cell("ln", 20).game(0, load("digits", "train"), plain._replace(published=True))
    assert ladder.players["D"].optimizer.lr == 2e-4


def test_together_is_one_by_one(tmp_path: Path) -> None:
    """In fp32 both start from the same weights, labels and batches; six steps differ by rounding alone."""
    apart = play(tmp_path / "a", systems="bottom,ebgan-ln", precision="fp32")
    together = play(tmp_path / "b", systems="bottom,ebgan-ln", together=True)
    cells = [json.loads((out / "results.json").read_text())["cells"] for out in (apart, together)]
    for key, cell in cells[0].items():
        assert cells[1][key]["step"] == cell["step"]
        np.testing.assert_allclose(cells[1][key]["error"], cell["error"], atol=1.0)  # 1 % are two or three images


def test_parts_share_a_study(tmp_path: Path) -> None:
    """Each part plays its models; the last one writes the whole table, the same as of one process."""
    whole = play(tmp_path / "whole", systems="full,ln")
    out = tmp_path / "s"
    play(out, systems="full,ln", part="1/2")
    trials = {p.stem for p in (out / "trials").iterdir()}
    assert trials == {"full-20-0", "ln-20-0"}
    assert not (out / "results.json").exists() and "waiting for" in (out / "table.md").read_text()
    play(out, systems="full,ln", part="2/2")
    assert {p.stem for p in (out / "trials").iterdir()} == trials | {"full-20-1", "ln-20-1"}
    results = [json.loads((folder / "results.json").read_text()) for folder in (whole, out)]
    assert results[0] == results[1]
    assert "waiting" not in (out / "table.md").read_text()


def test_what_is_watched_are_the_classes_of_the_test_images() -> None:
    train, test = load("digits", "train"), load("digits", "test")
    settings = Settings(1, 6, 12, (9, 7), 0.0, 0.0, False, 2, 0, False, "fp32", "cpu")
    cell = Cell("full", 20)
    one = cell.build([0], (train, test), settings)
    one.step()
    seen = watch(one, lambda: one, (train, test), 12)
    assert seen["predicted"].shape == (1, len(test.images))
    wrong = (seen["predicted"][0] != test.labels).double().mean()
    assert float(seen["error"][0]) == pytest.approx(100 * float(wrong))


def test_the_paired_test_against_its_definition() -> None:
    a, b = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.5, 1.8, 2.2, 3.9])
    found = paired(a, b)
    d = b - a
    t = float(d.mean() / (d.std() / 2))
    assert found["difference"] == pytest.approx(float(d.mean())) and found["t"] == pytest.approx(t)
    assert found["p"] == pytest.approx(0.0854, abs=1e-4)  # of Student's t with 3 degrees of freedom at t = 2.5298
    assert found["seeds"] == 4
    same = paired(torch.tensor([1.0, 3.0]), torch.tensor([1.5, 3.5]))  # without a warning
    assert same["difference"] == 0.5 and same["deviation"] == 0 and np.isnan([same["t"], same["p"]]).all()


def test_the_table_says_whether_ebgan_ln_beats_its_ladder(tmp_path: Path) -> None:
    out = play(tmp_path / "s", systems="ln,ebgan-ln")
    cells = json.loads((out / "results.json").read_text())
    ends = [cells["cells"][f"{name}-20"]["error"][-1] for name in ("ln", "ebgan-ln")]
    assert cells["paired"]["20"]["difference"] == pytest.approx(np.mean(ends[1]) - np.mean(ends[0]))
    assert "EBGAN-LN against its ladder" in (out / "table.md").read_text()


def test_validation_is_on_training_images_that_give_no_labels() -> None:
    train, held = _data("digits", 20, True)
    whole = load("digits", "train")
    assert len(held.images) == len(whole.images) // 6 and torch.equal(train.images, whole.images)
    assert int((train.labels == -1).sum()) == len(held.images) and int(held.labels.min()) >= 0
    hidden = {row.tobytes() for row in whole.images[train.labels == -1].numpy()}
    assert {row.tobytes() for row in held.images.numpy()} == hidden  # and not the test images


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"systems": "fuller"}, "there is no 'fuller'"),
        ({"labels": "many"}, "labels"),
        ({"labels": "25"}, "multiple"),
        ({"labels": "100000"}, "fewer than"),
        ({"labels": "0"}, "labels"),
        ({"data": "photos"}, "named set"),
        ({"systems": "improved-gan", "together": True, "steps": 60}, "averaged"),
        ({"part": "3/2"}, "part"),
        ({"part": "half"}, "part"),
        ({"batch": 1}, "batch"),
        ({"seeds": 0}, "seeds"),
        ({"lr": -1e-3}, "lr"),
        ({"lr_g": -1e-3}, "lr_g"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        play(tmp_path / "s", **changes)
    assert not (tmp_path / "s").exists()


def test_shares_cover_all_once() -> None:
    parts = [_share(f"{i}/3") for i in (1, 2, 3)]
    turns = [[part() for _ in range(7)] for part in parts]
    assert all(sum(column) == 1 for column in zip(*turns, strict=True))
