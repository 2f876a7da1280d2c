"""Label: labels.csv, which images are asked for, the rounds; and keys in a browser."""

import asyncio
import csv
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from browser import eventually
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from energan.cli import main
from energan.data import load as images
from energan.data.labels import labelled_by
from energan.runs.rebuild import load
from energan.utils.errors import UserError
from energan.utils.image_files import as_picture
from tests.studio.conftest import Server, begin, end

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.studio.notes import Training
from energan.studio.pages.label.asked import (
    Asked,
    Originals,
    asked_at_random,
    asked_by,
    classes_of_test,
    pool_of_images,
    pool_of_run,
    without_files,
)
from energan.studio.pages.label.labelling import Labelling
from energan.studio.pages.label.retrain import Retrain
from energan.studio.pages.label.rounds import command, failed, next_number, rounds, run_name, trains_again
from energan.studio.pages.label.table import Table, class_name, table_of
from energan.studio.runs import Runs
from energan.studio.trainings import Trainings


def table(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {row["file"]: row["label"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of zeros and ones without labels, twenty with, held out; and a table of six labels."""
    folder = tmp_path_factory.mktemp("digits")
    data = images("digits", "train")
    assert data.labels is not None
    rows = (data.labels < 2).nonzero().flatten()[:60].tolist()
    for i, row in enumerate(rows):
        name = data.classes[int(data.labels[row])]
        path = folder / "pictures" / ("train" if i < 40 else f"test/{name}") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        as_picture(data.images[row]).save(path)
    lines = [f"train/{i:02d}.png,{data.classes[int(data.labels[row])]}" for i, row in enumerate(rows[:6])]
    folder.joinpath("first.csv").write_text("\n".join(["file,label", *lines]))
    return folder


@pytest.fixture(scope="module")
def runs(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, `zeros`, of a classifier of the pictures."""
    folder = tmp_path_factory.mktemp("labelled") / "runs"
    given = ["--data", str(digits / "pictures"), "--labels", str(digits / "first.csv"), "--size", "8", "--steps", "4"]
    flags = ["--batch", "6", "--device", "cpu", "--quiet", "--out", str(folder / "zeros")]
    assert main(["classify", *given, *flags]) == 0
    return folder


@pytest.fixture(scope="module")
def studio_server(runs: Path, digits: Path) -> Iterator[Server]:
    server = begin(runs, "--data", str(digits))
    yield server
    end(server)


def test_undoing_gives_back_the_label_of_another_page(tmp_path: Path) -> None:
    a, b = Table(tmp_path), Table(tmp_path)
    assert a.give("x.png", "cat", {})[1] == "" and b.give("x.png", "dog", {})[1] == "cat"
    assert b.give("x.png", "cat", {}, held="dog") == ({"x.png": "cat"}, "dog")  # b takes its answer back
    b.give("x.png", "dog", {})
    a.give("x.png", "bird", {})  # since
    assert b.give("x.png", "cat", {}, held="dog") == ({"x.png": "bird"}, "bird") and table(a.path) == {"x.png": "bird"}


def test_pages_that_answer_alike_undo_their_own_answers(tmp_path: Path) -> None:
    pool = SimpleNamespace(labels={}, classes=lambda labels: ["cat", "dog"])
    asked = Asked(0, "x.png", "")

    async def now(function: Callable[..., object], *args: object) -> object:
        return function(*args)

    async def nothing() -> None:
        pass

    def page() -> Any:
        made = Labelling(SimpleNamespace(work=now), "", pool, Table(tmp_path), {}, None)  # type: ignore[arg-type]
        made.queue, made.wrote, made.next = [asked], SimpleNamespace(set_text=said.append), nothing  # type: ignore
        return made

    said: list[str] = []
    a, b = page(), page()
    asyncio.run(a._answer("1"))
    asyncio.run(b._answer("2"))
    assert table(a.table.path) == {"x.png": "dog"} and "in the place of cat" in said[-1]
    asyncio.run(b._answer("Backspace"))
    assert table(a.table.path) == {"x.png": "cat"}
    asyncio.run(a._answer("Backspace"))
    assert table(a.table.path) == {}


def test_a_label_is_on_disk_at_once_and_others_stay(tmp_path: Path) -> None:
    labels = Table(tmp_path / "t")
    assert labels.read() == {}
    assert labels.give('a,"b".png', "cat", {"old.png": "dog"})[0] == {"old.png": "dog", 'a,"b".png': "cat"}
    assert Table(tmp_path / "t").give("=1+1.png", "ünï <b>", {"old.png": "cat"})[0]["=1+1.png"] == "ünï <b>"
    assert table(labels.path) == {"old.png": "dog", 'a,"b".png': "cat", "=1+1.png": "ünï <b>"}
    assert labels.give("old.png", "", {})[0] == {'a,"b".png': "cat", "=1+1.png": "ünï <b>"}
    assert labels.begin({"old.png": "dog", "=1+1.png": "x"})["=1+1.png"] == "ünï <b>"
    copy = labels.copy(1, {})
    labels.give("later.png", "cat", {})
    assert len(table(copy)) == 2 and [path.name for path in copy.parent.iterdir() if ".tmp" in path.name] == []


def test_what_was_known_is_kept_beside_labels_of_before(tmp_path: Path) -> None:
    labels, known = Table(tmp_path), {"a.png": "cat", "b.png": "dog", "mine.png": "cat"}
    labels.give("mine.png", "dog", {})  # before there was a run that knew others
    expected = {"a.png": "cat", "b.png": "dog", "mine.png": "dog"}
    assert labels.begin(known) == expected == table(labels.copy(1, known))
    assert labels.give("c.png", "cat", known)[0] == expected | {"c.png": "cat"} == table(labels.path)
    assert labels.give("c.png", "", known)[0] == expected  # undone


def test_two_pages_lose_no_label(tmp_path: Path) -> None:
    def give(first: int) -> None:
        for i in range(first, first + 20):
            Table(tmp_path).give(f"{i}.png", "cat", {})

    threads = [threading.Thread(target=give, args=(first,)) for first in (0, 100, 200)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(Table(tmp_path).read()) == 60


def test_tables_of_others_are_continued_or_refused(tmp_path: Path) -> None:
    labels = Table(tmp_path)
    labels.path.write_bytes("file;label\r\na.png;cat\r\nb.png;\r\n".encode("utf-16"))
    assert labels.give("b.png", "dog", {})[0] == {"a.png": "cat", "b.png": "dog"}
    labels.path.write_text("nothing of use")
    with pytest.raises(UserError, match="no column"):
        labels.give("b.png", "dog", {})
    assert labels.path.read_text() == "nothing of use"
    labels.path.unlink()
    labels.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="link"):
        labels.read()


def test_a_table_is_what_classify_reads(tmp_path: Path) -> None:
    for name in ("=1.png", " a.png", "b,c.png"):
        as_picture(torch.zeros(1, 4, 4, dtype=torch.uint8)).save(tmp_path / name)
    data = images(tmp_path)
    for file in data.files:
        Table(tmp_path / "table").give(file, "cat", {})
    read = labelled_by(data, tmp_path / "table" / "labels.csv", tmp_path)
    assert read.labels is not None and read.labels.tolist() == [0, 0, 0] and len(data.files) == 3
    assert set(Table(tmp_path / "table").read()) == set(data.files)


@pytest.mark.parametrize("name", ["", "  ", "-1", "NaN", "x" * 101])
def test_names_that_no_class_can_have(name: str) -> None:
    with pytest.raises(UserError, match=r"class has a name|stands for no label"):
        class_name(name)


def test_a_run_asks_in_the_order_of_label_next(runs: Path) -> None:
    pool, model = pool_of_run(runs / "zeros"), load(runs / "zeros")
    assert pool.classes({}) == ["0", "1"] and len(pool.labels) == 6 and pool.left(pool.labels) == 34
    asked = asked_by(pool, model, pool.labels)
    assert [each.file for each in asked] == list(table_column(runs / "zeros" / "label-next.csv"))
    fewer = asked_by(pool, model, {**pool.labels, asked[0].file: "0"})
    assert len(fewer) == len(asked) - 1 and asked[0].file not in [each.file for each in fewer]


def table_column(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["file"] for row in csv.DictReader(file)]


def test_a_folder_asks_in_a_fixed_order(digits: Path) -> None:
    pool = pool_of_images(str(digits / "pictures"))
    assert pool.labels == {} and pool.classes({"x": "2"}) == ["0", "1", "2"]  # of the images that are held out
    first = asked_at_random(pool, {})
    assert first == asked_at_random(pool, {}) and len({each.file for each in first}) == 40
    assert [each.file for each in asked_at_random(pool, {first[0].file: "0"})] == [each.file for each in first[1:]]
    assert Originals(pool.source).image(pool, 0).shape == (1, 8, 8)
    with pytest.raises(UserError, match="no files"):
        pool_of_images("digits")


def test_the_command_of_a_round(runs: Path, digits: Path) -> None:
    found, source = Runs(runs), str(digits / "pictures")
    labels = table_of(runs, source)
    assert trains_again(found, "zeros") and run_name(labels, 1) == f"{labels.folder.name}-round-1"
    words = command(found, source, digits / "l.csv", run="zeros", steps=3)
    assert words == [
        "classify", "--data", source, "--labels", str(digits / "l.csv"), "--config", str(runs / "zeros"),
        "--steps", "3",
    ]  # fmt: skip
    assert "--features" in command(found, source, digits / "l.csv", system="ladder", features=True)
    with pytest.raises(UserError, match="no system"):
        command(found, source, digits / "l.csv", system="--out")
    assert [(each.run, each.labels, each.images) for each in rounds(found, labels, "zeros")] == [("zeros", 6, 20)]
    assert next_number(found, labels) == 1


def test_a_class_keeps_its_key(tmp_path: Path) -> None:
    labels = Table(tmp_path / "t")
    assert labels.classes(["cat", "dog"]) == ["cat", "dog"] and not labels.folder.exists()
    labels.keep(["cat", "dog", "ant"])
    Table(labels.folder).keep(["cat", "dog", "bee"])  # another page's
    assert Table(labels.folder).classes(["ant", "bee", "cat", "dog", "eel"]) == ["cat", "dog", "ant", "bee", "eel"]
    (labels.folder / "classes.json").write_text("{")
    assert labels.classes(["dog", "cat"]) == ["dog", "cat"]


def test_images_that_are_measured_on_must_have_a_class_with_a_label(runs: Path, digits: Path) -> None:
    pool = pool_of_images(str(digits / "pictures"))
    assert pool.measured == ("0", "1") == classes_of_test(str(digits / "pictures" / "test"))
    assert without_files({"data": "mnist"}) == "mnist" and without_files({"data": str(digits)}) == ""
    labels = table_of(runs, str(digits / "other"))
    labels.folder.mkdir(parents=True)
    labels.path.write_text("file,label\ntrain/00.png,0\ntrain/01.png,2\n")
    studio: Any = SimpleNamespace(runs=Runs(runs), trainings=Trainings(runs, at_once=1, threads=1))
    retrain = Retrain(studio, "zeros", pool, labels, SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no image has the label 1 yet"):
        retrain._command({})
    assert not (labels.folder / "round-1.csv").exists()
    shutil.rmtree(labels.folder)


def test_a_round_that_failed_is_told(tmp_path: Path) -> None:
    labels, trainings = table_of(tmp_path, "/images"), Trainings(tmp_path, at_once=1, threads=1)
    name = run_name(labels, 1)
    for each, said in ((name, "energan: there is no folder none"), (run_name(labels, 2), "saved")):
        trainings.notes.write(Training(each, ("classify",), 2**30, 0.0, 1.0))
        trainings.notes.path(each, ".log").write_text(f"loading\n{said}\n")
    (found,) = failed(trainings, labels)
    assert (found.run, found.told) == (name, "failed: there is no folder none")
    assert failed(trainings, table_of(tmp_path, "/others")) == []


@pytest.mark.slow  # it trains
def test_keys_label_and_the_classifier_is_trained_again(
    studio_server: Server, studio_browser: webdriver.Chrome, runs: Path, digits: Path
) -> None:
    page = studio_browser
    path = table_of(runs, str(digits / "pictures")).path

    def find(css: str) -> list[webdriver.remote.webelement.WebElement]:
        return page.find_elements(By.CSS_SELECTOR, css)

    def token() -> str | None:
        return find(".label-image")[0].get_attribute("data-token")

    def press(key: str) -> None:
        before = token()
        page.find_element(By.TAG_NAME, "body").send_keys(key)
        assert eventually(lambda: token() != before)

    page.get(f"{studio_server.address}/label?run=zeros")
    eventually(lambda: next(b for b in find("button") if b.text.lower() == "begin").is_enabled())
    assert eventually(lambda: find("img.label-shown"))
    first = find("img.label-shown")[0].get_attribute("alt")
    press("1")
    assert table(path)[first] == "0" and len(table(path)) == 7
    second = find("img.label-shown")[0].get_attribute("alt")
    press(" ")
    assert second not in table(path) and f"skipped {second}" in find(".label-side")[0].text
    press(Keys.BACKSPACE)
    assert f"{second} is asked for again" in find(".label-side")[0].text
    press(Keys.BACKSPACE)
    assert len(table(path)) == 6 and find("img.label-shown")[0].get_attribute("alt") == first
    press("2")
    find("input[aria-label='New class']")[0].send_keys("<b>two" + Keys.ENTER)
    assert eventually(lambda: len(find(".label-class")) == 3) and not find(".label-class b")
    now = token()
    show = "document.querySelector('.label-image').setAttribute('data-token', arguments[0])"
    page.execute_script(show, str(int(now or 0) - 1))  # as a click that was made before this image came
    find(".label-class")[0].click()
    time.sleep(0.5)
    assert len(table(path)) == 7
    page.execute_script(show, now)
    find(".label-class")[0].click()
    assert eventually(lambda: len(table(path)) == 8)
    next(b for b in find("button") if b.text.lower() == "train again").click()
    assert eventually(lambda: "is trained, with 8 labels; error" in find(".label-retrain")[0].text, 90)
    assert table(path.parent / "round-1.csv") == table(path)
    page.set_window_size(390, 844)
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.set_window_size(1200, 900)
