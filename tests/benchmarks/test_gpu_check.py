"""The check of a GPU, run on the CPU: what it finds right, and that it finds what is wrong."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tape import Tape

from benchmarks.gpu import check, games, outcome, small
from benchmarks.gpu.outcome import Finding, Item, Setting
from energan.engine import graphs
from energan.engine.game import Game, Move
from energan.engine.graphs import Graphed
from energan.games import GAMES
from energan.recipes.catalog import RECIPES

CPU = ["--device", "cpu", "--jobs", "1"]
SOME = "|".join(
    [
        r"^(fp32|bf16|many|graph|graph of many)\b.*: (gan|ebgan-pt convolutional|ladder|ppgn-h)$",
        "^graph: a game that waits",
        "^engine",
        "^recipe: (gan-mnist|improved-gan-mnist|ppgn-h-mnist)$",
        "^estimator",
        "^command: (resume|sample|score)$",
    ]
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """References are made anew: a test may spoil what they are made of."""
    games.start.cache_clear()
    games.reference.cache_clear()
    yield
    games.start.cache_clear()
    games.reference.cache_clear()


def test_every_game_and_recipe_is_checked() -> None:
    titles = [item.title for item in check.items()]
    assert len(set(titles)) == len(titles)
    for kind in ("fp32, three steps", "bf16, three steps", "many as one", "graph", "graph of many"):
        checked = {title.removeprefix(f"{kind}: ").split()[0] for title in titles if title.startswith(f"{kind}: ")}
        assert set(GAMES) <= checked, kind
    assert {f"recipe: {name}" for name in RECIPES} <= set(titles)


@pytest.mark.slow
def test_the_cpu_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = check.main([*CPU, "--only", SOME, "--json", str(tmp_path / "found.json")])
    said = capsys.readouterr().out
    assert code == 0, said
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["faults"] == 0 and not found["stopped"]
    assert {item["result"] for item in found["items"]} <= {"right", "skipped"}
    measured = [item for item in found["items"] if item["group"].startswith(("fp32", "bf16"))]
    assert all(0 < item["deviation"] <= item["tolerance"] for item in measured if item["group"].startswith("bf16"))
    assert "| bf16, three steps: 4 items | right |" in said


@pytest.mark.slow
def test_everything_is_right_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    but_compiled = ["--only", "^(?!compiled)"]  # the tests' own shape checks of losses cannot be traced
    assert check.main(["--device", "cpu", *but_compiled]) == 0, capsys.readouterr().out


# ---- faults that are planted are found ----


def spoiled(game: Game, turn: str, spoil: Callable[[Any], Any]) -> Game:
    """The game, of which one turn's losses are others."""

    def of(move: Move) -> Move:
        def objective(p: Any, b: Any) -> Any:
            loss, logs = move.objective(p, b)
            return spoil(loss), logs

        return move._replace(objective=objective)

    return game._replace(turns={**game.turns, turn: tuple(of(move) for move in game.turns[turn])})


def spoil(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Game], Game]) -> None:
    """From now on the small game is another, but references are what they were."""
    games.start(name), games.reference(name), games.reference(name, "bf16")
    build = small.build
    monkeypatch.setattr(small, "build", lambda name, i=0: change(build(name, i)))


@pytest.fixture
def at(tmp_path: Path) -> Setting:
    return Setting("cpu", tmp_path)


@pytest.mark.parametrize("name", ["gan", "ebgan-pt convolutional", "hinge", "improved-gan-ssl"])
@pytest.mark.parametrize("turn", ["D", "G"])
@pytest.mark.parametrize(("factor", "kinds"), [(-1, ["fp32", "bf16"]), (2, ["fp32", "bf16"]), (1.01, ["fp32"])])
def test_a_wrong_sign_and_a_wrong_scale_are_found(
    monkeypatch: pytest.MonkeyPatch, at: Setting, name: str, turn: str, factor: float, kinds: list[str]
) -> None:
    """A loss that is one percent off is beyond fp32's tolerance, if not beyond bf16's."""
    spoil(monkeypatch, name, lambda game: spoiled(game, turn, lambda loss: factor * loss))
    for kind in kinds:
        assert getattr(games, kind)(name, at).fault, kind


def test_other_noise_is_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    spoil(monkeypatch, "lsgan", lambda game: game._replace(noise={"z": lambda g, n: game.noise["z"](g, n) * 1.01}))
    assert games.fp32("lsgan", at).fault


def test_other_masks_of_dropout_are_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    games.reference("ebgan-pt dropout")
    monkeypatch.setattr(small, "_key", lambda generator, n: torch.full((n,), 5))
    assert games.fp32("ebgan-pt dropout", at).fault


def test_a_loss_that_is_no_number_is_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    spoil(monkeypatch, "gan", lambda game: spoiled(game, "G", lambda loss: loss * float("nan")))
    assert games.fp32("gan", at).fault == f"deviates by nan, of which {outcome.FP32:.2g} may be rounding"


def test_bf16_that_is_not_used_is_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    trainer = small.trainer
    monkeypatch.setattr(small, "trainer", lambda name, device, precision: trainer(name, device, "fp64"))
    with pytest.raises(AssertionError, match="nothing was rounded"):
        games.bf16("gan", at)


