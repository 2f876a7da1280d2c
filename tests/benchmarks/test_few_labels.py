"""The loops by hand of benchmarks.few_labels do what the engine does, on nets too small to time."""

import json
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from benchmarks import few_labels
from energan.engine.game import Batch, Game
from energan.engine.rng import stream, stream_normal
from energan.engine.state import draw

SIZES = (16, 9, 8, 7, 3)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"SHAPE": (1, 4, 4), "HIDDEN": SIZES[1:-1], "CLASSES": SIZES[-1], "BATCH": 6, "Z": 5, "UNITS_LN": 8,
           "UNITS_IMPROVED": 8}  # fmt: skip
    for name, value in few.items():
        monkeypatch.setattr(few_labels, name, value)


def plain(name: str, seed: int = 0, game: Callable[[str, int], Game] = few_labels.game) -> Game:
    """The row's game with an Adam that does not blow up the rounding of slopes that are 0 in truth."""
    made = game(name, seed)
    players = {k: p._replace(optimizer=p.optimizer.with_settings(eps=1e-3)) for k, p in made.players.items()}
    return made._replace(players=players)


def layered(*kinds: Tensor) -> list[Tensor]:
    return list(torch.stack(kinds, 1).split(SIZES, 2))


def drawn(name: str, turn: str, b: Batch) -> list[Tensor]:
    """The engine's random numbers of a turn in the order in which the loop by hand asks for its own."""
    if name == "improved-gan-ssl":
        rows = [3 * len(b.x)] if turn == "D" else [len(b.u), len(b.z)]
        with stream(b.key):
            passes = [[stream_normal(b.x.new_empty(n, width)) for width in SIZES[:-1]] for n in rows]
        return [b.z, *(noise for made in passes for noise in (made if turn == "D" else made[:-1]))]
    if name == "ebgan-ln" and turn == "G":
        return [b.z, *layered(b.n_z)]
    if name == "ebgan-ln" and turn == "D":
        return [b.z, *layered(b.n_x, b.n_u, b.n_z)]
    return layered(b.n_x, b.n_u)


def replay(name: str, start: int) -> Iterator[Tensor]:
    """What One draws by seed 0 for the row's game, from step `start` on."""
    game, source = few_labels.game(name), few_labels.labelled_batches(0, "cpu")
    generator, draws = torch.Generator().manual_seed(0), 0
    for t in range(start, start + 100):
        for turn in game.turns_at(t):
            b = Batch(draw(game, source(draws), generator, torch.float64))
            yield from drawn(few_labels.ROWS[name].game, turn, b)
            draws += 1


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ladder, all costs", 0),
        ("ladder, bottom", 0),
        ("ebgan-ln", 45000),  # where the margin is within the energies of G's images
        ("ebgan-ln", 59998),  # G is off in the third step
        ("ebgan-ln, without G", 60000),
        ("improved-gan-ssl", 0),
    ],
)
def test_both_sides_make_the_same_updates(name: str, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_labels, "game", plain)
    one, hand = few_labels.sides(name, "fp64", "cpu")
    one.t = hand.t = start
    numbers = replay(name, start)

    def next_of(*shape: int, dtype: torch.dtype | None = None) -> Tensor:
        number = next(numbers)
        assert number.shape == shape
        return number

    hand.normal = hand.uniform = next_of  # type: ignore[method-assign]
    for _ in range(3):
        one.step()
        few_labels.ROWS[name].step(hand)
    for letter, player in few_labels.game(name).players.items():
        before = dict(player.net.double().named_parameters())
        theirs = dict((hand.G if letter == "G" else hand.D).named_parameters())
        ours = dict(one.nets[letter].named_parameters())
        far = max(float((theirs[k] - before[k]).detach().abs().max()) for k in before)
        assert far > 0 or (letter == "G" and start == few_labels.SWITCH)
        for k in before:
            torch.testing.assert_close(ours[k], theirs[k], rtol=0, atol=1e-7 * far, msg=lambda m, k=k: f"{k}: {m}")


def test_without_G_there_is_one_turn() -> None:
    assert few_labels.game("ebgan-ln").turns_at(few_labels.ROWS["ebgan-ln, without G"].start) == ("L",)


def test_it_prints_both_halves(capsys: pytest.CaptureFixture[str]) -> None:
    few_labels.main(["--steps", "2", "--models", "2", "--precision", "bf16"])
    said = capsys.readouterr().out
    assert "| system | precision | energan ms | by hand ms | energan / by hand |" in said
    assert "| system | models | loop ms a model | many ms a model | gain |" in said
    assert all(said.count(f"| {name} | bf16 |") == 1 for name in few_labels.ROWS)
    assert all(said.count(f"| {name} | 2 |") == 1 for name in few_labels.MANY)


def test_json_is_of_one_half_where_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    few_labels.main(["--steps", "1", "--models", "2", "--only", "many", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["machine"]["device"] == "cpu" and {row["what"] for row in said["rows"]} == {"many"}
    assert all(row["gain"] > 0 for row in said["rows"])
