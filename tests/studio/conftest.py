"""A real server on a folder of small runs, and a real browser that has its token."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from browser import CHROMEDRIVER, CHROMIUM, asked, chromium, said
from selenium import webdriver
from small_runs import trained

from energan.studio.trainings import Trainings


class Server(NamedTuple):
    """A server: its address, its link with the token, the folder of its runs, and its process."""

    address: str
    link: str
    runs: Path
    process: subprocess.Popen[str]


def begin(runs: Path, *flags: str) -> Server:
    """Starts `energan studio` on a folder of runs, on any free port."""
    pytest.importorskip("nicegui", reason="needs energan[studio]")
    process = subprocess.Popen(
        [sys.executable, "-m", "energan", "studio", "--runs", str(runs), "--port", "0", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "?token=" not in lines[-1]:  # a library's warning may come before
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    line = lines[-1]
    link = line.split()[-1]
    return Server(link.partition("/?")[0], link, runs, process)


def end(server: Server) -> str:
    """Ends it as Ctrl-C does, and the trainings, which outlive it. Returns what it printed after its link."""
    server.process.send_signal(signal.SIGINT)
    printed = server.process.communicate(timeout=30)[0]
    for training in Trainings(server.runs, at_once=1, threads=1).active().values():
        if not training.waits:
            os.kill(training.pid, signal.SIGKILL)
    return printed


@pytest.fixture(scope="session")
def small_runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run, `first` (ebgan-pt-mnist on digits), to be copied where more is needed."""
    folder = tmp_path_factory.mktemp("runs")
    trained(folder / "first")
    return folder


@pytest.fixture(scope="module")
def studio_server(small_runs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the small runs."""
    runs = tmp_path_factory.mktemp("studio") / "runs"
    shutil.copytree(small_runs_folder, runs)
    server = begin(runs)
    yield server
    end(server)


@pytest.fixture(scope="module")
def studio_browser(studio_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser that has the server's token. At its end it has no message on its console, and asked nobody else."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("no chromium or chromedriver on the PATH")
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(studio_server.link)
        yield driver
        told, addresses = said(driver), asked(driver)
    own = (studio_server.address, "data:", "blob:", "about:", "chrome:")
    assert not told and not [url for url in addresses if not url.startswith(own)]
