"""A classifier from few labels on the command line: what it is shown, what it writes, what it refuses."""

import csv
import json
import pickle
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_runs import arguments, fingerprint, leftovers, log, sentence, start, trained

import energan
from energan.capabilities import Measurement
from energan.capabilities.classification.measure import UNCERTAIN, measure, summary
from energan.capabilities.classification.preview import error_on
from energan.cli import main
from energan.data import ImageSet, load
from energan.data.few_labels import LabelledBatches
from energan.data.labels import in_classes, labelled_by
from energan.engine import Trainer
from energan.engine.game import Game
from energan.inference.model import Model
from energan.inference.modules import ClassifierModule
from energan.recipes.build import build
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.training import loop
from energan.training.log import Log
from energan.utils.errors import UserError

SYSTEMS = ("ladder", "ebgan-ln", "improved-gan")
CLASSIFIERS = tuple(f"{system}-mnist" for system in SYSTEMS)
DRAWING = CLASSIFIERS[1:]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No feature network, and nets of a folder's run as small as those of the tests' own recipes."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


def draw(path: Path, dark: bool, random: np.random.Generator) -> None:
    """A PNG of noise, 12 x 10, dark or bright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = random.integers(0, 100, (10, 12, 3)) + (0 if dark else 150)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def pets(folder: Path, labelled: int = 4, unlabelled: int = 6, seed: int = 0) -> Path:
    """Dark cats, bright dogs, and of both in `unlabelled`."""
    random = np.random.default_rng(seed)
    for i in range(labelled):
        draw(folder / "cat" / f"{i}.png", True, random)
        draw(folder / "dog" / f"{i}.png", False, random)
    for i in range(unlabelled):
        draw(folder / "unlabelled" / f"{i}.png", i % 2 == 0, random)
    return folder


def flat(folder: Path, n: int = 8) -> Path:
    """Dark and bright images in turn, in no sub-folders."""
    random = np.random.default_rng(0)
    for i in range(n):
        draw(folder / f"{i}.png", i % 2 == 0, random)
    return folder


def labels_file(path: Path, *rows: str, header: str = "file,label") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


SMALL = ["--steps", "6", "--size", "8", "--precision", "fp32", "--device", "cpu", "--quiet"]


# ------------------------------------------------------------------------------------------- what is shown


def test_a_csv_gives_labels_to_the_files_it_names(tmp_path: Path) -> None:
    folder = flat(tmp_path / "flat")
    path = labels_file(
        tmp_path / "l.csv",
        *("0.png,cat,x", "./1.png, dog ", "2.png,", "3.png,-1", "1.png,dog", ",ant", "5.png", "7.png,ant"),
        header="\ufeffFile, label,remark",
    )
    plain = load(folder)
    data = labelled_by(plain, path, folder)
    assert data.classes == ("ant", "cat", "dog") and data.labels is not None
    assert data.labels.tolist() == [1, 2, -1, -1, -1, -1, -1, 0]
    assert data.sha256 != plain.sha256 and data.sha256 == labelled_by(plain, path, folder).sha256
    labels_file(path, "0.png,cat", "1.png,dog")
    assert labelled_by(plain, path, folder).sha256 != data.sha256


def test_a_csv_may_name_unreadable_files_and_those_of_another_split(tmp_path: Path) -> None:
    flat(tmp_path / "two" / "train"), flat(tmp_path / "two" / "test")
    folder = tmp_path / "two"
    (folder / "train" / "torn.png").write_bytes(b"no image")
    path = labels_file(tmp_path / "l.csv", "train/0.png,a", "train/1.png,b", "train/torn.png,a", "test/3.png,newt")
    data = labelled_by(load(folder), path, folder)
    assert data.classes == ("a", "b") and data.labels is not None and data.labels.tolist() == [0, 1] + [-1] * 6


@pytest.mark.parametrize(
    ("rows", "header", "expected"),
    [
        (["9.png,cat"], "file,label", "names 9.png, which is no image of flat"),
        (["9.png,cat", "0.png,dog", "8.png,cat"], "file,label", "names 9.png (and 1 more), which is"),
        (["0.png,cat", "../x.png,dog"], "file,label", "names ../x.png, which is not in "),
        (["0.png,cat", "/tmp/x.png,dog"], "file,label", "names /tmp/x.png, which is not in "),
        (["0.png,cat", "C:\\flat\\1.png,dog"], "file,label", "names C:\\flat\\1.png, which is not in "),
        (["0.png,cat", f"{'x' * 300}.png,dog"], "file,label", "which is no image of flat"),
        (["0.png,cat"], "file,class", "has no column 'label' in its first line, only file, class"),
        (["0.png,cat"], "image,label", "has no column 'file'"),
        ([], "", "has no column 'file' in its first line, only nothing"),
        (["0.png,cat", "1.png,dog", "0.png,dog"], "file,label", "gives 0.png two labels, cat and dog (line 4)"),
        (["0.png,cat", "0.png,"], "file,label", "gives 0.png two labels, cat and none"),
        (["0.png,", "1.png,-1"], "file,label", "has no label for any image of flat"),
        (["0.png,cat", "2.png,cat"], "file,label", "flat has one class only (cat)"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(
    tmp_path: Path, rows: list[str], header: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = flat(tmp_path / "flat")
    path = labels_file(tmp_path / "l.csv", *rows, header=header)
    assert main(["classify", "--data", str(folder), "--labels", str(path), "--out", str(tmp_path / "run")]) == 2
    assert expected in sentence(capsys) and not (tmp_path / "run").exists()


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    data = load(flat(tmp_path / "flat"))
    for name, content in (
        ("bytes.csv", b"file,label\n\xff\xfe,\x00\n"),
        ("field.csv", b"file,label\n" + b"x" * 200000),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"the labels file .*{name} cannot be read: "):
            labelled_by(data, tmp_path / name, tmp_path / "flat")
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read: (No such file|Is a directory)"):
            labelled_by(data, missing, tmp_path / "flat")
    with pytest.raises(UserError, match="names files, and digits has none"):
        labelled_by(load("digits"), tmp_path / "none.csv", Path("digits"))


def test_test_images_are_numbered_as_the_classes_trained_on() -> None:
    images = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1)
    data = ImageSet(images, torch.tensor([1, 0, -1, 1, 0]), "held", ("dog", "ant"), "", "", (), tuple("abcde"))
    seen = in_classes(data, ("ant", "bee", "dog"))
    assert seen.labels is not None and seen.labels.tolist() == [0, 2, 0, 2] and seen.classes == ("ant", "bee", "dog")
    assert seen.images.flatten().tolist() == [0, 1, 3, 4] and seen.files == tuple("abde")
    with pytest.raises(UserError, match="held has a class 'dog', which is none of those trained on: ant, bee"):
        in_classes(data, ("ant", "bee"))
    with pytest.raises(UserError, match="held has no labels"):
        in_classes(data._replace(labels=None, classes=()), ("ant", "bee"))


@pytest.mark.parametrize("recipe", CLASSIFIERS)
def test_a_run_sees_as_many_labels_as_asked_and_which_is_a_seed_of_its_own(recipe: str, tmp_path: Path) -> None:
    def kept(**changes: Any) -> torch.Tensor:
        run = build(recipe, **arguments(recipe, tmp_path / "run", **changes))
        run = run._replace(prepare=pickle.loads(pickle.dumps(run.prepare)))
        data = run.training_set()
        assert data.labels is not None and isinstance(run.batches(data), LabelledBatches)
        assert torch.equal(data.images, load("digits").images)
        return data.labels

    labels, whole = kept(labels=20), load("digits").labels
    assert whole is not None and labels[labels >= 0].bincount().tolist() == [2] * 10
    assert torch.equal(labels[labels >= 0], whole[labels >= 0])
    assert torch.equal(kept(labels=20, seed=7), labels) and not torch.equal(kept(labels=20, label_seed=1), labels)
    assert torch.equal(kept(labels=0), whole)
    test = build(recipe, **arguments(recipe, tmp_path / "run")).held_out(load("digits").classes)
    assert test is not None and test.labels is not None and int((test.labels >= 0).sum()) == len(test.images) == 256


def test_numbers_of_classes_and_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = str(pets(tmp_path / "pets"))
    for changes, expected in (
        ({"data": folder, "labels": 0}, r"pets has 2 classes \(cat, dog\): set classes to 2"),
        ({"data": folder, "classes": 2, "labels": 10}, "class 0 has 4 labelled images, fewer than the 5 to keep"),
        ({"labels": 15}, "15 labels cannot be shared evenly by 10 classes"),
        ({"data": str(flat(tmp_path / "flat")), "classes": 2}, "flat has no labels: put its images into one"),
    ):
        run = build("ladder-mnist", **arguments("ladder-mnist", tmp_path / "run", **changes))
        with pytest.raises(UserError, match=expected):
            run.training_set()


def test_the_improved_gan_s_discriminator_starts_from_the_data(tmp_path: Path) -> None:
    """By the seed, once: what is initialised is part of the first checkpoint, and a resumed run has that."""
    run, data = start(tmp_path / "run", "improved-gan-mnist")
    D = run.game.players["D"].net
    before = {k: w.clone() for k, w in D.state_dict().items()}
    assert run.initialise is not None
    run.initialise(data)
    after = {k: w.clone() for k, w in D.state_dict().items()}
    assert any(not torch.equal(before[k], after[k]) for k in before)
    other, _ = start(tmp_path / "other", "improved-gan-mnist")
    assert loop.train(other._replace(steps=1), RunFolder(tmp_path / "other"), data, quiet=True) == "finished"
    again, _ = start(tmp_path / "again", "improved-gan-mnist")
    again.initialise(data)  # type: ignore[misc]
    assert all(torch.equal(w, after[k]) for k, w in again.game.players["D"].net.state_dict().items())
    one = Trainer(again.game, again.batches(data), seed=again.seed, precision="fp32")
    one.step()
    trained_ = read_checkpoint(RunFolder(tmp_path / "other").checkpoint()).state
    assert all(torch.equal(w, trained_["weights"]["D"][k]) for k, w in one.nets["D"].state_dict().items())


# --------------------------------------------------------------------------------------- what is measured


def by_brightness(*, classes: int = 2) -> Model:
    """A classifier whose logits are 0 and the image's brightness (times 4), so that it errs where one knows it."""

    def logits(p: object, b: Any) -> torch.Tensor:
        bright = 4 * b.x.flatten(1).mean(1)
        return torch.stack([torch.zeros_like(bright), bright, *[bright - 9] * (classes - 2)], 1)

    return Model(Game({}, {}, lambda t: (), {}, {}, None, logits=logits), {})


