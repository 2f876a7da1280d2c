"""The list, a run and the form in a real browser: a run is trained, watched, stopped, resumed, compared."""

import asyncio
import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import eventually
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.studio.conftest import Server

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.studio.pages import PAGES
from energan.studio.pages.cards import TOGETHER
from energan.studio.pages.frame import told
from energan.studio.pages.run import _Run
from energan.studio.runs import Runs
from energan.utils.errors import UserError

pytestmark = pytest.mark.browser

NAME = '<b onmouseover="x">=1+1 🐈'


def main_text(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "main").text


def button(browser: webdriver.Chrome, text: str) -> None:
    found = [b for b in browser.find_elements(By.TAG_NAME, "button") if b.text.upper() == text.upper()]
    found[0].click()


def fill(browser: webdriver.Chrome, label: str, text: str) -> None:
    field = browser.find_element(By.XPATH, f"//input[@aria-label='{label}']")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)
    if label == "data":
        field.send_keys(Keys.ENTER)


def test_a_run_is_trained_watched_stopped_and_resumed(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    browser.get(f"{studio_server.address}/train?recipe=ebgan-pt-mnist")
    eventually(lambda: "Train" in browser.page_source and browser.find_element(By.CSS_SELECTOR, ".studio-line").text)
    for label, text in {"data": "digits", "steps": "100000", "batch": "8", "width": "4"}.items():
        fill(browser, label, text)
    line = "energan train ebgan-pt-mnist --data digits --width 4 --steps 100000 --batch 8 --out ebgan-pt-mnist-1"
    eventually(lambda: browser.find_element(By.CSS_SELECTOR, ".studio-line").text == line)
    button(browser, "train")
    eventually(lambda: browser.current_url.endswith("/run/ebgan-pt-mnist-1"))
    eventually(lambda: "running, step" in main_text(browser))
    button(browser, "stop and save")
    eventually(lambda: "stopped, step" in main_text(browser))
    fill(browser, "until step", "1000")
    button(browser, "go on")
    eventually(lambda: "of 1,000" in main_text(browser))


def test_what_was_filled_in_stays_with_another_recipe(
    studio_server: Server, studio_browser: webdriver.Chrome, tmp_path: Path
) -> None:
    browser = studio_browser
    browser.get(f"{studio_server.address}/train?recipe=gan-mnist")
    eventually(lambda: browser.find_element(By.CSS_SELECTOR, ".studio-line").text)
    for name in ("cat.png", "notes.md"):
        tmp_path.joinpath(name).write_bytes(b"x")
    files = "\n".join(map(str, sorted(tmp_path.iterdir())))
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(files)
    eventually(lambda: "1 picture was dropped, and notes.md, which is no picture" in main_text(browser))
    for label, text in {"steps": "100", "Name of the run": "mine"}.items():
        fill(browser, label, text)
    fill(browser, "Recipe", "wgan-gp-mnist")

    def choose() -> bool:
        items = browser.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")
        next(item for item in items if item.text == "wgan-gp-mnist").click()
        return True

    eventually(choose)
    words = ("energan train wgan-gp-mnist", "/data/dropped-", "-cat-", "--steps 100", "--save-every 20", "--out mine")
    eventually(lambda: all(each in browser.find_element(By.CSS_SELECTOR, ".studio-line").text for each in words))


def test_names_are_text_and_runs_are_compared(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    shutil.copytree(studio_server.runs / "first", studio_server.runs / NAME)
    browser.get(studio_server.address)
    eventually(lambda: NAME in main_text(browser))

    def ticked() -> bool:  # cards are drawn anew when a run has changed
        for box in browser.find_elements(By.CSS_SELECTOR, ".studio-card [role=checkbox]"):
            chosen = box.get_attribute("aria-label") in ("compare first", f"compare {NAME}")
            if chosen and box.get_attribute("aria-checked") != "true":
                box.click()
        return "COMPARE 2" in main_text(browser).upper()

    eventually(ticked)
    button(browser, "compare 2")
    eventually(lambda: len(browser.window_handles) == 2)
    browser.switch_to.window(browser.window_handles[1])
    eventually(lambda: NAME in browser.find_element(By.TAG_NAME, "body").text)
    browser.close()
    browser.switch_to.window(browser.window_handles[0])
    browser.find_element(By.LINK_TEXT, NAME).click()
    eventually(lambda: "finished, step" in main_text(browser) and "Energies" in browser.page_source)
    browser.set_window_size(390, 844)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    browser.set_window_size(1200, 900)


def test_a_run_that_is_not_there_is_told(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    for name in ("no such", "..%2F..%2Fetc"):
        studio_browser.get(f"{studio_server.address}/run/{name}")
        eventually(lambda: "there is no run" in main_text(studio_browser))


def test_a_page_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that awaits is not sent until it has: a browser that waits for 3 seconds gets an error."""
    made: dict[str, Callable[..., object]] = {}

    def registered(path: str) -> Callable[[Callable[..., object]], None]:
        return lambda function: made.update({path: function})

    monkeypatch.setattr("nicegui.ui.page", registered)
    for register in PAGES:
        register(SimpleNamespace())  # type: ignore[arg-type]
    assert {"/", "/run/{name:path}", "/train", "/play", "/play/{run:path}", "/judge", "/label", "/toy"} == set(made)
    assert not [path for path, function in made.items() if inspect.iscoroutinefunction(function)]


def test_of_many_runs_a_part_is_drawn_at_once(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    for i in range(60):
        (studio_server.runs / "many" / f"{i}").mkdir(parents=True)
        (studio_server.runs / "many" / f"{i}" / "run.json").write_text('{"format": 2, "recipe": "x"}')
    studio_browser.get(studio_server.address)
    cards = ".studio-card"
    eventually(lambda: len(studio_browser.find_elements(By.CSS_SELECTOR, cards)) == TOGETHER)
    studio_browser.find_element(By.XPATH, "//*[contains(@class, 'q-pagination')]//button[.='2']").click()
    eventually(lambda: 0 < len(studio_browser.find_elements(By.CSS_SELECTOR, cards)) < TOGETHER)
    fill(studio_browser, "Only runs with", "many/59")
    eventually(lambda: len(studio_browser.find_elements(By.CSS_SELECTOR, cards)) == 1)
    shutil.rmtree(studio_server.runs / "many")


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf"), -50, True, [1], 10**400])
def test_what_no_field_can_hold_is_told(value: object, tmp_path: Path) -> None:
    page = _Run.__new__(_Run)
    page.studio = SimpleNamespace(runs=Runs(tmp_path), trainings=None)  # type: ignore[assignment]
    page.sheets = [(step, tmp_path) for step in range(3)]
    page.step = page.until = page.lr = SimpleNamespace(value=value)  # type: ignore[assignment]
    page.name = "a"
    assert page._place() == 2
    if value is not None:
        (tmp_path / "a").mkdir(exist_ok=True), (tmp_path / "a" / "run.json").write_text("{}")
        for ask in (page._resume, page._restart):
            with pytest.raises(UserError, match="number from"):
                asyncio.run(ask())


@pytest.mark.parametrize("error", [UserError("too late"), RuntimeError("The parent element has been deleted.")])
def test_nobody_is_told_on_a_page_that_was_left(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def notify(*args: object, **kwargs: object) -> None:
        raise RuntimeError("The parent element this slot belongs to has been deleted.")

    client = type("Client", (), {"is_deleted": False})()
    monkeypatch.setattr(
        "energan.studio.pages.frame.ui", SimpleNamespace(context=SimpleNamespace(client=client), notification=notify)
    )

    @told
    async def score() -> None:
        client.is_deleted = True
        raise error

    asyncio.run(score())
