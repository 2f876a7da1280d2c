"""The list of the campaign: what the papers have."""

import json

import pytest

from energan.data import load
from energan.engine.optimizers import Adam
from energan.lab.few_labels.systems import SYSTEMS
from energan.utils.errors import UserError
from reproductions import table2
from reproductions.campaign.__main__ import chosen
from reproductions.campaign.catalog import catalog
from reproductions.campaign.entry import Conditions
from reproductions.grid import table1

TOY = Conditions(toy=True, device="cpu")
FULL = Conditions(toy=False, device="cpu")


def test_full_length_and_toys_are_the_same_list_under_different_settings() -> None:
    toys, full = catalog(TOY), catalog(FULL)
    assert [entry.name for entry in toys] == [entry.name for entry in full]
    assert len({entry.name for entry in full}) == len(full)
    for toy, entry in zip(toys, full, strict=True):
        assert toy.settings != entry.settings and toy.steps < entry.steps
        assert json.loads(json.dumps(entry.settings)) == entry.settings


def test_names_and_seeds_that_there_are_not_are_refused() -> None:
    entries = catalog(FULL)
    assert [entry.name for entry in chosen(entries, "grid", "3,5-6")] == ["grid-gan", "grid-ebgan"]
    assert chosen(entries, "grid", "3,5-6")[0].seeds == (3, 5, 6)
    for only, seeds, said in (
        ("figure5", "", "there is no 'figure5'"), ("figure9", "3", "has the margins"), ("", "1-x", "such as 0-4,7"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            chosen(entries, only, seeds)
    with pytest.raises(UserError, match="numbered from 0 to 511"):
        chosen(entries, "grid-ebgan", "512")[0].build([512], "cpu")


def test_the_grids_are_the_papers() -> None:
    for which, n in ((table1.EBGAN, 512), (table1.GAN, 6144)):
        found = {tuple(table1.configuration(which, i).values()) for i in range(n)}
        assert len(found) == n == table1.size(which)
    best = {"layers_g": 5, "layers_d": 2, "size_g": 800, "size_d": 1024, "dropout_d": 0.0, "lr": 1e-3}
    assert any(best.items() <= table1.configuration(table1.EBGAN, i).items() for i in range(512))


def test_ladders_of_full_length_have_the_papers_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate falls from step 80,000 of 120,000, or 120,000 of 180,000; the margin and G end at 60,000."""
    monkeypatch.setattr(table2, "_data", lambda name: (load("digits", "train"), load("digits", "test")))
    by_name = {entry.name: entry for entry in table2.entries(FULL)}
    for name, steps, rate in (("table2-ln-100", 120_000, 2e-4), ("table2-ebgan-ln-100", 180_000, 5e-4)):
        entry = by_name[name]
        game = entry.build([0], "cpu").player.game
        adam = game.players["D"].optimizer
        assert isinstance(adam, Adam) and adam.schedule is not None
        assert (entry.steps, adam.lr, adam.beta1, len(entry.seeds)) == (steps, rate, 0.5, 15)
        assert [adam.schedule(t) for t in (0, 2 * steps // 3, 5 * steps // 6)] == [1.0, 1.0, pytest.approx(0.5)]
    assert len(game.turns_at(59_999)) == 2 and len(game.turns_at(60_000)) == 1
    optimizer = game.players["G"].optimizer
    assert isinstance(optimizer, Adam) and optimizer.lr == 2.5e-4
    assert SYSTEMS["improved-gan"].ema(180_000) == 0.9999 and SYSTEMS["improved-gan"].ema(2000) == 1 - 10 / 2000