def grey(*levels: int) -> torch.Tensor:
    return torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def made(images: torch.Tensor, labels: list[int], classes: tuple[str, ...] = ("dark", "bright")) -> ImageSet:
    return ImageSet(images, torch.tensor(labels), "made", classes, "", "", ())


def classification(model: Model, training: ImageSet, test: ImageSet | None, folder: Path) -> dict[str, Any]:
    """evaluation.json's entry of a classifier whose run has these images."""
    experiment: Any = SimpleNamespace(held_out=lambda classes: test, coded=None, labels_held_set=lambda: None)
    return measure(Measurement(folder, experiment, model, training, 10, 0))["classification"]


def test_error_confusion_and_the_least_certain_by_hand(tmp_path: Path) -> None:
    training_set = made(grey(0, 255, 120, 130), [0, 1, -1, -1], ("dark", "bright", "none such"))
    test = made(grey(0, 100, 129, 255, 140), [0, 1, 0, 1, 0], training_set.classes)
    model = by_brightness(classes=3)
    found = classification(model, training_set, test, tmp_path)
    experiment: Any = SimpleNamespace(coded=None)
    assert error_on(experiment, model, test) == found["error"] == pytest.approx(60) and found["images"] == 5
    assert found["classes"] == ["dark", "bright", "none such"]
    assert found["confusion"] == [[1, 2, 0], [1, 1, 0], [0, 0, 0]]  # rows: truth
    assert [u["index"] for u in found["uncertain"]][:3] == [2, 4, 1]  # of the other two it is equally sure
    assert found["uncertain"][2] == {
        "index": 1, "predicted": "dark", "truth": "bright", "probability": pytest.approx(0.70320, abs=1e-5)
    }  # fmt: skip
    with Image.open(tmp_path / "uncertain.png") as sheet:
        assert sheet.size == (3 * 5 - 1, 2 * 5 - 1)
        assert sheet.getpixel((0, 0)) == 129 and sheet.getpixel((5, 0)) == 140
    first, calibrated, _ = summary({"classification": found}).split("\n")
    assert first == "test error 60.00 % of 5 images" and "not calibrated: no labels were set apart" in calibrated