def test_models_that_are_not_each_the_model_alone_are_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    """Models that all have the first one's data and hyperparameters."""
    assert not games.many("gan", at).fault
    build = small.build
    many = small.Ensemble
    monkeypatch.setattr(small, "ensemble", lambda name, device, models: many(
        [small.portable(build(name, 0)) for _ in range(models)], [small.source(name, 0)] * models, seeds=range(models),
        device=device,
    ))  # fmt: skip
    assert games.many("gan", at).fault


# ---- graphs, by an imitation of CUDA's that runs anywhere ----


def on_tape(monkeypatch: pytest.MonkeyPatch, recorder: type[Tape]) -> None:
    """The CPU is taken for a device that has graphs."""
    monkeypatch.setattr(Setting, "cuda", True)
    monkeypatch.setattr(graphs, "Graphed", lambda one: Graphed(one, recorder=recorder()))


@pytest.mark.parametrize("kind", ["graph", "graph_of_many"])
@pytest.mark.parametrize("name", ["gan", "ebgan-pt convolutional", "wgan"])
def test_a_step_that_is_replayed_is_right(monkeypatch: pytest.MonkeyPatch, at: Setting, kind: str, name: str) -> None:
    on_tape(monkeypatch, Tape)
    found = getattr(games, kind)(name, at)
    assert not found.fault and found.note == ""


@pytest.mark.filterwarnings("ignore")  # that kernels are launched one by one
def test_a_game_that_waits_is_played_eagerly(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    on_tape(monkeypatch, Tape)
    found = games.waits(at)
    assert not found.fault and "cannot be a CUDA graph" in found.note


@pytest.mark.parametrize("kind", ["graph", "graph_of_many"])
def test_a_graph_that_does_nothing_is_found(monkeypatch: pytest.MonkeyPatch, at: Setting, kind: str) -> None:
    class Stale(Tape):
        def capture(self, work: Any, generators: Any) -> Any:
            result = super().capture(work, generators)()
            return lambda: result

    on_tape(monkeypatch, Stale)
    assert getattr(games, kind)("gan", at).fault


def test_a_graph_that_is_never_captured_is_found(monkeypatch: pytest.MonkeyPatch, at: Setting) -> None:
    monkeypatch.setattr(Setting, "cuda", True)
    with pytest.raises(AssertionError, match="no graph after 12 steps"):
        games.graph("gan", at)


# ---- faults, interruptions and wrong flags are told ----


def replaced(monkeypatch: pytest.MonkeyPatch, *runs: Callable[[Setting], Finding]) -> None:
    made = [Item("group", f"item {i}", run) for i, run in enumerate(runs)]
    monkeypatch.setattr(check, "items", lambda: made)


def raising(error: BaseException) -> Callable[[Setting], Finding]:
    def run(at: Setting) -> Finding:
        raise error

    return run


def test_a_fault_stops_no_other_item(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, far = raising(RuntimeError("CUDA error:\n no | kernel")), lambda at: Finding(0.5, 0.1)
    replaced(monkeypatch, lambda at: Finding(0.1, 0.2), lost, far, raising(outcome.SkippedError("there is none")))
    assert check.main([*CPU, "--json", str(tmp_path / "found.json")]) == 1
    said = capsys.readouterr().out
    assert "| group: item 0 | right | 1.0e-01 | 2.0e-01 |" in said
    assert "| group: item 1 | fault: RuntimeError: CUDA error: no \\| kernel | – | – |" in said
    assert "| group: item 2 | fault: deviates by 0.5, of which 0.1 may be rounding | 5.0e-01 | 1.0e-01 |" in said
    assert "| group: item 3 | skipped: there is none |" in said
    items = json.loads((tmp_path / "found.json").read_text())["items"]
    assert [item["result"] for item in items] == ["right", "fault", "fault", "skipped"]
    assert "Traceback" in items[1]["trace"] and "CUDA error" in items[1]["trace"]


def test_an_interruption_shows_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(monkeypatch, lambda at: Finding(0.1, 0.2), raising(KeyboardInterrupt()), lambda at: Finding())
    assert check.main([*CPU, "--json", str(tmp_path / "found.json")]) == check.STOPPED
    said = capsys.readouterr().out
    assert "| group: item 0 | right |" in said and "1 of 3 items in" in said and "interrupted" in said
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["stopped"] and len(found["items"]) == 1


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--device", "tpu"], "--device tpu: not a device"),
        ([*CPU, "--only", "nothing"], "--only 'nothing' is found in no item"),
        ([*CPU, "--only", "("], "is not a regular expression"),
        ([*CPU, "--only", "ebgan", "--jobs", "0"], "--jobs must be 1 or more"),
        ([*CPU, "--only", "ebgan", "--json", "/proc/found.json"], "cannot write /proc/found.json"),
    ],
)
def test_wrong_flags_are_one_sentence(flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(flags) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    only = "^(fp32|bf16), three steps: (gan|hinge)$"
    found = []
    for jobs in ("1", "2"):
        path = tmp_path / f"{jobs}.json"
        assert check.main(["--device", "cpu", "--jobs", jobs, "--only", only, "--json", str(path)]) == 0
        items = json.loads(path.read_text())["items"]
        found.append({(item["group"], item["name"]): item["deviation"] for item in items})
    assert len(found[0]) == 4 and found[0].keys() == found[1].keys()
    assert all(found[1][key] == pytest.approx(value, rel=0.5) for key, value in found[0].items() if key[0] == "bf16")
