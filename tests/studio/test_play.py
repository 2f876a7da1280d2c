"""Play: what a run can do and is asked for, levers, masks; and each tool in a real browser on small runs."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from browser import eventually
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from small_runs import trained

from energan.explore.walks import at_once
from energan.recipes.catalog import RECIPES
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load
from energan.utils.errors import UserError
from tests.studio.conftest import Server

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.studio.pages.play import lacking
from energan.studio.pages.play.asking import Able, Wish, able
from energan.studio.pages.play.desk import Desk, Latest
from energan.studio.pages.play.inpainting import mask
from energan.studio.pages.play.plane import on_plane
from energan.studio.pages.play.sliders import levers, moved, start_of, traversal
from energan.studio.pages.typed import number, whole

CODES = "codes <b>ü"


@pytest.fixture(scope="module")
def small_runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that draw in four ways: from noise with codes, of a class, by attributes, by chains."""
    folder = tmp_path_factory.mktemp("runs")
    short = {"steps": 2, "save_every": 2}
    trained(folder / CODES, "infogan-mnist", **short)
    trained(folder / "classes", "conditional-dcgan-mnist", **short)
    trained(folder / "attributes", "conditional-faces", **short)
    inverted = {"module": "", "features": "conv3", "chain_steps": 3}
    trained(folder / "chains", "noiseless-ppgn-h-mnist", **inverted, **short)
    return folder


# ------------------------------------------------------------------------------------------------ without a browser


def test_what_a_run_lacks_is_told_with_recipes_that_have_it() -> None:
    draws = Able(frozenset({"sample"}), (1, 8, 8), False, "", (), (), {})
    leads = draws._replace(serves=frozenset({"sample", "walk", "inpaint"}), chains=True)
    said = lacking(draws)
    assert any(sentence.startswith("Not here: Chains, Inpaint. These need chains") for sentence in said)
    assert [sentence.partition(". ")[0] for sentence in lacking(leads)] == [
        "Not here: Samples, Plane, Codes, Walk, Project, Arithmetic"
    ]
    assert {name for sentence in said for name in re.findall("{(.*?)}", sentence)} <= RECIPES.keys()


def test_a_run_that_was_asked_for_nothing_says_what_its_moved_images_are_asked_for() -> None:
    can = Able(frozenset(), (1, 8, 8), False, "classes", ("cat", "dog"), (), {})
    model: Any = SimpleNamespace(conditions=lambda n, seed: torch.eye(2)[[seed] * n])
    assert "sample 3 is, the class dog:" in Wish(seed=1).stays(model, can, 3)
    assert Wish(class_index=0).stays(model, can, 3) == Wish().stays(model, can._replace(kind=""), 3) == ""
    assert Wish().stays(model, can._replace(kind="text"), 2) == "All are asked for what sample 2 is."


def test_what_a_run_can_do_is_what_its_game_says(small_runs_folder: Path) -> None:
    found = {}
    for name in (CODES, "classes", "attributes", "chains"):
        folder = small_runs_folder / name
        found[name] = able(load(folder), folder, RunFolder(folder).record)
    assert found[CODES].does("traverse") and found[CODES].moves and not found[CODES].chains and not found[CODES].classes
    assert found["classes"].classes == tuple("0123456789") and found["classes"].kind == "classes"
    assert [each.name for each in found["attributes"].attributes] == ["round", "size"]
    chains = found["chains"]
    assert chains.chains and chains.does("inpaint") and not chains.moves and len(chains.classes) == 10


def test_a_wish_is_a_row_of_conditions_for_each_sample(small_runs_folder: Path) -> None:
    folder = small_runs_folder / "classes"
    model, record = load(folder), RunFolder(folder).record
    assert Wish().rows(model, folder, record, [0, 1]) is None
    rows = Wish(class_index=3).rows(model, folder, record, [0, 1])
    assert rows is not None and rows.argmax(1).tolist() == [3, 3]
    with pytest.raises(UserError, match="no class 10"):
        Wish(class_index=10).held(model, folder, record)
    with pytest.raises(UserError, match="reads no sentences"):
        Wish(text="a seven").held(model, folder, record)

    folder = small_runs_folder / "attributes"
    model, record = load(folder), RunFolder(folder).record
    usual = model.conditions(6, 5)
    rows = Wish(seed=5, values=((1, 2.5),)).rows(model, folder, record, [4, 1])
    assert rows is not None and rows[:, 1].tolist() == [2.5, 2.5] and torch.equal(rows[:, 0], usual[[4, 1], 0])


