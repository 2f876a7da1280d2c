"""The laboratory's folder: trials are remembered, stopped and gone on with exactly; its pictures and tables."""

import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from energan.cli import main
from energan.data.toys import ring, source
from energan.engine import Ensemble
from energan.engine.game import Batch
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.lab.figures import animate, bare, field, panels, points, save, spread
from energan.lab.study import Stopped, Study, study
from energan.networks.dense.perceptron import Perceptron
from energan.utils.errors import UserError


def models(seed: int = 0) -> Ensemble:
    games = []
    for i in range(2):
        with seeded(seed + i):
            games.append(GAMES["gan"](Perceptron((2, 4, 2)), Perceptron((2, 4, 1), shape=()), 2))
    return Ensemble(games, [source(ring(), 8, i) for i in range(2)], seeds=[seed, seed + 1])


def watch(many: Ensemble) -> dict[str, Tensor]:
    return {"first": torch.stack([many.players(i).weights("G")["net.0.weight"].flatten()[0] for i in range(2)])}


def never() -> Ensemble:
    raise AssertionError("a finished trial is read, not played")


def test_a_trial_is_looked_at_evenly_and_then_read(tmp_path: Path) -> None:
    with study("x", {"a": 1}, str(tmp_path / "s"), True) as s:
        seen = s.trial("t", models, watch, steps=10, looks=5)
    assert seen["step"].tolist() == [0, 2, 4, 6, 8, 10] and seen["first"].shape == (6, 2)
    assert bool((seen["seconds"].diff() >= 0).all()) and float(seen["seconds"][0]) == 0
    alone = models()
    for _ in range(10):
        alone.step()
    assert torch.equal(seen["first"][-1], watch(alone)["first"])
    with study("x", {"a": 1}, str(tmp_path / "s"), True) as s:
        again = s.trial("t", never, watch, steps=10, looks=5)
    assert all(torch.equal(again[k], v) for k, v in seen.items())


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_trial_goes_on_as_if_it_had_not(tmp_path: Path, name: str) -> None:
    def stopping(many: Ensemble) -> dict[str, Tensor]:
        if many.t == 4:
            os.kill(os.getpid(), getattr(signal, name))
        return watch(many)

    with study("x", {}, str(tmp_path / "whole"), True) as s:
        whole = s.trial("t", models, watch, steps=10, looks=5)
    with pytest.raises(Stopped), study("x", {}, str(tmp_path / "parts"), True) as s:
        s.trial("t", models, stopping, steps=10, looks=5)
    with study("x", {}, str(tmp_path / "parts"), True) as s:
        parts = s.trial("t", lambda: models(7), watch, steps=10, looks=5)  # what it stands on is in the file
    assert torch.equal(parts["first"], whole["first"]) and torch.equal(parts["step"], whole["step"])
    assert not [p for p in tmp_path.rglob(".*") if p.is_file()]


def test_another_study_in_the_folder_is_refused(tmp_path: Path) -> None:
    with study("x", {"a": 1}, str(tmp_path / "s"), True):
        pass
    with pytest.raises(UserError, match="other settings"), study("x", {"a": 2}, str(tmp_path / "s"), True):
        pass
    with pytest.raises(UserError, match="other settings"), study("y", {"a": 1}, str(tmp_path / "s"), True):
        pass
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is no study"), study("x", {}, str(tmp_path / "full"), True):
        pass
    (tmp_path / "s" / "study.json").write_text("{")
    with pytest.raises(UserError, match="damaged"), study("x", {"a": 1}, str(tmp_path / "s"), True):
        pass


def test_a_damaged_trial_is_one_sentence(tmp_path: Path) -> None:
    with study("x", {}, str(tmp_path / "s"), True) as s:
        s.trial("t", models, watch, steps=2, looks=1)
    (tmp_path / "s" / "trials" / "t.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UserError, match="damaged"), study("x", {}, str(tmp_path / "s"), True) as s:
        s.trial("t", never, watch, steps=2, looks=1)


def test_tables_and_results(tmp_path: Path) -> None:
    with study("x", {}, str(tmp_path / "s"), True) as s:
        s.table("One", ("a|b", "c"), [["1", "2"]], "A note.")
        s.table("Two", ("d",), [["3"]])
        s.results({"kl": [1.0, math.nan], "deep": {"inf": math.inf, "n": 3}})
    text = (tmp_path / "s" / "table.md").read_text()
    assert text == "## One\n\n| a\\|b | c |\n| --- | --- |\n| 1 | 2 |\n\nA note.\n\n## Two\n\n| d |\n| --- |\n| 3 |\n\n"
    assert json.loads((tmp_path / "s" / "results.json").read_text()) == {
        "kl": [1.0, None],
        "deep": {"inf": None, "n": 3},
    }
    with study("x", {}, str(tmp_path / "s"), True) as s:
        s.table("Again", ("e",), [])
    assert (tmp_path / "s" / "table.md").read_text().startswith("## Again")  # written anew, not added to


def test_pictures(tmp_path: Path) -> None:
    def draw(i: int):
        figure, axes = panels(1, 2)
        field(axes[0], torch.arange(16.0) * (i + 1), 2.0)
        points(axes[0], torch.randn(5, 2), "red")
        bare(axes[0], "a", 2.0)
        return figure

    save(draw(0), tmp_path / "a.png")
    animate(draw, 3, tmp_path / "a.gif", seconds=0.1)
    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "a.gif") as gif:
        assert png.size == gif.size == (520, 260) and gif.n_frames >= 2
    assert spread([1.0, 3.0]) == "2.00 ± 1.41" and spread(torch.tensor([2]), 1) == "2.0 ± 0.0"


def test_the_field_shows_ranks_from_below() -> None:
    _, (axes,) = panels(1, 1)
    field(axes, torch.tensor([0.0, 1e9, -5.0, 2.0]), 1.0)
    image = axes.get_images()[0]
    assert image.origin == "lower" and image.get_array().tolist() == [[0.25, 0.75], [0.0, 0.5]]


def test_a_batch_needs_no_games_to_be_looked_at() -> None:
    many = models()
    drawn = many.game.sample(many.players(1), Batch({"z": torch.randn(3, 2)}))
    assert drawn.shape == (3, 2)


def test_the_command_tells_where_it_wrote_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [
        "lab",
        "ring",
        "--systems",
        "GAN",
        "--seeds",
        "2",
        "--steps",
        "4",
        "--batch",
        "8",
        "--width",
        "4",
        "--looks",
        "2",
        "--quiet",
    ]
    save_ = Study._save

    def interrupted(self: Study, *arguments: object) -> None:
        save_(self, *arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("energan.lab.study.SAVED", 0.0)
    monkeypatch.setattr(Study, "_save", interrupted)
    assert main(command) == 130
    assert "the same command continues exactly here" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "| GAN |" in said and f"figures and numbers: {Path('lab') / 'ring'}" in said
    assert main(["lab"]) == 0 and "fgan-1d" in capsys.readouterr().out
