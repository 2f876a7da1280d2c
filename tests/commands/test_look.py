"""look: what it prints, what it advises, and that its command works as it is printed."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from energan.cli import main
from energan.recipes.advice import Advice, advice, out_folder
from energan.recipes.catalog import RECIPES
from energan.utils.arguments import parameters


def photos(folder: Path, n: int, side: int = 70) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side)).save(folder / f"{i}.jpg")
    return folder


def known(**changes: object) -> dict:
    """Facts of 5,000 photographs."""
    sizes = {"shorter_side": {"median": 480}, "cut_off": 0.25, "below_64": 0}
    facts = {
        "files": 5000, "broken": [], "training": 5000, "different": 5000, "transparent": 0, "colourless": 0,
        "splits": {}, "classes": {}, "sizes": sizes,
    }  # fmt: skip
    return {**facts, **changes}


def test_the_command_that_is_printed_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "my photos, ünïcode 🐈", 12)
    assert main(["look", "my photos, ünïcode 🐈", "--no-timed"]) == 0
    command = capsys.readouterr().out.strip().splitlines()[-1]
    words = shlex.split(command)
    assert words[:5] == ["energan", "train", "fastgan-64", "--data", "my photos, ünïcode 🐈"]
    small = ["--width", "2", "--steps", "1", "--save-every", "1", "--quiet"]
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda *_, **__: "")
    assert main([*words[1:], *small]) == 0
    assert (tmp_path / words[-1] / "report.html").is_file()


def test_train_without_a_recipe_takes_the_advice_and_the_line_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "my photos", 12)
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda *_, **__: "")
    assert main(["train", "--data", "my photos", "--width", "2", "--steps", "1", "--save-every", "1", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "Enough? No: 12 different training images" in said and "Batches of 2" in said
    assert "settings of energan look, but for" in said and "steps 1 (there 6000)" in said
    assert "width 2 (there " in said  # a default of the recipe, of which the advice says nothing
    record = json.loads((tmp_path / "runs" / "my-photos" / "run.json").read_text())
    assert record["recipe"] == "fastgan-64"
    assert record["arguments"]["augment"] == ["colour", "translation"] and record["arguments"]["width"] == 2


@pytest.mark.parametrize("line", [["train", "--data", "DIR"], ["train", "--data=DIR"]])
def test_train_without_a_recipe_refuses_what_cannot_be_trained_on(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main([word.replace("DIR", str(tmp_path / "empty")) for word in line]) == 2
    assert "Traceback" not in (said := capsys.readouterr().err) and "empty" in said
    photos(tmp_path / "one", 1)
    assert main([word.replace("DIR", str(tmp_path / "one")) for word in line]) == 2
    assert "training needs 2 images or more" in capsys.readouterr().err


def test_json_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos(tmp_path / "p", 5)
    assert main(["look", str(tmp_path / "p"), "--json", "--no-timed"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (
        said["images"] == 5
        and said["recipe"] == "fastgan-64"
        and said["command"].startswith("energan train fastgan-64")
    )
    assert said["time"] == {}


def test_steps_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photos(tmp_path / "p", 5)
    tiny = Advice("Yes.", "dcgan-64", {"width": 2, "batch": 2, "steps": 50, "save_every": 10})
    monkeypatch.setattr("energan.recipes.advice.advice", lambda facts, device: tiny)
    assert main(["look", str(tmp_path / "p"), "--json"]) == 0
    time = json.loads(capsys.readouterr().out)["time"]
    assert time["steps"] == 50 and time["seconds"] == pytest.approx(50 * time["step"]) and time["step"] > 0
    assert main(["look", str(tmp_path / "p")]) == 0
    assert "a step takes" in capsys.readouterr().out


def test_the_sheet(tmp_path: Path) -> None:
    photos(tmp_path / "p", 5)
    assert main(["look", str(tmp_path / "p"), "--no-timed", "--out", str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width % 65 == 64 and sheet.mode == "RGB"


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.png").write_text("no picture")
    photos(tmp_path / "p", 3)
    photos(tmp_path / "run", 3)
    (tmp_path / "run" / "run.json").write_text("{}")
    for words, told in (
        ([str(tmp_path / "empty")], "holds no images"),
        ([str(tmp_path / "nowhere")], "there is no"),
        ([str(tmp_path / "run")], f"is a run, no set of images: `energan info {tmp_path / 'run'}` tells"),
        ([str(tmp_path / "text")], "no image that can be read"),
        ([str(tmp_path / "p"), "--out", "a.jpg"], "--out a.jpg: the sheet is a .png"),
        ([str(tmp_path / "p"), "--split", "test"], "has no split 'test'"),
    ):
        assert main(["look", *words]) == 2
        err = capsys.readouterr().err
        assert told in err and len(err.splitlines()) == 1


def test_strange_names_are_printed_as_they_are_or_as_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "p", 3)
    for name in ("=1+1.jpg", "<b>.jpg", "a\x1b[2Jb.jpg"):
        (folder / name).write_bytes((folder / "0.jpg").read_bytes())
    assert main(["look", str(folder), "--no-timed"]) == 0
    out = capsys.readouterr().out
    assert "=1+1.jpg" in out and "\x1b" not in out


def test_one_image_is_told_and_gets_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos(tmp_path / "p", 1)
    assert main(["look", str(tmp_path / "p")]) == 0
    assert "training needs 2 images or more, and there are 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("n", "says"), [(30, "No:"), (99, "No:"), (100, "Hardly:"), (999, "Hardly:"), (1000, "Yes, with"), (10000, "Yes:")]
)
def test_whether_it_is_enough(n: int, says: str) -> None:
    assert advice(known(different=n, training=n), "cpu").enough.startswith(says)


def test_recipe_batch_and_channels() -> None:
    many = advice(known(different=20_000, training=20_000), "cpu")
    assert many.recipe == "dcgan-64" and many.arguments["batch"] == 64 and many.arguments["width"] == 32
    on_gpu = advice(known(different=20_000, training=20_000), "cuda").arguments
    assert on_gpu == {"batch": 128, "decay": 0.5, "steps": 8000}
    for device in ("cpu", "cuda"):
        few = advice(known(), device)
        assert (few.recipe, few.arguments) == ("fastgan-64", {"batch": 32, "steps": 6000})
    assert advice(known(training=100, different=100), "cpu").arguments["batch"] == 16
    assert advice(known(training=3, different=3), "cpu").arguments["batch"] == 2
    assert advice(known(colourless=5000), "cpu").arguments["channels"] == 1
    assert advice(known(transparent=2500), "cpu").arguments["channels"] == 4


def test_small_grey_pictures_get_the_recipe_of_digits() -> None:
    sizes = {"shorter_side": {"median": 28}, "cut_off": 0.0, "below_64": 5000}
    assert advice(known(colourless=5000, sizes=sizes), "cpu").recipe == "ebgan-pt-mnist"
    assert advice(known(colourless=5000, sizes=sizes, different=500), "cpu").recipe == "fastgan-64"


def test_without_a_training_split_there_is_no_command() -> None:
    told = advice(known(training=0, different=0, splits={"test": 40}), "cpu")
    assert not told.recipe and "only test" in told.enough


def test_classes_are_an_offer() -> None:
    classes = {"train": {"cat": 4000, "dog": 60}}
    said = "to ask for a class when drawing: there are 2; dog has only 60."
    small = {"shorter_side": {"median": 28}, "cut_off": 0.0, "below_64": 5000}
    grey = known(classes=classes, colourless=5000, sizes=small)
    for facts in (known(classes=classes), known(classes=classes, different=20_000), grey):
        told = advice(facts, "cpu")
        assert told.why[-1] == f"--classes as well, {said}" and parameters(RECIPES[told.recipe])["classes"] is False
    assert not [line for line in advice(known(classes={"train": {"cat": 4000}}), "cpu").why if "classes" in line]


def test_train_without_a_recipe_draws_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "pets" / "cat", 6)
    photos(tmp_path / "pets" / "dog", 6)
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda *_, **__: "")
    small = ["--width", "2", "--steps", "1", "--save-every", "1", "--size", "16", "--quiet"]
    assert main(["train", "--data", "pets", "--classes", *small]) == 0
    said = capsys.readouterr().out
    assert "--flip as well" in said and "--classes as well" not in said  # what is given is not proposed
    assert "draws what is asked for, one of 2 classes: cat, dog" in said
    assert json.loads((tmp_path / "runs" / "pets" / "run.json").read_text())["classes"] == ["cat", "dog"]


def test_a_folder_that_is_there_is_not_named_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert out_folder("my photos/…") == "runs/my-photos"
    (tmp_path / "runs" / "my-photos").mkdir(parents=True)
    assert out_folder("my photos") == "runs/my-photos-2" and out_folder("🐈") == "runs/run"


def test_a_name_that_looks_like_a_flag_is_written_as_a_path() -> None:
    assert "--data ./-x" in Advice("", "dcgan-64").command("-x", "runs/x")
