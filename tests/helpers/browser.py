"""A real browser, Debian's Chromium, without a window: what it says on its console, and whom it asks."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser of 1200 x 900 pixels, with its profile in that folder; its logs are kept for `said` and `asked`."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    try:
        driver.set_window_size(1200, 900)
        yield driver
    finally:
        driver.quit()


def said(browser: webdriver.Chrome) -> list[str]:
    """Everything on the console since the last call: errors, warnings, refusals of the content security policy."""
    return [entry["message"] for entry in browser.get_log("browser")]


def asked(browser: webdriver.Chrome) -> list[str]:
    """Addresses asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> bool:
    """True once it holds; AssertionError if it never does. What it raises until then is of a page not there yet."""
    until = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return True
        except Exception:
            if time.monotonic() > until:
                raise
        assert time.monotonic() < until
        time.sleep(0.05)
