"""The studio under load: many sessions draw and score at once while a run trains.

    python -m benchmarks.studio RUN [--sessions 20] [--seconds 60]

The server is on a copy of RUN (one with an energy that draws, such as the demo's), `ebgan-pt-mnist` trains beside it on
one thread. Chromium has a tab for each session. Half of them press *Draw* on Play, the others *Score* on Judge (the
images of `digits`), as soon as the last press was answered. The browser works on the same cores, so the training's loss
of speed is an upper bound. It prints presses and answers, the server's memory before, meanwhile and after the tabs were
closed, and the training's steps a second.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from benchmarks.engine import machine

TRAINED = ("train", "ebgan-pt-mnist", "--data", "digits", "--steps", "1000000", "--save-every", "1000000")

PRESS = """
window.answers = 0; window.presses = 0; window.waits = [];
const named = name => [...document.querySelectorAll('button')].find(b => b.innerText.trim() === name);
let begun = 0, heard = false, name = arguments[0];
window.pressing = true;
window.going = setInterval(() => {
  const button = named(name);
  if (!button) return;
  const waits = button.disabled || button.classList.contains('disabled');
  if (begun && waits) heard = true;                  // the server has the press
  if (begun && heard && !waits) {                    // and has answered it
    window.answers += 1; window.waits.push(performance.now() - begun); begun = 0; heard = false;
  }
  if (!begun && !waits && window.pressing) { begun = performance.now(); window.presses += 1; button.click(); }
}, 20);
"""


GIVE = """
const field = [...document.querySelectorAll('input')].find(i => (i.placeholder || '').startsWith('a folder'));
field.focus(); document.execCommand('insertText', false, 'digits');
"""

FORGOTTEN = 75  # seconds after which a closed page's memory was given back

IDLE = "return window.answers == window.presses;"

COUNT = "return [window.answers, window.presses, window.waits];"


def energan(*words: str) -> "subprocess.Popen[str]":
    """A process of the command line, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "energan", *words], stdout=subprocess.PIPE, text=True, env=environment
    )


def browser(folder: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}",
                 "--disable-background-timer-throttling", "--disable-renderer-backgrounding"):  # fmt: skip
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))


def rate(log: Path, since: float) -> float:
    """Steps a second in the lines of the training's log since then."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return statistics.median(line["steps_per_second"] for line in lines if line.get("seconds", 0) >= since)


def seconds(log: Path) -> float:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return max((line.get("seconds", 0.0) for line in lines), default=0.0)


def press(tabs: webdriver.Chrome, address: str, sessions: int, ready: Callable[[], None]) -> list[tuple[str, str]]:
    """Opens a tab for each session, and has each press its button again and again. Returns (tab, button)."""
    handles = []
    for i in range(sessions):
        tabs.switch_to.new_window("tab")
        tabs.get(f"{address}{('/play/demo', '/judge?run=demo')[i % 2]}")
        handles.append((tabs.current_window_handle, ("Draw", "Score")[i % 2]))
    time.sleep(5)
    for handle, button in handles:
        tabs.switch_to.window(handle)
        if button == "Score":
            tabs.execute_script(GIVE)
    ready()
    for handle, button in handles:
        tabs.switch_to.window(handle)
        tabs.execute_script(PRESS, button)
    return handles


def release(tabs: webdriver.Chrome, handles: list[tuple[str, str]]) -> None:
    """Ends the presses, waits until all are answered or a minute is over, and prints how many were."""
    for handle, _ in handles:
        tabs.switch_to.window(handle)
        tabs.execute_script("window.pressing = false")
    counts: dict[str, tuple[int, int, list[float]]] = {"Draw": (0, 0, []), "Score": (0, 0, [])}
    until = time.monotonic() + 60
    for handle, button in handles:
        tabs.switch_to.window(handle)
        while not tabs.execute_script(IDLE) and time.monotonic() < until:
            time.sleep(0.2)
        answered, presses, waits = tabs.execute_script(COUNT)
        before = counts[button]
        counts[button] = before[0] + answered, before[1] + presses, before[2] + waits
    for button, (answers, presses, waits) in counts.items():
        middle = statistics.median(waits) / 1000 if waits else float("nan")
        print(f"{button}: {presses} presses, {answers} answers, half of them within {middle:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    print(machine(compile=False))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(given.run, folder / "runs" / "demo")
        began = time.monotonic()
        server = energan("studio", "--runs", str(folder / "runs"), "--port", "0")
        assert server.stdout is not None
        link = next(line for line in server.stdout if "?token=" in line).split()[-1]
        print(f"link after {time.monotonic() - began:.1f} s")
        tabs = browser(folder / "profile")
        training = None
        try:
            tabs.get(link)
            print(f"first page, with the browser's start, after {time.monotonic() - began:.1f} s")
            training = energan(*TRAINED, "--out", str(folder / "runs" / "trains"))
            log = folder / "runs" / "trains" / "log.jsonl"
            while not log.exists() or seconds(log) < given.seconds / 2:
                time.sleep(1)
            alone, since, memory = rate(log, 5), [0.0], [0]

            def ready() -> None:
                since[0], memory[0] = seconds(log), psutil.Process(server.pid).memory_info().rss >> 20

            handles = press(tabs, link.partition("/?")[0], given.sessions, ready)
            until = time.monotonic() + given.seconds
            while time.monotonic() < until:
                time.sleep(2)
                memory.append(psutil.Process(server.pid).memory_info().rss >> 20)
            meanwhile = rate(log, since[0] + 2)
            release(tabs, handles)
            print(f"server: {memory[0]} MiB before, {max(memory)} at most, {memory[-1]} at the end")
            print(f"training: {alone:.2f} steps a second alone, {meanwhile:.2f} meanwhile ({meanwhile / alone:.0%})")
            for handle, _ in handles:  # a busy tab does not answer `close`
                tabs.execute_cdp_cmd("Target.closeTarget", {"targetId": handle})
            time.sleep(FORGOTTEN)
            print(f"server: {psutil.Process(server.pid).memory_info().rss >> 20} MiB after the tabs were closed")
        finally:
            tabs.quit()
            server.send_signal(signal.SIGINT)
            server.wait(30)
            if training:
                training.kill()


if __name__ == "__main__":
    main()