def test_without_test_images_the_unlabelled_are_looked_at(tmp_path: Path) -> None:
    training_set = made(grey(0, 255, *range(100, 140)), [0, 1] + [-1] * 40)
    found = classification(by_brightness(), training_set, None, tmp_path)
    assert found["error"] is None and found["confusion"] is None and found["images"] == 40
    assert len(found["uncertain"]) == UNCERTAIN and all(u["truth"] is None for u in found["uncertain"])
    assert {u["index"] for u in found["uncertain"][:2]} == {27, 28}  # 127 and 128 of the 40
    assert "no test error" in summary({"classification": found})
    every = classification(by_brightness(), training_set._replace(labels=torch.ones(42).long()), None, tmp_path)
    assert every["error"] is None and every["images"] == 42 and every["uncertain"][0]["truth"] == "bright"


def test_quantities_that_not_every_step_has_are_averaged_over_those_that_have(tmp_path: Path) -> None:
    """An EBGAN-LN's generator is switched off within an interval of the log."""
    run, _ = start(tmp_path / "run", "ebgan-ln-mnist", steps=200)  # lines every 4 steps
    with Log(RunFolder(tmp_path / "run"), run, 0, True) as told:
        for logs in ({"D/a": 1.0}, {"D/a": 2.0}, {"D/a": 6.0, "G/b": 5.0}, {"L/c": 7.0}):
            told.add({k: torch.tensor(v) for k, v in logs.items()})
        told.flush()
        told.flush()
    assert [line["logs"] for line in log(tmp_path / "run")] == [{"D/a": 3.0, "G/b": 5.0, "L/c": 7.0}]


