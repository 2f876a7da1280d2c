"""What is shown and measured of a system that is asked for classes, against values worked out by hand."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image
from report_runs import page_of, text_of
from small_conditional import NAMES, pictures, trained
from small_runs import log
from torch import Tensor

import energan
from energan import evaluation
from energan.capabilities.capability import asked_in_training
from energan.capabilities.conditions import CAPABILITY
from energan.capabilities.conditions.classes import labelled, measure
from energan.capabilities.conditions.classes.judge import judge_of
from energan.capabilities.conditions.classes.labelled import Labelled, balanced, labelled_images, of_classes
from energan.capabilities.conditions.classes.preview import drawn_classes
from energan.capabilities.conditions.sheet import sample_rows
from energan.data import Batches, ImageSet
from energan.data.image_set import NONE
from energan.metrics.features.catalog import Description
from energan.recipes.build import build
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three classes whose names are hostile, measured and reported; read-only."""
    folder = tmp_path_factory.mktemp("asked")
    there = trained(folder / "run", data=str(pictures(folder / "mine")), classes=3)
    evaluation.evaluate(there)
    page_of(there)
    return there


def labelled_set(labels: list[int], classes: tuple[str, ...], images: Tensor | None = None) -> ImageSet:
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 28, 28).contiguous()
    return ImageSet(images, torch.tensor(labels), "mine", classes, "", "", ())


# ------------------------------------------------------------------------------------------------ what is asked


def test_samples_are_asked_for_what_training_images_show(run: Path) -> None:
    game = energan.load(run).game
    data = labelled_set([0] * 20 + [2] * 4 + [NONE] * 6, NAMES)
    batches = Batches(data.images, data.labels, 8, seed=0, classes=3)
    asked = asked_in_training(game, batches, 24)  # one epoch is 24 of the 30
    assert asked is not None and asked.shape == (24, 3)
    assert torch.equal(asked[:8], batches(0)["y"]) and torch.equal(asked[16:], batches(2)["y"])
    assert torch.equal(asked_in_training(game, batches, 10), asked[:10])
    drawn_by_itself = game.conditions._replace(draw=lambda p, b: b.c)
    assert asked_in_training(game._replace(conditions=drawn_by_itself), batches, 4) is None
    assert asked_in_training(game._replace(conditions=None), batches, 4) is None


def test_metrics_are_of_samples_in_the_proportion_of_the_images(run: Path) -> None:
    model = energan.load(run)
    experiment = rebuild(RunFolder(run).record)
    training = experiment.training_set()
    measurement = energan.capabilities.Measurement(run, experiment, model, training, 24, 0)
    asked = asked_in_training(model.game, experiment.batches(training), 24)
    assert torch.equal(measurement.samples(24), model.sample(24, 0, conditions=asked))
    assert torch.equal(measurement.samples(10), model.sample(24, 0, conditions=asked)[:10])


def test_columns_of_a_sheet_share_their_noise(run: Path) -> None:
    model = energan.load(run)
    images = sample_rows(model, torch.eye(3), 4, seed=5)
    for c in range(3):
        assert torch.equal(images[4 * c : 4 * c + 4], model.sample(4, 5, c))
    blind = sample_rows(model, torch.eye(3)[[1, 1]], 4, seed=5)
    assert torch.equal(blind[:4], blind[4:]) and not torch.equal(blind[0], blind[1])


def test_the_sheets_have_a_row_for_each_class_with_images(run: Path) -> None:
    with Image.open(run / "samples" / "000004.png") as sheet:
        assert sheet.size == (10 * 33 - 1, 3 * 33 - 1)
    with Image.open(run / "asked.png") as sheet:
        assert sheet.size == (10 * 33 - 1, 3 * 33 - 1)
    assert drawn_classes(labelled_set([4, 4, 1, NONE], tuple("abcde")), 20).tolist() == [1, 4]
    assert drawn_classes(labelled_set([*range(9)], tuple("abcdefghi")), 3).tolist() == [0, 4, 8]


# ------------------------------------------------------------------------------------------------ who judges


def test_real_images_are_held_out_and_numbered_by_their_names(run: Path) -> None:
    experiment = rebuild(RunFolder(run).record)
    images = labelled_images(experiment, experiment.training_set())
    assert images.held_out and len(images.taught.images) == 36 and len(images.real.images) == 36
    other = labelled_set([0, 1, 2, NONE], ("z", "b", "a"))
    known = of_classes(other, ("a", "b"))
    assert (
        known.labels.tolist() == [1, 0] and known.images[:, 0, 0, 0].tolist() == [1, 2] and known.classes == ("a", "b")
    )
    assert not len(of_classes(other._replace(labels=None, classes=()), ("a",)).images)