def test_what_was_made_is_of_its_own_wish(tmp_path: Path) -> None:
    """Its words and its file's name, too, if the page asks for another seed while it is made, or that one fails."""

    async def with_model(run: str, work: Callable[[None], int], checkpoint: str) -> int:
        desk.wish = Wish(seed=2, checkpoint="best")  # somebody asks for it meanwhile
        seen.append(checkpoint)
        return work(None)

    seen: list[str] = []
    studio: Any = SimpleNamespace(with_model=with_model, runs=SimpleNamespace(path=lambda name: tmp_path))
    desk = Desk(studio, "a b", None, {}, [])  # type: ignore[arg-type]
    made = asyncio.run(desk.compute(lambda model, wish: wish.seed))
    assert made == (Wish(seed=0), 0) and desk.name("samples", made.wish) == "a-b-samples-seed0"
    assert asyncio.run(desk.compute(lambda model, wish: wish.seed, made.wish)).what == 0 and seen == ["", ""]


def test_no_tool_takes_the_wish_of_now_for_that_of_what_it_shows() -> None:
    tools = [
        path
        for path in Path(str(sys.modules[Desk.__module__].__file__)).parent.glob("*.py")
        if path.name not in ("__init__.py", "desk.py")
    ]
    assert tools and not [path for path in tools if "desk.wish" in path.read_text()]


def test_levers_move_what_they_name_and_nothing_else(small_runs_folder: Path) -> None:
    model = load(small_runs_folder / CODES)
    noise = model.noise_of([2])
    codes = levers(model, noise, "codes")
    assert torch.equal(
        model.decode(moved(noise, [(each, start_of(noise, each)) for each in codes])), model.sample(3)[2:]
    )
    category = next(each for each in codes if each.categories)
    changed = moved(noise, [(category, 7)])
    assert changed[category.noise].argmax(1).tolist() == [7] and changed[category.noise].sum() == 1
    assert all(torch.equal(z, changed[name]) for name, z in noise.items() if name != category.noise)
    rows, columns = traversal(noise, codes)
    assert {len(z) for z in rows.values()} == {columns * len(codes)}

    way = levers(model, noise, "factors")[0]
    there = moved(noise, [(way, 1.5)])[way.noise] - noise[way.noise]
    assert torch.allclose(there.flatten(), 1.5 * way.vector, atol=1e-6)


def test_the_plane_has_its_samples_at_the_corners(small_runs_folder: Path) -> None:
    model = load(small_runs_folder / "classes")
    same = model.noise_of(range(4), conditions=torch.eye(10)[[3] * 4])
    corners = on_plane(model, same, [0.0, 1.0], [0.0, 1.0])
    assert torch.equal(corners, model.sample(4, class_index=3))


def test_what_follows_a_hand_is_what_decode_draws(small_runs_folder: Path) -> None:
    for name in (CODES, "classes", "attributes"):
        model = load(small_runs_folder / name)
        noise = model.noise_of([5])
        assert int((at_once(model, noise).int() - model.decode(noise).int()).abs().max()) <= 1


def test_a_mask_is_noughts_and_ones_of_the_size() -> None:
    assert mask("010100", 2, 3).tolist() == [[[False, True, False], [True, False, False]]]
    for wrong in ("01", "0101002", "01010x", None, 7, ["0"] * 6):
        with pytest.raises(UserError, match="paint again"):
            mask(wrong, 2, 3)


@pytest.mark.parametrize("wrong", [None, "7", 1.5, -1, 11, float("nan"), float("inf")])
def test_what_is_no_whole_number_is_a_sentence(wrong: object) -> None:
    assert whole(7.0, "the seed", 0, 10) == 7 and number(0.5, "it", 0, 1) == 0.5
    with pytest.raises(UserError, match="the seed is a whole number from 0 to 10"):
        whole(wrong, "the seed", 0, 10)


def test_only_the_newest_wish_is_granted() -> None:
    done: list[int] = []

    async def act(wish: int) -> None:
        await asyncio.sleep(0)
        done.append(wish)

    async def ask() -> None:
        latest = Latest(act)
        await asyncio.gather(*(latest(i) for i in range(5)))

    asyncio.run(ask())
    assert done == [0, 4]


