"""Where processes run."""

import os
from pathlib import Path

import pytest

from energan.sweep.playing.lanes import Place, places


def nodes(path: Path, *lists: str) -> Path:
    for i, cpus in enumerate(lists):
        (path / f"node{i}").mkdir(parents=True)
        (path / f"node{i}" / "cpulist").write_text(cpus + "\n")
    return path


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def test_processes_are_spread_over_memory_nodes(tmp_path: Path) -> None:
    two = nodes(tmp_path, "0-1,4-5", "2-3,6-7")
    first, second = frozenset({0, 1, 4, 5}), frozenset({2, 3, 6, 7})
    assert places(2, two) == [Place(4, first), Place(4, second)]
    assert places(3, two) == [Place(2, first), Place(4, second), Place(2, first)]
    assert places(1, two) == [Place(8)]  # one process has all


def test_processors_that_are_not_ours_are_left_out(tmp_path: Path) -> None:
    assert places(2, nodes(tmp_path, "0-7", "8-15")) == [Place(4), Place(4)]


@pytest.mark.parametrize("lists", [(), ("0-7",), ("", ""), ("x", "0-"), ("0-3", "\x00")])
def test_without_nodes_threads_are_divided(tmp_path: Path, lists: tuple[str, ...]) -> None:
    assert places(3, nodes(tmp_path, *lists)) == [Place(2)] * 3


def test_omp_num_threads_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert places(4, nodes(tmp_path, "0-3", "4-7")) == [Place(1)] * 4
