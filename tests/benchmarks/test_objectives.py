"""The loops by hand of benchmarks.objectives do what the engine does, on nets too small to time."""

import pytest
import torch

from benchmarks import few_labels, plug_and_play
from benchmarks.objectives import rows, sizes
from benchmarks.objectives.__main__ import main
from energan.games import GAMES


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WIDTH", 4), ("BATCH", 8), ("Z", 8)):
        monkeypatch.setattr(sizes, name, value)


def moved(net: torch.nn.Module, before: torch.nn.Module) -> torch.Tensor:
    """How far a player came from its first weights."""
    pairs = zip(net.parameters(), before.parameters(), strict=True)
    return torch.cat([(after - w).detach().flatten() for after, w in pairs])


@pytest.mark.parametrize("name", rows.ROWS)
def test_both_sides_make_the_same_updates(name: str) -> None:
    one, hand = rows.sides(name, "fp32")
    for _ in range(3):
        one.step()
        rows.ROWS[name].step(hand)
    before = rows.game(name).players
    for letter in hand.of.keys() - {"k", *rows.ROWS[name].still}:
        ours, theirs = (moved(net, before[letter].net) for net in (one.nets[letter], hand.nets[letter]))
        assert float(theirs.abs().max()) > 0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02 * float(theirs.abs().max()))
    if name == "began":
        assert float(one.nets["k"]().detach()) == pytest.approx(hand.k, rel=1e-4) and hand.k > 0


def test_every_game_has_a_row() -> None:
    classifiers = {row.game for row in few_labels.ROWS.values()}
    assert sorted([*classifiers, *rows.ROWS, *plug_and_play.ROWS]) == sorted(GAMES)


def test_it_prints_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--steps", "2", "--only", "lsgan"])
    said = capsys.readouterr().out
    assert "| game | precision | energan ms | by hand ms | energan / by hand |" in said and "| lsgan | fp32 |" in said