@pytest.mark.parametrize("recipe", CLASSIFIERS)
def test_training_logs_the_test_error_and_keeps_no_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """Even with a distance to measure: one would be chosen by the test images, or by G's samples."""
    if recipe in DRAWING:
        monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real: "mnist")
        monkeypatch.setattr("energan.capabilities.reference.describe", lambda images, network: object())
        monkeypatch.setattr("energan.metrics.evaluate", lambda *given: {"MNIST-FID": 1.0})
    folder = trained(tmp_path / "run", recipe)
    lines = [line for line in log(folder) if "test error %" in line.get("metrics", {})]
    assert [line["step"] for line in lines] == [3, 6, 8] and all(line["samples"] == 256 for line in lines)
    run = rebuild(RunFolder(folder).record)
    test = run.held_out(run.training_set().classes)
    assert test is not None and test.labels is not None
    wrong = (energan.load(folder).probabilities(test.images).argmax(1) != test.labels).double().mean()
    assert lines[-1]["metrics"]["test error %"] == pytest.approx(100 * float(wrong))
    assert (folder / "samples").exists() == (recipe in DRAWING)
    assert any("MNIST-FID" in line.get("metrics", {}) for line in log(folder)) == (recipe in DRAWING)
    assert not (folder / "checkpoints" / "best.safetensors").exists()


# -------------------------------------------------------------------------------------------- the commands


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds pets, held (for testing) and a ladder's run; said.txt is what the command said."""
    import contextlib
    import io

    folder, said = tmp_path_factory.mktemp("classify"), io.StringIO()
    pets(folder / "pets")
    pets(folder / "held", labelled=3, unlabelled=1, seed=1)
    told = ["classify", "--data", str(folder / "pets"), "--test", str(folder / "held"), "--out", str(folder / "run")]
    with contextlib.redirect_stdout(said):
        assert main([*told, *SMALL[:1], "60", *SMALL[2:]]) == 0
    (folder / "said.txt").write_text(said.getvalue())
    return folder