# ------------------------------------------------------------------------------------------------ in a browser


def shown(browser: webdriver.Chrome, css: str) -> list[WebElement]:
    """The elements that can be seen; those of a tab that is not open cannot."""
    return [each for each in browser.find_elements(By.CSS_SELECTOR, css) if each.is_displayed()]


def press(browser: webdriver.Chrome, text: str, css: str = "button") -> None:
    eventually(lambda: next(each for each in shown(browser, css) if each.text == text).click() or True)


def sources(browser: webdriver.Chrome, css: str) -> list[str]:
    return [each.get_attribute("src") or "" for each in shown(browser, css)]


def type_in(browser: webdriver.Chrome, label: str, text: str) -> None:
    box = next(each for each in shown(browser, f"input[aria-label='{label}']"))
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(text)


def visit(browser: webdriver.Chrome, server: Server, name: str) -> None:
    browser.get(f"{server.address}/play")
    press(browser, name, "main a")
    eventually(lambda: shown(browser, "[role=tab]"))


@pytest.mark.browser
def test_samples_plane_codes_walk_and_sums(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    visit(browser, studio_server, CODES)
    eventually(lambda: len(shown(browser, ".play-tile")) == 36)
    assert CODES in browser.find_element(By.CSS_SELECTOR, "main").text
    first = sources(browser, ".play-tile")
    type_in(browser, "Seed", "7")
    eventually(lambda: sources(browser, ".play-tile")[0] != first[0])
    type_in(browser, "Seed", "0")
    eventually(lambda: sources(browser, ".play-tile") == first)

    press(browser, "Plane", "[role=tab]")
    eventually(lambda: sources(browser, ".play-side img"))
    middle = sources(browser, ".play-side img")
    square = shown(browser, ".play-plane")[0]
    square.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP)
    eventually(lambda: "48 % across, 48 % down" in browser.find_element(By.CSS_SELECTOR, "main").text)
    eventually(lambda: sources(browser, ".play-side img") != middle)

    press(browser, "Codes", "[role=tab]")
    eventually(lambda: shown(browser, ".play-sliders .q-slider"))
    before = sources(browser, ".play-picture img")
    shown(browser, ".play-sliders .q-slider [tabindex]")[0].send_keys(Keys.ARROW_RIGHT * 30)
    eventually(lambda: sources(browser, ".play-picture img") != before)

    press(browser, "Walk", "[role=tab]")
    eventually(lambda: sources(browser, ".play-film")[0].startswith("data:image/gif"))

    press(browser, "Arithmetic", "[role=tab]")
    eventually(lambda: len(shown(browser, ".play-pick")) == 48)
    press(browser, "Add up")
    eventually(lambda: "choose samples for A first" in shown(browser, ".q-notification")[0].text)
    for pick in shown(browser, ".play-pick")[:3]:
        pick.send_keys(Keys.ENTER)
    press(browser, "Add up")
    eventually(lambda: sources(browser, ".play-film"))


@pytest.mark.browser
def test_classes_attributes_and_a_picture_of_ones_own(
    studio_server: Server, studio_browser: webdriver.Chrome, tmp_path: Path
) -> None:
    browser = studio_browser
    visit(browser, studio_server, "classes")
    eventually(lambda: len(shown(browser, ".play-tile")) == 36)
    shown(browser, ".q-toggle")[0].click()
    eventually(lambda: len(shown(browser, ".play-tile")) == 80)
    type_in(browser, "Images of each class", "3")
    eventually(lambda: len(shown(browser, ".play-tile")) == 30)
    assert shown(browser, ".play-tile")[4].get_attribute("alt") == "sample 1, 1"

    press(browser, "Project", "[role=tab]")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)).save(tmp_path / "mine.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "input[type=file]"))
    type_in(browser, "Steps of descent", "2")
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(tmp_path / "mine.png"))
    eventually(lambda: len(sources(browser, ".play-third img")) == 3)
    eventually(lambda: sources(browser, ".play-picture img"))
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(tmp_path / "broken.png"))
    eventually(lambda: "cannot be read" in shown(browser, ".q-notification")[0].text)

    visit(browser, studio_server, "attributes")
    eventually(lambda: len(shown(browser, ".play-tile")) == 36)
    before = sources(browser, ".play-tile")
    type_in(browser, "size", "3")
    eventually(lambda: sources(browser, ".play-tile")[0] != before[0])


