"""How busy other programs were while something was timed."""

import subprocess
import sys
import time

import psutil
import pytest

from energan.bench.as_table import as_table
from energan.utils.others import Use, advice, crowded, others_since, use_now


def test_by_hand() -> None:
    """10 seconds, of which all cores worked 30 and we 15: others had 1.5 cores; less than nothing is nothing."""
    assert others_since(Use(5, 100, 7), lambda: Use(15, 130, 22)) == 1.5
    assert others_since(Use(5, 100, 7), lambda: Use(15, 110, 22)) == 0


def test_a_program_that_works_is_seen() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = use_now()
        time.sleep(0.6)
        assert others_since(before) > 0.2
    finally:
        busy.kill()
        busy.wait()


@pytest.mark.parametrize(
    "others, threads, cores, told",
    [(1.0, 2, 2, True), (1.0, 1, 2, False), (0.05, 2, 2, False), (1.5, 1, 2, True), (30.0, 2, 64, False)],
)
def test_crowded_is_more_than_there_is(others: float, threads: int, cores: int, told: bool) -> None:
    assert crowded(others, threads, cores) == told


def test_the_table_says_it_first() -> None:
    zero = {"floor": 1.0, "share": 1.0, "fused_floor": 1.0, "fused_share": 1.0, "flops": 1, "moved": 1}
    results = {
        "machine": {"cpu": "A CPU", "cores": 2, "gpu": None, "others": 1.25},
        "run": {"system": "gan", "precision": "fp32", "batch": 8, "compiled": False, "threads": 2, "step": 1,
                "order": ["D"], "data": "noise"},
        "ceilings": {"operations_per_second": {"float32": 1e9}, "bytes_per_second": [{"moved": 2**20, "rate": 1e9}]},
        "step": {"seconds": 1.0, "quartiles": [1.0, 1.0], "images_per_second": 8.0, "peak_memory": 2**20, **zero},
        "turns": {}, "groups": [], "tried": [], "advice": [],
    }  # fmt: skip
    assert as_table(results).startswith("warning: other programs used 1.2 of 2 cores meanwhile: end them")
    results["machine"]["others"] = 0.01
    assert as_table(results).startswith("gan: batch 8")


@pytest.mark.parametrize(
    ("after", "threads", "cores", "told"),
    [
        (Use(10, 20, 18), 2, 2, ""),  # nearly all of it is this process
        (Use(10, 20, 2), 2, 2, "other programs keep 1.8 of 2 cores at work, and this one's 2 threads wait"),
        (Use(10, 10, 0), 2, 2, "OMP_NUM_THREADS=1 may be many times as fast"),
        (Use(0.1, 0.2, 0), 2, 2, ""),  # too soon to tell
        (Use(10, 20, 2), 1, 2, ""),  # one thread waits for nobody
        (Use(10, 0, 0), 8, 2, ""),  # more threads than cores, and nobody else
        (Use(10, 4, 0), 2, 2, ""),  # little of others
        (Use(10, 13, 0), 3, 4, ""),  # three of four are free, nearly
        (Use(10, 25, 0), 4, 4, "OMP_NUM_THREADS=2 may be"),
    ],
)
def test_who_trains_is_told_of_others_that_need_the_cores(after: Use, threads: int, cores: int, told: str) -> None:
    said = advice(Use(0, 0, 0), threads, cores, lambda: after)
    assert (told in said) if told else said == ""


@pytest.mark.parametrize("error", [PermissionError("hidden"), psutil.AccessDenied(1)])
def test_where_others_cannot_be_seen_there_are_none(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refused() -> None:
        raise error

    monkeypatch.setattr(psutil, "cpu_times", refused)
    before = use_now()
    assert others_since(before, lambda: use_now()._replace(clock=before.clock + 1)) == 0
