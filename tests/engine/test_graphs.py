"""CUDA graphs: what is captured, replayed and given up, on an imitation that runs anywhere; and on CUDA itself."""

import re
from collections.abc import Callable

import pytest
import torch
from small_games import source
from tape import Tape
from torch import Tensor, nn

from energan.data import Batches
from energan.engine import Ensemble, Trainer, leaves
from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.graphs import WARM, CudaRecorder, Graphed
from energan.engine.graphs.looks import Looks
from energan.engine.noise import normal
from energan.engine.optimizers import SGD, Adam, AnnealedSGD, Optimizer, RMSProp, linear_decay, wrappers
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.utils.errors import UserError
from tests.games.test_all_games import SMALL

STEPS = WARM + 5

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def made(name: str, kind: str, device: str = "cpu", precision: str = "fp64") -> Trainer | Ensemble:
    small = SMALL[name]
    if kind == "trainer":
        game = small.build(0, 0)
        averaged = next(k for k, player in game.players.items() if player.optimizer)
        return Trainer(game, source(small, 0), seed=1, precision=precision, device=device, ema={averaged: 0.9})
    games, sources = [small.build(0, i) for i in range(2)], [source(small, i) for i in range(2)]
    return Ensemble(games, sources, seeds=[0, 1], precision=precision, device=device)


def assert_same(a: Trainer | Ensemble, b: Trainer | Ensemble, tolerance: float = 0.0) -> None:
    others = dict(leaves(b.state()))
    for name, value in leaves(a.state()):
        if tolerance and value.is_floating_point():
            torch.testing.assert_close(value, others[name], rtol=tolerance, atol=tolerance)
        else:
            assert torch.equal(value, others[name]), name