def test_classify_trains_predicts_and_says_what_it_found(classified: Path) -> None:
    run, said = classified / "run", (classified / "said.txt").read_text()
    record = RunFolder(run).record
    assert record["recipe"] == "ladder-mnist" and record["batch"] == 14  # of 14 images, no batch of 100 can be drawn
    assert record["data"]["classes"] == ["cat", "dog"] and record["data"]["labels"] == [4, 4]
    assert "labels: cat 4, dog 4; without one: 6\n" in said
    found = json.loads((run / "evaluation.json").read_text())
    assert found["samples"] == 0 and found["classification"]["images"] == 6  # the unlabelled one of held is not
    assert f"test error {found['classification']['error']:.2f} % of 6 images\n" in said
    assert (
        f"predictions: {run}/predictions.csv; what to label next: {run}/label-next.csv\n" in said
        and f"report: {run}/report.html\n" in said
    )
    assert not (run / "samples").exists() and not (run / "neighbours.png").exists() and (run / "uncertain.png").exists()
    rows, data = table(run / "predictions.csv"), load(classified / "pets", size=8, channels=1)
    assert list(rows[0]) == ["file", "label", "probability", "P(cat)", "P(dog)"]
    assert [row["file"] for row in rows] == list(data.files) and len(rows) == 14
    expected = energan.load(run).probabilities(data.images)
    assert [[float(row["P(cat)"]), float(row["P(dog)"])] for row in rows] == [
        pytest.approx(each, rel=1e-4) for each in expected.tolist()
    ]
    assert [row["label"] for row in rows] == [("cat", "dog")[i] for i in expected.argmax(1).tolist()]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected.max(1).values.tolist(), rel=1e-4)
    truth = ["cat"] * 4 + ["dog"] * 4 + ["cat", "dog"] * 3
    assert sum(row["label"] != t for row, t in zip(rows, truth, strict=True)) <= 1  # dark and bright are learned