@pytest.mark.browser
def test_pictures_of_ones_own_are_added_and_taken_away(
    studio_server: Server, studio_browser: webdriver.Chrome, tmp_path: Path
) -> None:
    browser, rng = studio_browser, np.random.default_rng(0)
    names = ["smile.png", "<b>frown.png", "plain.png"]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (20, 30), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    visit(browser, studio_server, "classes")
    press(browser, "Arithmetic", "[role=tab]")
    eventually(lambda: len(shown(browser, ".play-pick")) == 48)
    plus, minus, _ = browser.find_elements(By.CSS_SELECTOR, "input[type=file]")
    plus.send_keys("\n".join(str(tmp_path / name) for name in ("broken.png", *names[:2])))  # the others are taken
    eventually(lambda: "broken.png: " in shown(browser, ".q-notification")[0].text)
    eventually(lambda: len(sources(browser, ".play-own img")) == 4)
    minus.send_keys(str(tmp_path / names[2]))
    eventually(lambda: len(sources(browser, ".play-own img")) == 6)
    marks = [pick.get_attribute("aria-label") for pick in shown(browser, ".play-own .play-pick")]
    assert marks == ["smile.png, plus A", "<b>frown.png, plus A", "plain.png, minus B"]
    press(browser, "Add up")
    eventually(lambda: sources(browser, ".play-film"))
    assert "A - B; the length" in browser.find_element(By.CSS_SELECTOR, "main").text
    summed = sources(browser, ".play-film")

    shown(browser, ".play-own .play-pick")[1].click()  # off its sheet, so the sum is another
    press(browser, "Add up")
    eventually(lambda: sources(browser, ".play-film") not in (summed, []))
    found = sources(browser, ".play-own img")
    browser.execute_script("scrollTo(0, 0)")
    next(each for each in shown(browser, ".q-select") if "Class" in each.text).click()
    press(browser, "3", ".q-menu .q-item")  # another class: looked for anew
    eventually(lambda: all(a != b for a, b in zip(sources(browser, ".play-own img")[1::2], found[1::2], strict=True)))
    assert sources(browser, ".play-own img")[::2] == found[::2]
    press(browser, "Turn others from B to A")
    eventually(lambda: "turned from B to A" in browser.find_element(By.CSS_SELECTOR, "main").text)
    press(browser, "Clear")
    eventually(lambda: not shown(browser, ".play-own .play-pick"))


@pytest.mark.browser
def test_chains_frame_by_frame_and_a_brush(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    visit(browser, studio_server, "chains")
    type_in(browser, "Chains of each", "1")
    press(browser, "Draw")
    eventually(lambda: len(shown(browser, ".play-tile")) == 5)
    last = sources(browser, ".play-tile")
    shown(browser, ".q-slider [tabindex]")[0].send_keys(Keys.ARROW_LEFT * 3)
    eventually(lambda: sources(browser, ".play-tile") != last)

    press(browser, "Inpaint", "[role=tab]")
    press(browser, "Draw one")
    eventually(lambda: shown(browser, ".play-brush canvas"))
    press(browser, "Fill in")
    eventually(lambda: "nothing of the image is missing" in shown(browser, ".q-notification")[-1].text)
    shown(browser, ".play-brush canvas")[0].send_keys(" ")
    type_in(browser, "Fills", "2")
    press(browser, "Fill in")
    eventually(lambda: len(shown(browser, ".play-tile")) == 2)


@pytest.mark.browser
def test_no_page_of_a_run_that_is_not_there(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    for name in ("nothing", "..%2F..%2Fetc", "classes/../classes"):
        studio_browser.get(f"{studio_server.address}/play/{name}")
        if ".." not in name:
            eventually(lambda: "there is no run" in studio_browser.find_element(By.TAG_NAME, "main").text)
        assert not shown(studio_browser, "[role=tab]")


@pytest.mark.browser
def test_a_narrow_screen_has_all_of_the_page(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        visit(browser, studio_server, CODES)
        eventually(lambda: len(shown(browser, ".play-tile")) == 36)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
