"""The site itself, built as `make docs` does (half a minute): whole, and in a browser from disk, with its search."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CHROMEDRIVER, CHROMIUM, asked, chromium, eventually, said
from check import check
from selenium.webdriver.common.by import By

ROOT = Path(__file__).parents[2]
OPENED = (
    "index",
    "systems",
    "systems/ebgan",
    "systems/ppgn",
    "theory",
    "gallery",
    "faq",
    "papers",
    "cli",
    "reference/games",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    return folder


def test_nothing_is_broken_and_nothing_is_fetched(site: Path) -> None:
    assert check(site).faults == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM or not CHROMEDRIVER, reason="no chromium and chromedriver on the PATH")
def test_it_opens_from_disk(site: Path, tmp_path: Path) -> None:
    """No request leaves the machine, no page is wider than a phone, and the search finds."""
    with chromium(tmp_path) as browser:
        browser.set_window_size(390, 800)
        for page in OPENED:
            browser.get((site / f"{page}.html").as_uri())
            wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert browser.execute_script(wider) == 0, page
        browser.set_window_size(1300, 900)
        browser.get((site / "index.html").as_uri())
        field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
        field.click()
        whole = "arguments[0].value = 'pulling-away'; arguments[0].dispatchEvent(new KeyboardEvent('keyup'))"
        browser.execute_script(whole, field)  # at once: "pulling-", half typed, is no query
        found = ".md-search-result__item a[href*='systems/ebgan.html']"
        assert eventually(lambda: browser.find_elements(By.CSS_SELECTOR, found))
        addresses = asked(browser)
        assert addresses and not {urlsplit(url).scheme for url in addresses} & {"http", "https", "ws", "wss"}
        assert said(browser) == []