def test_the_recorded_command_classifies_again(classified: Path, tmp_path: Path) -> None:
    command = shlex.split(RunFolder(classified / "run").record["command"])
    assert command[:2] == ["energan", "classify"]
    again = [text.replace(str(classified / "run"), str(tmp_path / "again")) for text in command[1:]]
    assert main([*again, "--quiet"]) == 0
    assert fingerprint(RunFolder(tmp_path / "again").checkpoint()) == fingerprint(
        RunFolder(classified / "run").checkpoint()
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_csv_and_any_system_classify(tmp_path: Path, system: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = flat(tmp_path / "flat", 12)
    path = labels_file(tmp_path / "l.csv", *(f"{i}.png,{'dark' if i % 2 == 0 else 'bright'}" for i in range(6)))
    told = ["--data", str(folder), "--labels", str(path), "--system", system, "--out", str(tmp_path / "run")]
    assert main(["classify", *told, *SMALL]) == 0
    said = capsys.readouterr().out
    assert "labels: bright 3, dark 3; without one: 6\n" in said and "no test error: there are no labelled test" in said
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())["classification"]
    assert found["error"] is None and found["images"] == len(found["uncertain"]) == 6
    assert len(table(tmp_path / "run" / "predictions.csv")) == 12


def test_arrays_with_labels_of_minus_one_classify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, held = (load("digits", split) for split in ("train", "test"))
    hidden = np.where(np.arange(300) < 60, data.labels[:300], -1)
    np.savez(tmp_path / "few.npz", x=data.images[:300, 0], y=hidden)
    np.savez(tmp_path / "held.npz", x=held.images[:, 0], y=held.labels)
    told = ["--data", str(tmp_path / "few.npz"), "--test", str(tmp_path / "held.npz"), "--out", str(tmp_path / "run")]
    assert main(["classify", *told, *SMALL]) == 0
    said = capsys.readouterr().out
    assert "without one: 240\n" in said and "of 256 images" in said
    assert RunFolder(tmp_path / "run").record["data"]["labels"] == np.bincount(hidden[:60]).tolist()
    rows = table(tmp_path / "run" / "predictions.csv")
    assert len(rows) == 300 and {row["label"] for row in rows} <= {str(i) for i in range(10)}


def test_how_many_labels_may_be_said_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--data", "digits", "--labels", "30", "--label-seed", "3", "--out", str(tmp_path / "run")]
    assert main(["classify", *told, *SMALL]) == 0
    assert RunFolder(tmp_path / "run").record["data"]["labels"] == [3] * 10
    said = capsys.readouterr().out
    assert "without one: 1511" in said and "of 256 images" in said
    assert table(tmp_path / "run" / "predictions.csv")[1540]["file"] == "1540"  # there are no files


def test_a_stopped_run_is_resumed_exactly_and_then_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = flat(tmp_path / "flat", 12)
    path = labels_file(tmp_path / "l.csv", "0.png,dark", "1.png,bright", "2.png,dark", "3.png,bright")
    monkeypatch.chdir(tmp_path)
    told = ["classify", "--data", "flat", "--labels", "l.csv", "--system", "ebgan-ln", *SMALL]
    assert main([*told, "--out", "whole"]) == 0
    step = Trainer.step
    with monkeypatch.context() as patch:

        def stopping(one: Trainer) -> dict[str, torch.Tensor]:
            logs = step(one)
            if one.t == 3:
                signal.raise_signal(signal.SIGINT)
            return logs

        patch.setattr(Trainer, "step", stopping)
        assert main([*told, "--out", "cut"]) == 130
    assert "stopped and saved; `energan resume cut` continues exactly here" in capsys.readouterr().out
    assert not Path("cut/predictions.csv").exists()
    shutil.copytree("cut", "other")
    monkeypatch.chdir(folder)  # from anywhere
    assert main(["resume", str(tmp_path / "cut"), "--quiet"]) == 0
    assert fingerprint(RunFolder(tmp_path / "cut").checkpoint()) == fingerprint(
        RunFolder(tmp_path / "whole").checkpoint()
    )
    for name in ("predictions.csv", "evaluation.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    labels_file(path, "0.png,dark", "1.png,bright", "2.png,bright", "3.png,bright")
    assert main(["resume", str(tmp_path / "other"), "--quiet"]) == 2
    assert "the images or labels of" in sentence(capsys)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pets, held: ["--data", str(pets), "--test", str(held.parent / "nowhere")], "there is no"),
        (lambda pets, held: ["--data", str(pets), "--test", str(flat(held.parent / "flat"))], "flat has no labels"),
        (lambda pets, held: ["--data", str(pets), "--test", "digits"], "digits has a class '0', which is none of"),
        (lambda pets, held: ["--data", str(held.parent / "nowhere")], "there is no"),
        (lambda pets, held: ["--data", str(flat(held.parent / "flat"))], "flat has no labels: put its images"),
        (lambda pets, held: ["--data", str(pets), "--labels", "7"], "7 labels cannot be shared evenly by 2 classes"),
        (lambda pets, held: ["--data", str(pets), "--labels", "nowhere.csv"], "cannot be read: No such file"),
        (lambda pets, held: ["--data", str(pets), "--batch", "1"], "--batch must be 2 or more, got 1"),
        (lambda pets, held: ["--data", str(pets), "--size", "0"], "--size must be 2 or more, got 0"),
        (lambda pets, held: ["--data", str(pets), "--channels", "2"], "images have 1 (grey) or 3 (RGB) --channels"),
        (lambda pets, held: ["--data", str(pets), "--seed", "-1"], "--seed must be from 0"),
        (lambda pets, held: ["--data", str(pets), "--label-seed", "-1"], "--label-seed must be from 0"),
    ],
)
def test_what_classify_refuses(
    tmp_path: Path, change: Callable[[Path, Path], list[str]], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, held = pets(tmp_path / "pets"), tmp_path / "held"
    assert main(["classify", *SMALL, *change(folder, held), "--out", str(tmp_path / "run")]) == 2
    assert expected in sentence(capsys)


def test_one_class_and_none_are_refused(tmp_path: Path) -> None:
    folder = pets(tmp_path / "pets")
    shutil.rmtree(folder / "dog")
    prepare = build("ladder-mnist", data=str(folder), size=8).prepare
    with pytest.raises(UserError, match=r"pets has one class only \(cat\): a classifier needs two"):
        prepare(str(folder), "train")
    shutil.rmtree(folder / "cat")
    with pytest.raises(UserError, match="pets has no labels"):
        prepare(str(folder), "train")


def test_predict_tells_the_classes_of_new_images(
    classified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = str(classified / "run"), tmp_path / "p.csv"
    folder = flat(tmp_path / "new", 4)
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:100])
    assert main(["predict", str(folder), "--run", run, "--out", str(out)]) == 0
    assert capsys.readouterr().out == (f"images: new (4)\n4 predictions in {out}; 1 unreadable file was left out\n")
    rows = table(out)
    expected = energan.load(run).probabilities(load(folder, size=8, channels=1).images)
    assert [row["file"] for row in rows] == [f"{i}.png" for i in range(4)]
    assert [row["label"] for row in rows] == ["cat", "dog", "cat", "dog"]
    assert [float(row["P(dog)"]) for row in rows] == pytest.approx(expected[:, 1].tolist(), rel=1e-4)
    assert main(["predict", "digits", "--run", run, "--out", str(out)]) == 0 and len(table(out)) == 256
    np.savez(tmp_path / "some.npz", images=np.zeros((3, 9, 9), np.uint8))
    assert main(["predict", str(tmp_path / "some.npz"), "--run", run, "--out", str(out)]) == 0
    assert [row["file"] for row in table(out)] == ["0", "1", "2"] and not leftovers(tmp_path)