# ---- every game, replayed from a tape ----


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "trainer") for name in sorted(GAMES)]
    + [(name, kind) for name in ("gan shared", "wgan-gp shared") for kind in ("trainer", "ensemble")]
    + [(name, "ensemble") for name in ("began", "ebgan-pt", "ladder", "unrolled", "wgan-gp")],
)
def test_every_game_is_captured_and_replayed_to_the_same_bits(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.engine.graphs.graphed.WARM", 1)
    monkeypatch.setattr(wrappers, "cheap_to_look", lambda weights: False)  # as on a GPU
    one, other = made(name, kind), made(name, kind)
    tape = Tape()
    graphed = Graphed(other, recorder=tape)
    for _ in range(4):
        logs, theirs = one.step(), graphed.step()
        assert list(logs) == list(theirs)
        assert all(torch.equal(logs[k].to(theirs[k].dtype), theirs[k]) for k in logs)
    assert_same(one, other)
    assert graphed.captured == tape.captures > 0 and graphed.why == ""


# ---- what changes from step to step ----


def following(b: Batch, value: Tensor) -> Logs:
    return {"t": b.t + 0, "z": b.z.sum(), "loss": value}


def loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    value = (p.D(b.x) - b.x * (b.t + 1) - b.z).square().mean()
    return value, following(b, value)


def syncing(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    value = (p.D(b.x) - b.x).square().mean()
    if bool(value > 0):  # the host looks
        value = value * 2
    return value, following(b, value)


def game(optimizer: Optimizer, objective=loss, order=None) -> Game:
    with seeded(0):
        net = nn.Linear(2, 2)
    turns = {name: (Move(objective, min=("D",)),) for name in ("a", "b")}
    return Game({"D": Player(net, optimizer)}, turns, order=order, noise={"z": normal(2)})


def rows(k: int) -> dict[str, Tensor]:
    return {"x": torch.full((4, 2), 0.1 * k)}


def pair(*arguments, recorder: Tape | None = None, data=rows, graph="auto", **settings):
    one, other = (Trainer(game(*arguments), data, precision="fp64", **settings) for _ in range(2))
    return one, Graphed(other, graph, recorder=recorder or Tape())


FALLING = linear_decay(2, 20)


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(0.1, schedule=FALLING), SGD(0.1, momentum=0.5, schedule=FALLING), RMSProp(0.1, schedule=FALLING),
        AnnealedSGD(0.1, anneal=0.1, schedule=FALLING),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)  # fmt: skip
def test_the_step_its_data_its_noise_and_its_rates_are_not_those_of_the_capture(optimizer: Optimizer) -> None:
    one, graphed = pair(optimizer)
    for t in range(STEPS):
        expected, logs = one.step(), graphed.step()
        assert int(logs["a/t"]) == t
        torch.testing.assert_close(logs, {k: v.to(logs[k].dtype) for k, v in expected.items()})
    assert_same(one, graphed.one, tolerance=1e-5)  # rates are float32 within graphs


def test_each_sequence_of_turns_has_a_graph() -> None:
    one, graphed = pair(SGD(0.1), loss, lambda t: ("a",) if t % 3 else ("a", "b", "a"))
    for t in range(9):
        assert one.step().keys() == graphed.step().keys()
        assert graphed.captured == (0 if t < WARM else 1 if t == WARM else 2)
    assert_same(one, graphed.one)


def test_turns_are_played_once_before_they_are_captured() -> None:
    """A turn that comes late has not chosen its kernels yet."""
    one, graphed = pair(SGD(0.1), loss, lambda t: ("b",) if t >= 6 else ("a",))
    captured = []
    for _ in range(9):
        one.step(), graphed.step()
        captured.append(graphed.captured)
    assert captured == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert_same(one, graphed.one)


def test_microbatches_are_captured() -> None:
    one, graphed = pair(Adam(0.1), microbatches=2)
    for _ in range(STEPS):
        one.step(), graphed.step()
    assert_same(one, graphed.one)
    assert graphed.captured == 1


@pytest.mark.parametrize("flip", [False, True])
def test_a_source_of_two_halves_gathers_within_the_graph(flip: bool) -> None:
    images = torch.randint(256, (10, 1, 1, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batches = Batches(images, None, 4, 0, flip=flip)

    def flat(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        value = (p.D(b.x.flatten(1)) - b.z).square().mean()
        return value, {"x": b.x.sum(), "loss": value}

    one, graphed = pair(SGD(0.1), flat, data=batches)
    for _ in range(STEPS):
        expected, logs = one.step(), graphed.step()
        assert float(expected["a/x"]) == float(logs["a/x"])
    assert_same(one, graphed.one)


def test_a_loaded_state_is_what_the_graph_goes_on_from() -> None:
    _, graphed = pair(Adam(0.1))
    states = []
    for _ in range(STEPS):
        states.append({k: v.clone() for k, v in leaves(graphed.one.state())})
        graphed.step()
    end = dict(leaves(graphed.one.state()))
    end = {k: v.clone() for k, v in end.items()}
    from energan.engine import tree

    graphed.one.load(tree(states[WARM + 1]))
    for _ in range(STEPS - WARM - 1):
        graphed.step()
    assert all(torch.equal(v, end[k]) for k, v in leaves(graphed.one.state()))


def test_logs_of_a_step_stay_when_the_next_is_replayed() -> None:
    _, graphed = pair(SGD(0.1))
    kept = [graphed.step()["a/t"] for _ in range(STEPS)]
    assert [int(t) for t in kept] == list(range(STEPS))


# ---- what cannot be captured ----


def test_a_step_that_looks_at_a_value_is_played_as_ever_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    one, graphed = pair(SGD(0.1), syncing)
    for _ in range(STEPS):
        one.step(), graphed.step()
    assert_same(one, graphed.one)
    assert graphed.captured == 0
    assert re.match(r"the step of a, b cannot be a CUDA graph \(\w+ at engine/test_graphs.py:\d+\)", graphed.why)
    assert capsys.readouterr().err.count("cannot be a CUDA graph") == 1


class Refusing(Tape):
    """A recorder whose captures fail in their midst, as for want of memory."""

    def capture(self, work, generators):
        def broken() -> Tensor:
            work()
            raise RuntimeError("CUDA out of memory.")

        return super().capture(broken, generators)


def test_a_capture_that_fails_leaves_no_trace() -> None:
    one, graphed = pair(Adam(0.1), recorder=Refusing())
    for _ in range(STEPS):
        one.step(), graphed.step()
    assert_same(one, graphed.one)
    assert graphed.captured == 0 and "CUDA out of memory" in graphed.why


def test_a_capture_that_fails_within_a_turn_leaves_no_gradient() -> None:
    """The first move has its gradient when the second fails."""
    failing = [False]

    class Failing(Tape):
        def capture(self, work, generators):
            failing[0] = True
            try:
                return super().capture(work, generators)
            finally:
                failing[0] = False

    def second(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        if failing[0]:
            raise RuntimeError("CUDA out of memory.")
        return loss(p, b)

    def two_moves() -> Trainer:
        made = game(SGD(0.1))
        turns = {"a": (Move(loss, min=("D",)), Move(second, min=("D",)))}
        return Trainer(made._replace(turns=turns), rows, precision="fp64")

    one, graphed = two_moves(), Graphed(two_moves(), recorder=Failing())
    for _ in range(STEPS):
        one.step(), graphed.step()
    assert_same(one, graphed.one)
    assert graphed.captured == 0 and "CUDA out of memory" in graphed.why


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        (lambda x: x + torch.ones(2).to("meta"), "_to_copy"),
        (lambda x: x.clone().copy_(torch.ones(2)), "copy_"),
        (lambda x: x.new_full((2,), 0.5) + torch.where(x > 0, 1.0, x) * torch.ones(()), ""),
    ],
    ids=["to the device", "into a tensor there", "nothing"],
)
def test_copies_between_the_host_and_a_device_are_found(copies: Callable[[Tensor], Tensor], said: str) -> None:
    x, looks = torch.zeros(2, device="meta"), Looks(torch.device("meta"))
    with looks:
        copies(x)
    assert looks.seen.partition(" ")[0] == said


BEGUN = torch.arange(4.0).reshape(4, 1)
OTHERS = {
    "one row": {"x": torch.full((1, 1), 2.0)},
    "more rows": {"x": torch.ones(6, 1)},
    "more data": {"x": torch.ones(4, 1), "y": torch.ones(4)},
    "other numbers": {"x": torch.ones(4, 1, dtype=torch.float64)},
}


@pytest.mark.parametrize("at", [1, WARM + 2], ids=["before the capture", "after it"])
@pytest.mark.parametrize("other", OTHERS)
def test_batches_of_another_kind_are_never_stretched_into_the_graph_s(other: str, at: int) -> None:
    """The noise has the batch's rows, so one row that is copied to four would be another game."""

    def noisy(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        value = (p.D(b.x) - b.x - b.z).square().mean()
        return value, {"loss": value}

    def trainer() -> Trainer:
        with seeded(0):
            players = {"D": Player(nn.Linear(1, 1), SGD(0.1))}
        game = Game(players, {"D": (Move(noisy, min=("D",)),)}, noise={"z": normal(1)})
        return Trainer(game, lambda k: OTHERS[other] if k >= at else {"x": BEGUN})

    one, graphed = trainer(), Graphed(trainer(), recorder=Tape())
    for _ in range(STEPS):
        assert one.step() == graphed.step()
    assert_same(one, graphed.one)
    assert re.search(rf"its data '[xy]' are .* at step {at}, and were ", graphed.why)
    assert graphed.captured == 0
    on = Graphed(trainer(), "on", recorder=Tape())
    with pytest.raises(UserError, match="graph on: the step of D cannot be a CUDA graph"):
        for _ in range(STEPS):
            on.step()


def test_graph_on_is_an_error_where_it_cannot_be() -> None:
    _, graphed = pair(SGD(0.1), syncing, graph="on")
    with pytest.raises(UserError, match=r"^graph on: the step of a, b cannot be a CUDA graph .*; use auto or off$"):
        graphed.step()
    with pytest.raises(UserError, match=r"^graph on needs a CUDA device, and this is cpu: use auto or off$"):
        Graphed(Trainer(game(SGD(0.1)), rows), "on")
    with pytest.raises(UserError, match=r"^graph 'yes' must be auto, on or off$"):
        Graphed(Trainer(game(SGD(0.1)), rows), "yes")  # type: ignore[arg-type]


@pytest.mark.parametrize("graph", ["auto", "off"])
def test_without_a_recorder_steps_are_the_ones_own(graph: str) -> None:
    one, other = (Trainer(game(SGD(0.1)), rows) for _ in range(2))
    graphed = Graphed(other, graph)  # type: ignore[arg-type]
    for _ in range(STEPS):
        assert one.step() == graphed.step()
    assert graphed.captured == 0 and graphed.why == ""


# ---- on CUDA ----


@needs_cuda
@pytest.mark.parametrize("kind", ["trainer", "ensemble"])
@pytest.mark.parametrize("name", sorted(GAMES))
def test_cuda_replays_every_game(name: str, kind: str) -> None:
    one, other = made(name, kind, "cuda"), made(name, kind, "cuda")
    graphed = Graphed(other, "on", recorder=CudaRecorder(other.device))
    for _ in range(STEPS):
        torch.testing.assert_close(graphed.step(), one.step(), check_dtype=False, rtol=1e-5, atol=1e-7)
    assert_same(one, other, tolerance=1e-5)
    assert graphed.captured > 0


@needs_cuda
def test_training_goes_on_after_a_capture_that_cuda_has_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.engine.graphs.looks.waits", lambda func, args: False)  # so that the capture is tried
    one, other = (Trainer(game(SGD(0.1), syncing), rows, device="cuda") for _ in range(2))
    graphed, before = Graphed(other), torch.cuda.current_stream()
    for _ in range(STEPS):
        torch.testing.assert_close(graphed.step(), one.step(), check_dtype=False)
    assert graphed.why and graphed.captured == 0 and torch.cuda.current_stream() == before
    torch.rand(1, device="cuda")
    assert_same(one, other, tolerance=1e-5)
