"""The campaign, at toy length on the CPU: the same code as at full length on a GPU."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_campaign import Interrupted, interrupted, lines, pictures, play, small_networks, tensors

from reproductions.campaign import piece, records
from reproductions.campaign.budget import Budget
from reproductions.campaign.catalog import catalog
from reproductions.campaign.entry import Conditions, Entry, Look, Models
from reproductions.campaign.piece import Folders, Piece

__all__ = ["interrupted", "small_networks"]  # fixtures

TOY = Conditions(toy=True, device="cpu")


SOME = ("table2-ebgan-ln-100", "figure9", "cgan", "grid-ebgan")


@pytest.mark.parametrize(
    "names",
    [SOME, pytest.param(tuple(entry.name for entry in catalog(TOY)), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_entries_are_played_once_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...]
) -> None:
    only = ("--only", ",".join(names))
    assert play(tmp_path, *only) == 0
    assert "all is finished" in capsys.readouterr().out
    entries = [entry for entry in catalog(TOY) if entry.name in names]
    assert len(entries) == len(names)
    for entry in entries:
        found = records.furthest(records.read(tmp_path / "results", entry.name))
        assert set(found) == set(entry.seeds)
        assert {line["step"] for run in found.values() for line in run.lines} == entry.due()
        assert list((tmp_path / "results" / entry.name).glob("*.png"))
    assert max(path.stat().st_size for path in (tmp_path / "results").rglob("*.*")) < 2**20
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert play(tmp_path, *only, "--minutes", "1") == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == before
    capsys.readouterr()
    assert play(tmp_path, *only, "--plan", "--table") == 0
    told = capsys.readouterr().out
    assert "Toys: these numbers show that all of it runs, and nothing else." in told
    assert "all together: 0:00" in told and "1.04 ± 0.12" in told and "No results" not in told


@pytest.mark.parametrize(
    ("entry", "seeds"),
    [
        ("figure4-ebgan-pt", "0"),
        pytest.param("table2-ebgan-ln-100", "0-1", marks=pytest.mark.slow),
        *(pytest.param(name, "0", marks=pytest.mark.slow) for name in ("improved-gan-100", "thesis-random")),
    ],
)
def test_an_interrupted_campaign_ends_with_the_same_bits(
    tmp_path: Path, interrupted: type[Interrupted], entry: str, seeds: str
) -> None:
    """A Trainer, an Ensemble, averaged weights, turns drawn at random; stopped at looks and between them."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    asked = ("--only", entry, "--seeds", seeds)
    assert play(whole, *asked) == 0
    interrupted.steps, interrupted.at = (1, 2, 3), staticmethod(lambda: os.kill(os.getpid(), signal.SIGTERM))
    codes = [play(parts, *asked)]
    while codes[-1]:
        codes.append(play(parts, *asked))
    assert codes == [130] * (len(codes) - 1) + [0] and len(codes) > 2
    assert tensors(whole).keys() == tensors(parts).keys()
    assert all(torch.equal(w, tensors(parts)[k]) for k, w in tensors(whole).items())
    assert lines(whole, entry) == lines(parts, entry) != []
    assert pictures(whole) == pictures(parts)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_stops(tmp_path: Path, interrupted: type[Interrupted], number: int) -> None:
    interrupted.steps, interrupted.at = (3,), staticmethod(lambda: os.kill(os.getpid(), number))
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 130
    assert piece.about(next((tmp_path / "state").glob("figure4-gan-0*")))["step"] == 3
    assert play(tmp_path, "--only", "figure4-gan", "--seeds", "0") == 0


@pytest.mark.parametrize("entry", ["figure4-gan", pytest.param("table2-ln-100", marks=pytest.mark.slow)])
def test_a_killed_process_repeats_what_it_did_not_save_and_counts_no_look_twice(
    tmp_path: Path, interrupted: type[Interrupted], entry: str
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert play(whole, "--only", entry) == 0

    def die() -> None:
        interrupted.steps = ()
        raise MemoryError

    interrupted.steps, interrupted.at = (4,), staticmethod(die)
    with pytest.raises(MemoryError):
        play(parts, "--only", entry)
    assert play(parts, "--only", entry) == 0
    assert lines(whole, entry) == lines(parts, entry)
    assert all(torch.equal(w, tensors(parts)[k]) for k, w in tensors(whole).items())


class Clock:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(clock: Clock, step: float, look: float) -> Entry:
    """An entry of a small model, whose steps and looks take so long by the clock."""
    (toy,) = (entry for entry in catalog(TOY) if entry.name == "figure4-ebgan")

    def build(seeds: Any, device: str) -> Models:
        clock.now += 2 * look
        player = toy.build(seeds, device).player
        played = player.step

        def stepped() -> Any:
            clock.now += step
            return played()

        player.step = stepped  # type: ignore[method-assign]

        def looked() -> Look:
            clock.now += look
            return Look({"value": [float(player.t)]})

        return Models(player, looked)

    return toy._replace(build=build, steps=40, looks=8, seeds=(0, 1))


@pytest.mark.parametrize("minutes", [0.2, 1.0, 1.1, 1.7, 2.0, 3.0])
@pytest.mark.parametrize("look", [0.2, 9.0])
def test_a_piece_never_runs_over_and_all_pieces_together_play_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, look: float
) -> None:
    clock, write = Clock(), piece.write_weights
    monkeypatch.setattr(piece, "WAITED", 1.0)

    def slow_write(*arguments: Any) -> Any:
        clock.now += 1.5
        return write(*arguments)

    monkeypatch.setattr(piece, "write_weights", slow_write)
    entry, folders = timed(clock, 1.0, look), Folders.of(tmp_path)
    where = Conditions(toy=False, device="cpu")
    monkeypatch.setitem(piece.FIRST, "cpu", 40.0)
    played = 0
    for _ in range(60):
        began = clock.now
        budget = Budget(minutes, [], began, clock)
        ended = [Piece(entry, unit, folders, where).play(budget) for unit in entry.units()]
        assert clock.now <= began + 60 * minutes
        played += 1
        if all(ended):
            break
        clock.now = began + 60 * minutes
    found = records.furthest(records.read(folders.results, entry.name))
    if minutes <= 1.0:  # what was never measured needs more, so nothing was begun
        assert played == 60 and not found
        return
    assert all(ended)
    for run in found.values():
        assert [line["step"] for line in run.lines] == sorted(entry.due())
        assert [run.value("value", line) for line in run.lines] == sorted(entry.due())