def test_score_needs_no_labels_of_the_images_that_it_scores(tmp_path: Path) -> None:
    """The improved GAN has energies; it learned from images with labels, but those of others need none."""
    run, out = trained(tmp_path / "run", "improved-gan-mnist", steps=1), tmp_path / "e.csv"
    assert main(["score", str(flat(tmp_path / "new", 4)), "--run", str(run), "--out", str(out)]) == 0
    assert [row["label"] for row in table(out)] == [""] * 4


def test_what_a_run_does_not_have_is_said_in_a_sentence(
    classified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, gan = str(classified / "run"), str(trained(tmp_path / "gan", "gan-mnist", steps=1))
    for command, expected in (
        (
            ["sample", run, "--out", str(tmp_path / "s.png")],
            "`energan sample` needs a system that can draw",
        ),
        (
            ["score", "digits", "--run", run],
            "`energan score` needs a system that can score",
        ),
        (
            ["predict", "digits", "--run", gan, "--out", str(tmp_path / "p.csv")],
            "`energan predict` needs a system that can tell the class of an image; this run's can draw",
        ),
        (["predict", "digits", "--run", run, "--out", "p.parquet"], "--out p.parquet: predictions go to a .csv"),
        (["predict", "nowhere", "--run", run], "there is no nowhere"),
        (["predict", "digits", "--run", run, "--checkpoint", "best"], "there is no checkpoint best"),
        (["predict", "digits", "--run", str(tmp_path)], "is not a run folder"),
    ):
        assert main(command) == 2
        assert expected in sentence(capsys)
    assert not list(tmp_path.glob("*.csv"))
    assert main(["evaluate", run]) == 0
    said = capsys.readouterr().out
    assert said.startswith("training images: pets (14), held out: held (6)\nstep 60: test error ")


@pytest.mark.parametrize("recipe", CLASSIFIERS)
def test_the_exported_classifier_is_the_model_s(tmp_path: Path, recipe: str) -> None:
    folder, out = trained(tmp_path / "run", recipe, steps=3), tmp_path / "exported"
    onnx = ["--onnx"] if recipe != "ebgan-ln-mnist" else []  # its classifier is the ladder's
    assert main(["export", str(folder), "--out", str(out), *onnx]) == 0
    told, model = json.loads((out / "model.json").read_text())["parts"], energan.load(folder)
    assert set(told) == {"classifier", *(("generator",) if recipe in DRAWING else ()),
                         *(("energy",) if recipe == "improved-gan-mnist" else ())}  # fmt: skip
    assert told["classifier"]["classes"] == [str(i) for i in range(10)] and told["classifier"]["output"] == [10]
    run = rebuild(RunFolder(folder).record)
    module = ClassifierModule(run.game, {name: player.net for name, player in run.game.players.items()})
    found = module.load_state_dict(load_file(out / "classifier.safetensors"), strict=False)
    assert not found.unexpected_keys and all(key.startswith("nets.G.") for key in found.missing_keys)
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    expected = model.classifier(x)
    assert torch.equal(module.eval()(x), expected)
    if onnx:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(out / "classifier.onnx"))
        np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], expected, rtol=1e-3, atol=1e-4)


# ------------------------------------------------------------------------------------------- what is held out


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """Dark cats and bright dogs in train/; in test/ it is the other way round, so that the true error is 100 %."""
    random = np.random.default_rng(0)
    for i in range(12):
        draw(tmp_path / "ds" / "train" / "cat" / f"{i}.png", True, random)
        draw(tmp_path / "ds" / "train" / "dog" / f"{i}.png", False, random)
    for i in range(3):
        draw(tmp_path / "ds" / "test" / "cat" / f"{i}.png", False, random)
        draw(tmp_path / "ds" / "test" / "dog" / f"{i}.png", True, random)
    return tmp_path / "ds"


