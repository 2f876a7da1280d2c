"""Classes on the command line: how they are named, what is drawn and told of a run that is asked for them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_conditional import NAMES, pictures, trained
from small_runs import sentence

import energan
from energan.cli import main
from energan.explore import class_names
from energan.explore.class_names import parse_classes
from energan.inference.match import match
from energan.utils.errors import UserError

TRUST = ("--trust", "small_conditional")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        folder = tmp_path_factory.mktemp("asked")
        return trained(folder / "run", data=str(pictures(folder / "mine")), classes=3)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings of how names were read."""
    warnings: list[str] = []
    monkeypatch.setattr(class_names, "warn", warnings.append)
    return warnings


# ------------------------------------------------------------------------------------------------ how they are named


@pytest.mark.parametrize(
    ("text", "names", "indices"),
    [
        ("cat", ("dog", "cat"), [1]),
        ("1", ("dog", "cat"), [1]),
        (" cat , 0", ("dog", "cat"), [1, 0]),
        ("all", ("dog", "cat"), [0, 1]),
        ("cat,cat", ("dog", "cat"), [1, 1]),
        ("3", ("5", "1", "3"), [2]),  # a number beyond the last class is a name alone
        ("a,b", ("a,b", "c"), [0]),
        ("a,b,c", ("a,b", "c"), [0, 1]),
        ("c,a,b,1", ("a,b", "c"), [1, 0, 1]),
        (" lead", (" lead", "x"), [0]),
        ("=1+1,<b>,ünïcode 🐈", NAMES, [1, 0, 2]),
        ("u\u0308ni\u0308code 🐈", NAMES, [2]),  # as another system composes letters
    ],
)
def test_names_come_first_and_then_numbers(
    text: str, names: tuple[str, ...], indices: list[int], told: list[str]
) -> None:
    assert parse_classes(text, names) == indices and not told


@pytest.mark.parametrize(
    ("text", "names", "indices", "otherwise"),
    [
        ("all", ("x", "all"), [1], "not as all classes"),
        ("1", ("1", "0"), [0], "not as class number 1"),
        ("0,x", ("x", "0"), [1, 0], "not as class number 0"),
        ("1,2", ("x", "y", "1,2", "z"), [2], "not as the classes of numbers 1, 2"),
        ("a,b", ("a", "b", "a,b"), [2], "not as the classes of numbers 0, 1"),
    ],
)
def test_a_name_that_could_be_read_otherwise_is_told(
    text: str, names: tuple[str, ...], indices: list[int], otherwise: str, told: list[str]
) -> None:
    assert parse_classes(text, names) == indices
    assert len(told) == 1 and told[0].endswith(otherwise) and "is read as the class of that name" in told[0]


def test_a_list_that_can_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(UserError, match=r"can be read as 'a' and 'b,c', or as 'a,b' and 'c'"):
        parse_classes("a,b,c", ("a", "b,c", "a,b", "c"))


@pytest.mark.parametrize("text", ["", " ", ",", "cat,", "2", "-1", "01", "١", "9" * 5000, "cat,cow"])
def test_what_is_no_class_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"there is no class .*; there are dog, cat"):
        parse_classes(text, ("dog", "cat"))


def test_a_name_in_other_letters_is_told_as_it_is_written() -> None:
    with pytest.raises(UserError, match=r"there is no class 'FLAGS'; there is Flags$"):
        parse_classes("Cats,FLAGS", ("Cats", "Flags"))
    with pytest.raises(UserError, match=r"there is no class 'FLAGS'; there are Flags, flags$"):
        parse_classes("FLAGS", ("Flags", "flags"))


def test_a_long_list_takes_no_time() -> None:
    assert len(parse_classes(",".join(["a"] * 300 + ["b"]), ("a", "b"))) == 301
    with pytest.raises(UserError, match="can be read as"):
        parse_classes(",".join("a" * 301), ("a", "a,a"))
    with pytest.raises(UserError, match=r"there are 0, .*, \.\.\. \(30 in all\)"):
        parse_classes("x", tuple(map(str, range(30))))


# ------------------------------------------------------------------------------------------------ what is drawn


def test_a_class_is_drawn_by_its_name(run: Path) -> None:
    for c, name in enumerate(NAMES):
        assert main(["sample", str(run), "--class", name, "--n", "3", "--out", f"{c}.npz", *TRUST]) == 0
        expected = energan.load(run, trust=("small_conditional",)).sample(3, 0, c)
        assert np.array_equal(np.load(f"{c}.npz")["images"], expected.numpy())


def test_a_sheet_has_a_row_for_each_class(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "--class", "all", "--n", "5", *TRUST]) == 0
    with Image.open("samples.png") as sheet:
        assert sheet.size == (5 * 33 - 1, 3 * 33 - 1)
    assert main(["sample", str(run), "--class", "cow", *TRUST]) == 2
    assert sentence(capsys) == f"energan: there is no class 'cow'; there are {', '.join(NAMES)}"


def test_info_tells_what_can_be_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(run)]) == 0
    said = capsys.readouterr().out
    assert f"classes           {', '.join(NAMES)}\n" in said
    assert "can be asked for  classes (sample --class), by name or number\n" in said
    assert "state             finished, step 4 of 4\n" in said and "36 of mine, 1 x 32 x 32" in said
    assert main(["info", str(run), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"] == list(NAMES) and "draw what it is asked for" in facts["can"]
    assert main(["info", "nothing"]) == 2
    assert "is not a run folder" in sentence(capsys)


def test_info_of_a_run_from_elsewhere_needs_nothing_but_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/run.json").write_text(json.dumps({"format": 2, "classes": "x", "game": {"conditions": 3}, "data": []}))
    assert main(["info", "run"]) == 0
    assert "can be asked for  nothing" in capsys.readouterr().out


def test_scores_have_the_class_that_each_image_matches_best(run: Path) -> None:
    data = run.parent / "mine"
    assert main(["score", str(data), "--run", str(run), *TRUST]) == 0
    with Path("scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    model = energan.load(run, trust=("small_conditional",))
    images = energan.data.pad(energan.data.load(str(data), "test", size=28, channels=1), 32).images
    names = ("<b>", "'=1+1", "ünïcode 🐈")  # no cell of a table begins as a formula does
    best = match(model, images, torch.eye(3)).argmax(1).tolist()
    assert [row["class"] for row in rows] == [names[i] for i in best] and len(rows) == 36
