"""A sweep that is killed 20 times, its driver or a worker, has the rows of one that was never disturbed.

python -m pytest -m slow tests/sweep/test_kills.py      some minutes: each kill costs the start of a command
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest

ROOT = Path(__file__).parent.parent.parent
KILLS = 20


def command(out: Path, *flags: str) -> list[str]:
    small = ["--data", "digits", "--width", "4", "--z", "8", "--batch", "8", "--steps", "60", "--n", "64", "--quiet"]
    over = ["--over", "lr=1e-4:1e30:log", "--over", "margin=5:20", "--sobol", "32", "--seeds", "0", "1"]
    return [sys.executable, "-m", "energan", "sweep", "ebgan-pt-mnist", *small, *over, "--out", str(out), *flags]


def rows(out: Path) -> list[dict[str, Any]]:
    table = pyarrow.parquet.read_table(out / "results.parquet").drop_columns(["seconds"])
    return table.to_pylist()


@pytest.mark.slow
def test_a_sweep_that_is_killed_has_the_rows_of_one_that_is_not(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    quiet: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    whole, killed, chance = tmp_path / "whole", tmp_path / "killed", random.Random(0)
    assert subprocess.run(command(whole), check=False, **quiet).returncode == 0
    kills = {"driver": 0, "worker": 0}
    while sum(kills.values()) < KILLS:
        driver = psutil.Popen(command(killed, "--jobs", "2"), **quiet)
        begun = (killed / "results.jsonl").stat().st_size if (killed / "results.jsonl").exists() else 0
        while driver.poll() is None:  # until it plays
            if (killed / "results.jsonl").exists() and (killed / "results.jsonl").stat().st_size > begun:
                break
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        workers = [child for child in driver.children() if "spawn_main" in " ".join(child.cmdline())]
        if driver.poll() is None and workers and chance.random() < 0.5:
            chance.choice(workers).kill()
            kills["worker"] += 1
            time.sleep(chance.uniform(0, 0.5))
        if driver.poll() is None:
            driver.kill()
            kills["driver"] += 1
        driver.wait()
        if driver.returncode == 0:
            break  # all trials are played: of fewer kills, the number is told below
    print(f"killed: {kills}")
    assert subprocess.run(command(killed, "--jobs", "2"), check=False, **quiet).returncode == 0
    assert rows(killed) == rows(whole) and len(rows(whole)) == 64
    assert {row["state"] for row in rows(whole)} == {"finished", "diverged"}
    lines = (killed / "results.jsonl").read_text().splitlines()
    assert len(lines) == 64  # none twice
    assert sum(kills.values()) >= 10
