"""The loops by hand of benchmarks.plug_and_play do what the engine does, on few images."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from benchmarks import plug_and_play
from energan.engine.game import Batch, Game
from energan.engine.rng import stream, stream_uniform
from energan.engine.state import draw
from energan.losses.inversion import pause_rule

RESTS_D, RESTS_G = {"pause_D": 5.0, "resume_D": 50.0}, {"pause_G": 1.5}  # r is near 2 at first
DEFAULT = plug_and_play.game


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plug_and_play, "BATCH", 3)


def replay(name: str) -> Iterator[Batch]:
    """What One draws by seed 0, turn by turn."""
    game, source = plug_and_play.game(name), plug_and_play.coded(name, "fp64", "cpu")
    generator = torch.Generator().manual_seed(0)
    for k in itertools.count():
        yield Batch(draw(game, source(k), generator, torch.float64))


def masks(b: Batch, units: int) -> list[Tensor]:
    """The engine's numbers of D's two layers of dropout: of real and generated images, then where G learns."""
    with stream(b.key):
        one, two, three, four = (stream_uniform(b.x.new_empty(len(b.x), units)) for _ in range(4))
    return [torch.cat([one, three]), torch.cat([two, four]), one, two]


def with_hyperparameters(values: dict[str, float], make: Callable[[str], Game], name: str) -> Game:
    made = make(name)
    return made._replace(hyperparameters={**made.hyperparameters, **values})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "hyperparameters", "rests"),
    [
        *((name, {}, "") for name in plug_and_play.ROWS),
        ("joint-ppgn-h", RESTS_D, "D"),
        ("ppgn-h", RESTS_G, "G"),
    ],
)
def test_both_sides_make_the_same_updates(
    name: str, hyperparameters: dict[str, float], rests: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plug_and_play, "game", partial(with_hyperparameters, hyperparameters, DEFAULT))
    one, hand = plug_and_play.sides(name, "fp64", "cpu")
    numbers_drawn: list[Tensor] = []

    def dropout(x: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
        assert training and p == 0.5
        number = numbers_drawn.pop(0)
        assert number.shape == x.shape
        return x * (number >= p).to(x.dtype) / (1 - p)

    monkeypatch.setattr(torch.nn.functional, "dropout", dropout)
    for step, b in zip(range(3 if rests else 2), replay(name)):  # noqa: B905
        numbers_drawn[:] = masks(b, 32)
        one.step()
        plug_and_play.ROWS[name].step(hand)
        if "D" in hand.nets:
            assert len(numbers_drawn) == (2 if rests == "G" and step else 0)
            assert tuple(one.players.gate().bool().tolist()) == hand.learn == (rests != "D", rests != "G")
    for letter, net in hand.nets.items():
        before, ours = (dict(p.named_parameters()) for p in (DEFAULT(name).players[letter].net, one.nets[letter]))
        theirs = dict(net.named_parameters())
        far = max(float((theirs[k] - before[k]).detach().abs().max()) for k in before)
        assert far > 0
        for k in before:
            torch.testing.assert_close(ours[k], theirs[k], rtol=0, atol=1e-7 * far, msg=lambda m, k=k: f"{k}: {m}")
    assert set(hand.nets) == {k for k, p in DEFAULT(name).players.items() if p.optimizer} - {"gate"}


def test_the_rule_is_the_engines() -> None:
    numbers = {"pause_D": 0.1, "resume_D": 0.5, "pause_G": 10.0}
    for walk in itertools.product((0.01, 0.3, 1.0, 20.0), repeat=4):
        theirs, ours = (True, True), torch.ones(2)
        for r in walk:
            theirs, ours = plug_and_play.rule(theirs, r, numbers), pause_rule(ours, torch.tensor(r))
            assert tuple(ours.bool().tolist()) == theirs, walk


def test_it_prints_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    plug_and_play.main(["--steps", "1", "--only", "joint-ppgn-h", "--precision", "bf16"])
    said = capsys.readouterr().out
    assert "| game | precision | energan ms | by hand ms | energan / by hand |" in said
    assert "| joint-ppgn-h | bf16 |" in said