def test_the_error_is_measured_on_what_is_held_out(
    swapped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(swapped.parent)
    for split in ("train", "test"):
        (swapped / split / "cat" / "torn.png").write_bytes(b"no image")
    assert main(["classify", "--data", "ds", "--test", "ds", *SMALL[:1], "40", *SMALL[2:], "--out", "run"]) == 0
    said, warned = capsys.readouterr()
    assert warned.count("train/cat/torn.png: not an image") == warned.count("test/cat/torn.png: not an image") == 1
    assert said.count("training images: ds/train (24), held out: ds/test (6)\n") == 1
    assert "test error 100.00 % of 6 images" in said
    assert main(["evaluate", "run", "--json"]) == 0
    said = capsys.readouterr()
    assert "held out: ds/test (6)" in said.err and json.loads(said.out)["classification"]["error"] == 100


@pytest.mark.parametrize("named", [("ds", ""), ("ds", "ds"), ("ds", "ds/test"), ("ds/train", "ds/test")])
def test_ways_to_name_what_is_held_out(swapped: Path, monkeypatch: pytest.MonkeyPatch, named: tuple[str, str]) -> None:
    monkeypatch.chdir(swapped.parent)
    run = build("ladder-mnist", data=named[0], test=named[1], labels=0, classes=2, size=8)
    training = run.training_set()
    assert run.origin(training) == "training images: ds/train (24), held out: ds/test (6)"
    test = run.held_out(training.classes)
    assert test is not None and torch.equal(test.images, load("ds/test", size=8, channels=1).images)


@pytest.mark.parametrize(("data", "test"), [("ds", "ds/train"), ("ds/train", "ds/train"), ("ds/test", "ds")])
def test_images_that_are_trained_on_are_no_test_images(
    swapped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: str, test: str
) -> None:
    monkeypatch.chdir(swapped.parent)
    assert main(["classify", "--data", data, "--test", test, *SMALL, "--out", "run"]) == 2
    assert "are images that the classifier learns with their labels" in sentence(capsys) and not Path("run").exists()


def test_held_out_images_without_labels_give_no_error(swapped: Path) -> None:
    shutil.rmtree(swapped / "test" / "dog")
    (swapped / "test" / "cat").rename(swapped / "unsorted")
    (swapped / "test").rmdir()
    (swapped / "unsorted").rename(swapped / "test")
    run = build("ladder-mnist", data=str(swapped), labels=0, classes=2, size=8)
    training = run.training_set()
    assert run.held_out(training.classes) is None
    assert run.origin(training) == "training images: ds/train (24), held out: none (ds/test has no labels)"


def test_a_csv_labels_the_images_held_out_too(tmp_path: Path) -> None:
    flat(tmp_path / "ds" / "train", 6), flat(tmp_path / "ds" / "val", 4)
    names = [f"train/{i}.png" for i in range(6)] + [f"val/{i}.png" for i in range(4)]
    path = labels_file(
        tmp_path / "l.csv", *(f"{name},{'dark' if int(name[-5]) % 2 == 0 else 'bright'}" for name in names)
    )
    run = build("ladder-mnist", data=str(tmp_path / "ds"), labels_csv=str(path), labels=0, classes=2, size=8)
    training = run.training_set()
    test = run.held_out(training.classes)
    assert run.origin(training) == "training images: ds/train (6), held out: ds/val (4)"
    assert test is not None and test.labels is not None and test.labels.tolist() == [1, 0, 1, 0]


def test_one_class_that_can_be_read_is_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pets(tmp_path / "pets", labelled=3)
    for path in (folder / "dog").iterdir():
        path.write_bytes(b"no image")
    assert main(["classify", "--data", str(folder), *SMALL, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "pets has one class only (cat)" in said and said.count("no image of the class dog of pets can be read") == 1


def test_predict_takes_the_images_held_out_and_says_so(
    classified: Path, swapped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = str(classified / "run"), str(swapped.parent / "p.csv")
    for split, said, n in (([], "ds/test", 6), (["--split", "train"], "ds/train", 24), (["--split", "all"], "ds", 30)):
        assert main(["predict", str(swapped), "--run", run, "--out", out, *split]) == 0
        assert capsys.readouterr().out.startswith(f"images: {said} ({n})\n") and len(table(Path(out))) == n