def test_without_held_out_images_a_part_is_kept_from_the_judge(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr(labelled, "held_out_split", lambda source: None)
    experiment = rebuild(RunFolder(run).record)
    images = labelled_images(experiment, labelled_set([0, 1] * 10, ("a", "b")))
    seen, kept = (set(part.images[:, 0, 0, 0].tolist()) for part in (images.taught, images.real))
    assert len(kept) == 4 and not seen & kept and len(seen | kept) == 20 and not images.held_out
    assert "trained on" in images.where


def described(classes: list[int], width: int = 3, logits: list[int] | None = None) -> Description:
    """Features of which class c is far along axis c."""
    noise = torch.randn(len(classes), width, generator=torch.Generator().manual_seed(len(classes)))
    return Description(noise + 9 * torch.eye(width)[classes], None if logits is None else torch.eye(10)[logits])


def test_the_shipped_classifier_judges_digits_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    digits, truth = tuple(map(str, range(10))), [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    of = labelled_set(truth, digits)
    monkeypatch.setattr("energan.capabilities.conditions.classes.judge.describe", lambda x, n: described(truth, 10))
    for wrong, shipped in ((0, True), (1, True), (2, False)):
        read = [9 - c if i < wrong else c for i, c in enumerate(truth)]
        judge = judge_of(Labelled(of, of, True), described(truth, 10, read), "mnist")
        assert judge is not None and ("shipped" in judge.about) == shipped
        assert judge.accuracy == (1 - wrong / 10 if shipped else 1.0)
    named = of._replace(classes=tuple("abcdefghij"))  # the digits under other names are not its classes
    judge = judge_of(Labelled(named, named, True), described(truth, 10, truth), "mnist")
    assert judge is not None and "logistic regression on MNIST features of 10 training images" in judge.about


def test_a_judge_says_how_often_it_errs_and_needs_two_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [0, 1, 2] * 8
    of = labelled_set(labels, ("a", "b", "c"))
    monkeypatch.setattr("energan.capabilities.conditions.classes.judge.describe", lambda x, n: described(labels))
    judge = judge_of(Labelled(of, of, True), described([0, 1, 1, 1] * 6), "mnist")
    assert judge is not None and judge.images == 24
    truth = torch.tensor(labels)
    assert judge.accuracy == float((torch.tensor([0, 1, 1, 1] * 6) == truth).double().mean())
    assert judge.predict(described([2, 0])).tolist() == [2, 0]
    one = of._replace(labels=torch.zeros(24, dtype=torch.int64))
    assert judge_of(Labelled(one, one, True), described([0] * 24), "mnist") is None
    none = labelled.balanced(of, 0)
    assert judge_of(Labelled(of, none, True), described([0]), "mnist") is None


# ------------------------------------------------------------------------------------------------ what is measured


def test_balanced_takes_as_many_of_each_class() -> None:
    few = balanced(labelled_set([0] * 9 + [1] * 2 + [2] * 5, ("a", "b", "c")), 3)
    assert few.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_diversity_is_the_mean_distance() -> None:
    assert measure.diversity(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])) == pytest.approx(10 / 3)


def rows_of(real_of: dict[int, int], each: int, width: int, predicted: Tensor | None) -> tuple[str, int, list]:
    """The rows of classes 0 and 1: real images as `real_of` counts, samples as real ones but half as far apart."""
    truth = torch.tensor([c for c, n in real_of.items() for _ in range(n)])
    of = torch.tensor([0, 1]).repeat_interleave(each)
    draws = torch.Generator().manual_seed(0)
    real = Description(torch.randn(len(truth), width, generator=draws), None)
    fake = Description(torch.randn(len(of), width, generator=draws) / 2, None)
    images = Labelled(labelled_set([0], ("a", "b")), labelled_set(truth.tolist(), ("a", "b")), True)
    return measure._classes(images, real, torch.tensor([0, 1]), fake, of, predicted, "mnist", 0)


