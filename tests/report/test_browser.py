"""The report in a real browser, from disk: no console message, no request, and its sliders and buttons work."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from test_classification import make_classifier
from test_inversion import STEPS, make_codes
from test_report import change, make_run, write

from energan.report import write_report

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip

STATUS = ("state", "step", "seconds", "message", "peak_memory_bytes")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the PATH (Debian: chromium)"),
    pytest.mark.skipif(not CHROMEDRIVER, reason="no chromedriver on the PATH (Debian: chromium-driver)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    driver.set_window_size(1200, 900)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("runs") / "first"))


def visit(browser: webdriver.Chrome, page: Path) -> None:
    """Opens the page from disk with the logs emptied, and waits until its script has drawn."""
    browser.get("about:blank")
    messages(browser), requests(browser)
    browser.get(page.resolve().as_uri())
    assert browser.execute_script("return document.readyState") == "complete"


def messages(browser: webdriver.Chrome) -> list[str]:
    """Everything on the console since the last call: errors, warnings, refusals of the content security policy."""
    return [entry["message"] for entry in browser.get_log("browser")]


def requests(browser: webdriver.Chrome) -> list[str]:
    """Addresses asked for since the last call, but for those inside the page."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [address for address in sent if not address.startswith("data:")]


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within ten seconds."""
    end = time.monotonic() + 10
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def controls(browser: webdriver.Chrome, root: str) -> tuple[WebElement, WebElement, WebElement]:
    """The play button, the slider and the shown step of a player."""
    player = browser.find_element(By.ID, root)
    found = (player.find_element(By.TAG_NAME, name) for name in ("button", "input", "output"))
    button, slider, output = found
    return button, slider, output


def drawn(browser: webdriver.Chrome, root: str) -> str:
    """What a player shows: its image, or the outline of its histogram."""
    if root == "sheets":
        return browser.find_element(By.CSS_SELECTOR, "#sheets img").get_attribute("src")
    return browser.find_element(By.CSS_SELECTOR, "#histogram path.fake").get_attribute("d")


def test_the_page_opens_without_a_message_and_without_a_request(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    assert len(browser.find_elements(By.CSS_SELECTOR, "figure.chart path.curve")) == 3 + 1 + 1 + 1 + 2
    assert all(p.get_attribute("d") for p in browser.find_elements(By.CSS_SELECTOR, "path.curve, path.area"))
    assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert messages(browser) == []
    assert requests(browser) == [whole.resolve().as_uri()]


@pytest.mark.parametrize("root", ["sheets", "histogram"])
def test_a_slider_moves_by_keyboard(browser: webdriver.Chrome, whole: Path, root: str):
    visit(browser, whole)
    _, slider, output = controls(browser, root)
    assert output.text == "step 3,000"
    last = drawn(browser, root)
    slider.send_keys(Keys.HOME)
    assert output.text == "step 0"
    first = drawn(browser, root)
    slider.send_keys(Keys.ARROW_RIGHT)
    assert output.text == "step 250"
    assert len({first, drawn(browser, root), last}) == 3
    slider.send_keys(Keys.END)
    assert drawn(browser, root) == last
    assert messages(browser) == []


@pytest.mark.parametrize("root", ["sheets", "histogram"])
def test_play_runs_from_the_start_to_the_end_and_stops(browser: webdriver.Chrome, whole: Path, root: str):
    visit(browser, whole)
    button, slider, output = controls(browser, root)
    last = drawn(browser, root)
    button.send_keys(Keys.SPACE)
    assert button.text == "Pause"
    assert drawn(browser, root) != last
    assert eventually(lambda: int(slider.get_property("value")) >= 2)
    button.click()
    assert button.text == "Play"
    paused = output.text
    time.sleep(0.7)  # longer than one frame
    assert output.text == paused
    slider.send_keys(Keys.END, Keys.ARROW_LEFT)
    button.click()
    assert eventually(lambda: button.text == "Play")
    assert drawn(browser, root) == last
    assert messages(browser) == []


def test_a_click_on_the_map_moves_the_histogram(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    _, _, output = controls(browser, "histogram")
    chart = browser.find_element(By.CSS_SELECTOR, "#histogram .map")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    webdriver.ActionChains(browser).move_to_element(chart).click().perform()
    assert output.text in ("step 1,250", "step 1,500", "step 1,750")  # the map's left margin is the wider one
    assert messages(browser) == []


def test_a_curve_reads_out_its_values(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    chart = browser.find_element(By.CSS_SELECTOR, "figure.chart")
    plot, legend = chart.find_element(By.CSS_SELECTOR, "svg.plot"), chart.find_element(By.CLASS_NAME, "legend")
    assert "last values" in legend.text
    plot.send_keys(Keys.HOME)
    assert "step 0" in legend.text
    chart_data = json.loads(chart.find_element(By.TAG_NAME, "script").get_attribute("textContent"))
    for curve in chart_data["series"]:
        assert f"{curve['points'][0][1]:.4g}" in legend.text
    plot.send_keys(Keys.ARROW_RIGHT)
    assert "step 50" in legend.text
    plot.send_keys(Keys.ESCAPE)
    webdriver.ActionChains(browser).move_to_element(plot).perform()
    assert eventually(lambda: "step 1," in legend.text)
    assert messages(browser) == []


def test_a_logarithmic_axis_can_be_chosen(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    button = browser.find_element(By.CSS_SELECTOR, "figure.chart button.quiet")
    chart = button.find_element(By.XPATH, "..")
    outline = chart.find_element(By.CSS_SELECTOR, "path.curve").get_attribute("d")
    button.send_keys(Keys.SPACE)
    assert button.get_attribute("aria-pressed") == "true"
    assert chart.find_element(By.CSS_SELECTOR, "path.curve").get_attribute("d") != outline


def test_the_command_can_be_copied(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    button = browser.find_element(By.ID, "copy")
    button.send_keys(Keys.SPACE)
    assert eventually(lambda: button.text in ("Copied", "Selected"))


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_wider_than_the_window(browser: webdriver.Chrome, whole: Path, width: int):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        visit(browser, whole)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("kind", ["gan", "bare", "diverged", "hostile", "once"])
def test_odd_runs_open_without_a_message(browser: webdriver.Chrome, tmp_path: Path, kind: str):
    attack = "</script><script>console.error(1)</script><img src=x onerror=console.error(2)>{{ 7 * 7 }}"
    run = tmp_path / "<script>console.error(3)<"
    if kind == "bare":
        run.mkdir()
        write(run / "run.json", {"format": 1})
    else:
        make_run(run, game="gan" if kind == "gan" else "ebgan-pt")
    if kind == "diverged":
        line = {"step": 3100, "logs": {"D/E(x)": 1e30, "D/E(G(z))": None, "D/[m-E(G(z))]+": 0, "G/lost": None}}
        blown = {"step": 3100, "energies": {"edges": [0, 1e6, 1e30], "real": [0, 1], "fake": [0, 0]}}
        with (run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n" + json.dumps(blown) + "\n")
        change(run, status={"state": "diverged", "step": 3100, "message": "E(x) left the finite range."})
    if kind == "hostile":
        change(
            run, recipe=attack, command=attack, arguments={attack: attack}, status={"state": attack, "message": attack}
        )
        with (run / "log.jsonl").open("a") as log:
            log.write(json.dumps({"step": 3100, "logs": {f"D/{attack}": 1.0}}) + "\n")
    if kind == "once":  # one log line, one histogram, one sheet
        whole = (run / "log.jsonl").read_text().splitlines()
        (run / "log.jsonl").write_text("\n".join(line for line in whole if '"step": 250,' in line))
        for path in sorted((run / "samples").iterdir())[1:]:
            path.unlink()
    page = write_report(run)
    visit(browser, page)
    for slider in browser.find_elements(By.CSS_SELECTOR, "input[type=range]"):
        slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT, Keys.END)
    assert messages(browser) == []
    assert requests(browser) == [page.resolve().as_uri()]
    if kind == "once":
        assert browser.find_elements(By.CSS_SELECTOR, "input[type=range]") == []
        assert len(browser.find_elements(By.CSS_SELECTOR, "path.area")) == 2
    if kind == "hostile":
        assert browser.find_element(By.ID, "command").text == attack


@pytest.mark.parametrize("system", ["ladder", "ebgan-ln"])
def test_a_classifiers_run_opens_without_a_message_and_fits_a_phone(
    browser: webdriver.Chrome, tmp_path: Path, system: str
):
    page = write_report(make_classifier(tmp_path / "run", system))
    phone = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        visit(browser, page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    links = browser.find_elements(By.CSS_SELECTOR, "nav a")
    assert all(browser.find_elements(By.CSS_SELECTOR, link.get_attribute("hash")) for link in links)
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg.confusion .hit text")) == 10
    assert messages(browser) == []
    assert requests(browser) == [page.resolve().as_uri()]


def test_the_paths_of_chains_can_be_played_and_fit_a_phone(browser: webdriver.Chrome, tmp_path: Path):
    page = write_report(make_codes(tmp_path / "run"))
    phone = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        visit(browser, page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        _, slider, output = controls(browser, "path")
        for keys, i in ((Keys.NULL, len(STEPS) - 1), (Keys.HOME, 0), (Keys.ARROW_RIGHT, 1)):
            slider.send_keys(keys)
            assert output.text == f"step {STEPS[i]}"
            for row in (0, 9):  # where the sheet lies under a window of its own, in images of 33 pixels
                corner = browser.execute_script(
                    "const tile = document.querySelectorAll('#path .tile')[arguments[0]].getBoundingClientRect();"
                    "const sheet = document.querySelectorAll('#path .tile img')[arguments[0]].getBoundingClientRect();"
                    "const places = [tile.x - sheet.x, tile.y - sheet.y, tile.width];"
                    "return places.map(v => v * 362 / sheet.width);",
                    row,
                )
                assert corner == pytest.approx([33 * i, 33 * row, 32], abs=0.1)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert messages(browser) == []
    assert requests(browser) == [page.resolve().as_uri()]
