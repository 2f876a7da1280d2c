"""The report in a real browser, from disk: no console message, no request, and its sliders and buttons work."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMEDRIVER, CHROMIUM, asked, chromium, eventually, said
from report_runs import (
    CHAIN_STEPS,
    change,
    make_classifier,
    make_codes,
    make_run,
    write,
)
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from energan.report import write_report

STATUS = ("state", "step", "seconds", "message", "peak_memory_bytes")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the PATH (Debian: chromium)"),
    pytest.mark.skipif(not CHROMEDRIVER, reason="no chromedriver on the PATH (Debian: chromium-driver)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


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
    return said(browser)


def requests(browser: webdriver.Chrome) -> list[str]:
    """Addresses asked for since the last call, but for those inside the page."""
    return [address for address in asked(browser) if not address.startswith("data:")]


def controls(browser: webdriver.Chrome, root: str) -> tuple[WebElement, WebElement, WebElement]:
    """The play button, the slider and the shown step of a player."""
    player = browser.find_element(By.ID, root)
    found = (player.find_element(By.TAG_NAME, name) for name in ("button", "input", "output"))
    button, slider, output = found
    return button, slider, output


def drawn(browser: webdriver.Chrome, root: str) -> str:
    """What a player shows: its image, or its histogram."""
    if root == "sheets":
        return browser.find_element(By.CSS_SELECTOR, "#sheets img").get_attribute("src")
    return picture(browser, "#histogram .picture canvas")


def picture(browser: webdriver.Chrome, canvas: str) -> str:
    """What the first such canvas holds, once all that was asked for is drawn."""
    return browser.execute_async_script(
        "const [canvas, done] = arguments;"
        "requestAnimationFrame(() => done(document.querySelector(canvas).toDataURL()));",
        canvas,
    )


def painted(browser: webdriver.Chrome, plot: WebElement, tone: str) -> list[int]:
    """How many pixels of each row of a plot have the colour of this tone of the style sheet, or nearly so."""
    return browser.execute_script(
        "const [plot, tone] = arguments, shown = plot.querySelector('canvas'), {width, height} = shown;"
        "const copy = Object.assign(document.createElement('canvas'), {width, height});"
        "const context = copy.getContext('2d', {willReadFrequently: true});"  # else Chromium warns on the console
        "context.drawImage(shown, 0, 0);"
        "const hex = getComputedStyle(document.documentElement).getPropertyValue('--' + tone).trim();"
        "const rgb = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));"
        "const pixels = context.getImageData(0, 0, width, height).data, rows = Array(height).fill(0);"
        "for (let i = 0; i < pixels.length; i += 4)"
        "  if (pixels[i + 3] > 200 && rgb.every((v, k) => Math.abs(pixels[i + k] - v) < 12))"
        "    rows[Math.floor(i / 4 / width)]++;"
        "return rows;",
        plot,
        tone,
    )


def test_the_page_opens_without_a_message_and_without_a_request(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    charts = browser.find_elements(By.CSS_SELECTOR, "figure.chart")
    assert len(browser.find_elements(By.CSS_SELECTOR, "figure.chart tr.u-series:not(.where)")) == 4 + 1 + 1 + 1 + 2
    for chart in charts:
        series = json.loads(chart.find_element(By.TAG_NAME, "script").get_attribute("textContent"))["series"]
        assert all(sum(painted(browser, chart, s["tone"])) > 50 for s in series)
    histogram = browser.find_element(By.CSS_SELECTOR, "#histogram .picture")
    for tone in ("real", "fake"):
        assert sum(painted(browser, histogram, tone)) > 50
        energies = browser.find_element(By.CSS_SELECTOR, f"#histogram .map.{tone}")
        assert sum(painted(browser, energies, tone)) > 50
        assert sum(row > 100 for row in painted(browser, energies, "line")) >= 3  # the margin, and the axis' one row
    assert sum(row > 200 for row in painted(browser, charts[0], "line")) >= 3
    assert sum(row > 0 for row in painted(browser, histogram, "line")) > 100  # there it is upright
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
    chart = browser.find_element(By.CSS_SELECTOR, "#histogram .map .u-over")
    last = chart.find_element(By.CLASS_NAME, "u-select").rect["x"]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    webdriver.ActionChains(browser).move_to_element(chart).click().perform()
    assert output.text == "step 1,500"  # in the middle of the steps
    assert eventually(lambda: chart.find_element(By.CLASS_NAME, "u-select").rect["x"] < last - 50)
    assert messages(browser) == []


def test_a_curve_reads_out_its_values(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    chart = browser.find_element(By.CSS_SELECTOR, "figure.chart")
    plot, legend = chart.find_element(By.CLASS_NAME, "plot"), chart.find_element(By.CLASS_NAME, "u-legend")
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


def shown_steps(plot: WebElement, legend: WebElement) -> tuple[str, str]:
    """The first and the last step that the keyboard reads."""
    found = []
    for key in (Keys.HOME, Keys.END):
        plot.send_keys(key)
        found.append(re.search("step [0-9,]+", legend.text).group())
    plot.send_keys(Keys.ESCAPE)
    return found[0], found[1]


def test_dragging_zooms_and_a_double_click_shows_all_steps_again(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    chart = browser.find_element(By.CSS_SELECTOR, "figure.chart")
    plot, legend = chart.find_element(By.CLASS_NAME, "plot"), chart.find_element(By.CLASS_NAME, "u-legend")
    assert shown_steps(plot, legend) == ("step 0", "step 3,000")
    over = chart.find_element(By.CLASS_NAME, "u-over")
    quarter = over.size["width"] // 4
    pointer = webdriver.ActionChains(browser)
    pointer.move_to_element_with_offset(over, -quarter, 0).click_and_hold().move_by_offset(2 * quarter, 0).release()
    pointer.perform()
    assert shown_steps(plot, legend) == ("step 750", "step 2,250")
    webdriver.ActionChains(browser).move_to_element(over).double_click().perform()
    assert shown_steps(plot, legend) == ("step 0", "step 3,000")
    assert messages(browser) == []


def test_a_logarithmic_axis_can_be_chosen(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    button = browser.find_element(By.CSS_SELECTOR, "figure.chart button.quiet")
    linear = picture(browser, "figure.chart:has(button) canvas")
    button.send_keys(Keys.SPACE)
    assert button.get_attribute("aria-pressed") == "true"
    assert picture(browser, "figure.chart:has(button) canvas") != linear
    button.send_keys(Keys.SPACE)
    assert button.get_attribute("aria-pressed") == "false"
    assert picture(browser, "figure.chart:has(button) canvas") == linear
    assert len(button.find_elements(By.XPATH, "..//canvas")) == 1


def test_plots_follow_the_page_into_the_dark_and_from_there_onto_paper(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    chart = browser.find_element(By.CSS_SELECTOR, "figure.chart")
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    blues = []
    try:
        for media in ({}, dark, {**dark, "media": "print"}):
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            for tone in ("real", "fake"):
                assert eventually(lambda tone=tone: sum(painted(browser, chart, tone)) > 50)
            style = "return getComputedStyle(document.documentElement).getPropertyValue('--real')"
            blues.append(browser.execute_script(style))
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert blues[0] == blues[2] != blues[1]


def test_plots_follow_the_width_of_the_window(browser: webdriver.Chrome, whole: Path):
    visit(browser, whole)
    try:
        for width in (700, 1200):
            browser.set_window_size(width, 900)
            assert eventually(
                lambda: browser.execute_script(
                    "return [...document.querySelectorAll('.plot')].every(p =>"
                    "  Math.abs(p.querySelector('canvas').width - p.clientWidth) <= 1);"
                )
            )
    finally:
        browser.set_window_size(1200, 900)


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
        for tone in ("real", "fake"):
            assert sum(painted(browser, browser.find_element(By.CSS_SELECTOR, "#histogram .picture"), tone)) > 50
    if kind == "diverged":
        charts = browser.find_elements(By.CSS_SELECTOR, "figure.chart")
        lost = next(chart for chart in charts if chart.find_element(By.TAG_NAME, "h3").text == "lost")
        assert "None of its logged values is finite." in lost.text
        assert lost.find_elements(By.TAG_NAME, "canvas") == []
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
        for keys, i in ((Keys.NULL, len(CHAIN_STEPS) - 1), (Keys.HOME, 0), (Keys.ARROW_RIGHT, 1)):
            slider.send_keys(keys)
            assert output.text == f"step {CHAIN_STEPS[i]}"
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