def test_a_distance_needs_enough_images_and_fid_more_than_features() -> None:
    name, least, (a, b) = rows_of({0: 60, 1: 4}, each=60, width=40, predicted=None)
    assert (name, least) == ("MNIST-FID", 41) and a.distance > 0 and b.distance is None
    assert a.diversity == pytest.approx(0.5, abs=0.05) and b.diversity is None and (a.real, b.real) == (60, 4)
    assert a.seen is None and a.taken_for is None
    name, least, (a, b) = rows_of({0: 40, 1: 31}, each=60, width=40, predicted=None)
    assert (name, least) == ("MNIST-KID", 32) and a.distance is not None and b.distance is None


def test_what_was_seen_instead_is_named() -> None:
    predicted = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])
    _, _, (a, b) = rows_of({0: 40, 1: 40}, each=4, width=5, predicted=predicted)
    assert (a.seen, a.taken_for, b.seen, b.taken_for) == (0.75, "b", 1.0, None)


def test_a_run_is_measured(run: Path) -> None:
    result = json.loads((run / "evaluation.json").read_text())
    told, metrics = result["conditions"], result["metrics"]
    assert told["kind"] == "classes" and told["rows"] == list(NAMES) and told["columns"] == 10
    assert [row["name"] for row in told["classes"]] == list(NAMES)
    assert all(row["samples"] == 21 and row["real"] == 12 for row in told["classes"])  # 64 // 3
    shares = [row["seen"] for row in told["classes"]]
    assert metrics["asked = seen"] == pytest.approx(np.mean(shares))
    assert metrics["asked = seen of real"] == 1.0 == told["judge"]["accuracy"]  # bright, dark, striped: easily told
    assert "logistic regression on MNIST features of 30 training images" in told["judge"]["about"]  # 32 // 3 of each
    reading = told["reading"]
    assert metrics["own reading error %"] == 100 * reading["wrong"] / 36 and reading["low"] < reading["error"]
    assert [line for line in log(run) if "asked = seen" in line.get("metrics", {})]
    record = RunFolder(run).record
    assert record["game"]["conditions"] == {"kind": "classes"} and "conditions" in record["game"]["readouts"]
    assert CAPABILITY.summary({"conditions": {}}) == ""


def test_without_a_feature_network_the_own_reading_is_left(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    again = copytree(run, tmp_path / "run")
    told = evaluation.evaluate(again)["conditions"]
    assert "classes" not in told and "judge" not in told and told["reading"]["images"] == 36
    page_of(again)
    assert "There is no judge of the classes" in text_of(again)


# ------------------------------------------------------------------------------------------------ what is reported


def test_names_are_text_in_the_report(run: Path) -> None:
    page, text = (run / "report.html").read_text(encoding="utf-8"), text_of(run)
    assert "&lt;b&gt;" in page and "<b>\n" not in page and '<th scope="row"><b>' not in page
    assert all(name in text for name in NAMES)
    section = page[page.index('<section id="classes">') : page.index('<section id="quality">')]
    assert section.count("<img") == 3 and "Of its samples," in text
    assert "a row for each thing asked for, a column for each noise, at step 4" in text


@pytest.mark.parametrize(
    "told",
    [
        {}, {"rows": 3}, {"rows": ["a"], "columns": 10**400}, {"classes": [1, None, {"name": {"a": []}}]},
        {"judge": {"about": 3}, "reading": {"error": 3}}, {"judge": [], "classes": {}, "columns": -3, "of": "x"},
        {"rows": ["a", "b"], "columns": 7},
    ],
)  # fmt: skip
def test_a_damaged_evaluation_still_has_a_page(run: Path, tmp_path: Path, told: dict) -> None:
    again = copytree(run, tmp_path / "run")
    result = json.loads((run / "evaluation.json").read_text())
    (again / "evaluation.json").write_text(json.dumps({**result, "conditions": told}))
    assert 'id="classes"' in page_of(again)
    (again / "asked.png").write_bytes(b"no picture")
    assert 'id="classes"' in page_of(again)


def test_a_kind_without_a_row_still_has_a_sheet(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.conditions.kinds.KINDS", {})
    monkeypatch.setattr("energan.capabilities.conditions.measure.KINDS", {})
    again = copytree(run, tmp_path / "run")
    assert evaluation.evaluate(again)["conditions"] == {"kind": "classes", "rows": 8, "columns": 10}
    assert 'id="classes"' not in page_of(again)
    assert build("small_conditional:recipe").game.conditions is not None


def test_an_older_run_json_does_not_say_the_kind(run: Path, tmp_path: Path) -> None:
    again = copytree(run, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    game = {k: v for k, v in record["game"].items() if k != "conditions"}
    (again / "run.json").write_text(json.dumps({**record, "game": game}))
    assert 'id="classes"' in page_of(again)
