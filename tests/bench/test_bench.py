"""`energan bench`: any recipe, what it says, its counts of whole games; and the batch that is fastest."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import COMMON, SMALL, pictures, sentence
from torch import nn

from energan.bench import alternatives, auto_batch, measure, roofline, timing
from energan.bench.operations import GROUPS, Operation
from energan.bench.phases import instrumented, instrumented_source
from energan.bench.roofline import BEYOND, Grouped, Machine
from energan.cli import main
from energan.commands.bench import BenchOptions
from energan.data import ImageSet
from energan.engine import Trainer
from energan.experiment import Experiment
from energan.recipes.build import build
from energan.recipes.catalog import RECIPES
from energan.utils import hardware
from energan.utils.arguments import parameters
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Ceilings in a moment, one thread, and a folder of its own."""
    monkeypatch.chdir(tmp_path)
    small = partial(roofline.ceilings, sides=(32,), sizes=(4096, 2**20), seconds=0.001)
    for module in (measure, alternatives):
        monkeypatch.setattr(module, "ceilings", small)
    monkeypatch.setattr(measure, "others_since", lambda before: 0.0)  # whatever else this machine does
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(recipe: str) -> dict[str, Any]:
    """A recipe's small settings, without --data."""
    return {k: v for k, v in {**SMALL[recipe], **COMMON}.items() if k != "data"}


def flags(recipe: str) -> list[str]:
    told: list[str] = []
    for name, value in settings(recipe).items():
        values = value if isinstance(value, list) else [value]
        told += ["--" + ("" if value is not False else "no-") + name.replace("_", "-")]
        told += [] if isinstance(value, bool) else [str(v) for v in values]
    return told


# ------------------------------------------------------------------------------------------ the command


@pytest.mark.parametrize(
    "recipe",
    ["ebgan-pt-mnist", "wgan-gp-mnist", "unrolled-mnist", "ladder-mnist", "improved-gan-mnist", "dcgan-64",
     "dgn-am-mnist", "sgan-mnist", "began-mnist"],
)  # fmt: skip
def test_any_recipe_is_benched_without_images(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", recipe, *flags(recipe), "--repeats", "1", "--no-alternatives", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"]["data"] == "512 images of noise (--data names your own)" and not list(Path().iterdir())
    run, step = build(recipe, **settings(recipe), data="digits"), found["step"]
    assert found["run"]["step"] == run.steps // 2 and found["run"]["order"] == list(run.game.turns_at(run.steps // 2))
    assert set(found["turns"]) == set(found["run"]["order"])
    for key in ("operations", "flops", "moved"):
        assert sum(turn[key] for turn in found["turns"].values()) == step[key] > 0
    assert sum(turn["floor"] for turn in found["turns"].values()) == pytest.approx(step["floor"])
    assert 0 < step["fused_floor"] <= step["floor"] and 0 < step["floor_products"] <= step["floor"]
    assert step["share"] == pytest.approx(step["floor"] / step["seconds"])
    assert step["images_per_second"] == pytest.approx(8 / step["seconds"])
    groups = found["groups"]
    assert {g["group"] for g in groups} == {*GROUPS, BEYOND}
    assert [g["gap"] for g in groups] == sorted((g["gap"] for g in groups), reverse=True)
    assert sum(g["moved"] for g in groups) == step["moved"] and sum(g["flops"] for g in groups) == step["flops"]
    assert found["tried"] == []


def test_what_it_says(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # two threads on cores that others use are slow to wait for
    assert main(["bench", "wgan-gp-mnist", *flags("wgan-gp-mnist"), "--data", "digits", "--repeats", "2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("wgan-gp: batch 8, fp32, 1541 images of digits\n")
    assert re.search(r"^step 4 \(f, f, G\): [\d.e+]+ ms \(.+ to .+\), \d+ images/s, \d+ MiB at most$", said, re.M)
    assert re.search(r"^f x 2 +[\d.]+ +\S+ +\d+%", said, re.M) and re.search(r"^products +[\d.]+", said, re.M)
    for tried in ("--precision bf16", "--batch 16", "--batch 4"):
        assert re.search(rf"^{tried} +x [\d.]+ +[\d.]+ to [\d.]+ +[\d.]+ to [\d.]+$", said, re.M), said
    assert "OMP_NUM_THREADS" not in said
    assert torch.get_num_threads() == 1 and re.search(r" times the images/s|Nothing that was tried", said)


@pytest.mark.parametrize("recipe", ["gan-mnist", "dcgan-64", "noiseless-ppgn-h-64"])
def test_a_recipe_s_flags_are_those_of_bench_which_needs_no_images(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit):
        main(["bench", recipe, "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    names = [*parameters(RECIPES[recipe]), *(field.name for field in fields(BenchOptions))]
    assert all(f"--{name.replace('_', '-')}" in said for name in names) and "(required)" not in said


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("gan-mnits", "there is no recipe 'gan-mnits': did you mean gan-mnist?"),
        ("gan-mnist --repeats 0", "--repeats must be 1 or more, got 0"),
        ("gan-mnist --batch auto", "--batch auto is for `energan train`"),
        ("gan-mnist --batch 1", "--batch must be 2 or more, got 1"),
        ("gan-mnist --data nowhere", "there is no nowhere"),
        ("dcgan-64 --data mine --batch 64", "a batch of 64 cannot be drawn from 3 images"),
    ],
)
def test_bad_input_is_one_sentence(told: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(Path("mine"), 3)
    assert main(["bench", *told.split()]) == 2
    assert expected in sentence(capsys)


@pytest.mark.parametrize("on", [True, False])
def test_deterministic_steps_are_timed_as_such(on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set[bool]()

    def step(one: Trainer) -> Any:
        seen.add(torch.are_deterministic_algorithms_enabled())
        return played(one)

    played = Trainer.step
    monkeypatch.setattr(Trainer, "step", step)
    arguments = {**COMMON, **SMALL["gan-mnist"], "data": "digits", "deterministic": on}
    measure.measure(partial(build, "gan-mnist"), arguments, repeats=1, alternatives=False)
    assert seen == {on}


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: energan bench RECIPE") and all(name in said for name in RECIPES)
    with pytest.raises(SystemExit) as left:
        main(["bench", "gan-mnist", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "without --data, on images of noise" in " ".join(said.split()) and "--repeats" in said


# ----------------------------------------------------------------------------------------- whole games


def noise_run(recipe: str, **changes: Any) -> tuple[Experiment, ImageSet]:
    run, data, _ = timing.images_of(partial(build, recipe), {**settings(recipe), **changes})
    return run, data


def linears(net: nn.Module, n: int) -> list[int]:
    """Operations of each linear layer's forward, for n images."""
    return [2 * n * layer.weight.numel() for layer in net.modules() if isinstance(layer, nn.Linear)]


def test_a_whole_gan_is_counted_exactly() -> None:
    """Fully connected: every product of a step, by hand; and its updates' bytes."""
    run, data = noise_run("gan-mnist", dropout_d=0.0, optim_d="adam", optim_g="adam")
    step = timing.count(run, data)
    n = run.batch
    nets = {name: player.net for name, player in run.game.players.items()}
    G, D = linears(nets["G"], n), linears(nets["D"], n)
    found = {turn: sum(op.flops for op in step.operations if op.turn == turn) for turn in ("D", "G")}
    # D: G forward, not back; D on images and on samples: forward and weights, and inputs but the first layer's
    assert found["D"] == sum(G) + 2 * (3 * sum(D) - D[0])
    # G: all forward; through D its inputs only; of G weights, and inputs but the first layer's
    assert found["G"] == sum(G) + 2 * sum(D) + 2 * sum(G) - G[0]
    for name, net in nets.items():
        weights = list(net.parameters())
        assert step.updates[name] == 4 * sum(7 * w.numel() + 2 for w in weights)  # Adam: w, m, v twice, g; counts
        moved = sum(op.moved for op in step.operations if op.turn == name and op.name == "_fused_adam_")
        assert moved == 4 * sum(7 * w.numel() + 1 for w in weights)


def test_gradients_inside_a_loss_are_counted() -> None:
    """Unrolled by two: D's steps inside G's objective, which torch.func differentiates, are products of G's turn."""
    flops = []
    for unroll in (1, 2, 3):
        run, data = noise_run("unrolled-mnist", unroll=unroll)
        flops.append(sum(op.flops for op in timing.count(run, data).operations))
    assert flops[1] > flops[0] and flops[2] - flops[1] == flops[1] - flops[0]


def test_a_frozen_net_s_weights_have_no_products() -> None:
    run, data = noise_run("dgn-am-mnist")
    assert any(player.optimizer is None for player in run.game.players.values())
    step = timing.count(run, data)
    assert set(step.updates) == set(run.game.turns_at(0)) and sum(op.flops for op in step.operations) > 0


@pytest.mark.parametrize("recipe", ["wgan-gp-mnist", "unrolled-mnist", "began-mnist"])
def test_a_watched_game_plays_the_same(recipe: str) -> None:
    phases: list[str] = []
    runs = [noise_run(recipe) for _ in range(2)]
    run, _ = runs[0]
    plain, seen = (
        Trainer(instrumented(run.game, mark), instrumented_source(run.batches(data), mark))
        if i
        else Trainer(run.game, run.batches(data))
        for i, ((run, data), mark) in enumerate((r, lambda phase, _: phases.append(phase)) for r in runs)
    )
    for _ in range(3):
        plain.step()
        seen.step()
    a, b = (dict(one.state()["weights"]) for one in (plain, seen))
    for name in a:
        assert all(torch.equal(a[name][k], b[name][k]) for k in a[name])
    steps = 3 * sum(len({*move.min, *move.max}) for turn in run.game.turns_at(0) for move in run.game.turns[turn])
    assert phases[:3] == ["data", "noise", "play"] and phases.count("update") == steps


def test_data_are_kept_few_where_their_codes_are_worked_out() -> None:
    run, data = noise_run("dgn-am-mnist")
    asked: list[int] = []
    key, codes = run.coded or ("", lambda _: torch.zeros(0))

    def few(images: ImageSet) -> torch.Tensor:
        asked.append(len(images.images))
        return codes(images)

    timing.warmed_up(run._replace(coded=(key, few)), data)
    assert asked == [timing.CODED * run.batch]


# -------------------------------------------------------------------------------------- other settings


def test_what_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    run, _ = noise_run("gan-mnist")
    tried = {flag: (arguments, n) for flag, arguments, n in alternatives.changes(run)}
    assert tried.pop("--precision bf16") == ({"precision": "bf16"}, 1)
    assert tried.pop("--batch 16") == ({"batch": 16}, 1) and tried.pop("--batch 4") == ({"batch": 4}, 1)
    assert tried == {"OMP_NUM_THREADS=2": ({}, 2)}
    other = run._replace(batch=3, precision="bf16", compile=True, device="cuda")
    assert [flag for flag, _, _ in alternatives.changes(other)] == [
        "--precision fp32",
        "--batch 6",
        "--graph off",
        "--no-compile",
    ]


def test_the_prediction_by_hand() -> None:
    machine = Machine("cpu", 1, {"float32": 10.0}, ((1, 1.0),))
    groups = [
        Grouped("products", 4.0, 2.0, 20, 0),
        Grouped("elementwise", 1.0, 0.5, 0, 1),
        Grouped(BEYOND, 3.0, 0.0, 0, 0),
    ]
    other = [
        Operation("mm", "products", "D", 60, 0, "float32", 9.0),
        Operation("add", "elementwise", "D", 0, 2, "float32", 9.0),
    ]
    # twice its floor of 6, twice 2, and 3 beyond; or 2 above its floor, 0.5 above, and 3
    assert alternatives.predicted(groups, machine, other) == (12.0 + 4.0 + 3.0, 8.0 + 2.5 + 3.0)


def test_a_setting_that_cannot_be_is_told() -> None:
    run, data = noise_run("gan-mnist")
    base = timing.warmed_up(run, data)
    machine = roofline.ceilings("cpu", sides=(16,), sizes=(4096,), seconds=0.001)

    def make(**_: Any) -> Experiment:
        raise UserError("there is no such thing")

    attempt = partial(alternatives.attempt, base, [], machine, make, data, repeats=1)
    assert attempt(("--x", {}, 1)) == alternatives.Tried("--x", None, None, "there is no such thing")
    assert attempt(("--x", {"batch": 4}, 1)).why == "there is no such thing"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alternatives, "room", lambda device: False)
        assert attempt(("--x", {"batch": 16}, 1)).why == "there may be too little memory"


# ---------------------------------------------------------------------------------------- --batch auto


@pytest.fixture
def images() -> ImageSet:
    return ImageSet(torch.zeros(100, 1, 8, 8, dtype=torch.uint8), None, "some", (), "", "", ())


def speeds(monkeypatch: pytest.MonkeyPatch, rates: dict[int, float]) -> list[int]:
    """Batches run at these images/s; those without a rate do not fit. The list of what was tried fills up."""
    asked: list[int] = []

    def fewest(run: Experiment, data: ImageSet, repeats: int) -> float:
        asked.append(run.batch)
        if run.batch not in rates:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run.batch / rates[run.batch]

    monkeypatch.setattr(auto_batch, "_fewest", fewest)
    return asked


def of(n: int) -> Experiment:
    return build("gan-mnist", **{**settings("gan-mnist"), "batch": n}, data="digits")


@pytest.mark.parametrize(
    ("rates", "best", "asked"),
    [
        ({16: 100, 32: 150, 64: 200}, 64, [16, 32, 64]),  # 128 are not there
        ({16: 100, 32: 150, 64: 153}, 32, [16, 32, 64]),  # no longer worth it
        ({16: 100, 32: 90, 64: 900}, 16, [16, 32]),
        ({16: 100, 32: 150}, 32, [16, 32, 64]),  # out of memory
    ],
)
def test_the_batch_grows_while_it_pays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], images: ImageSet, rates: dict[int, float],
    best: int, asked: list[int],
) -> None:  # fmt: skip
    tried = speeds(monkeypatch, rates)
    assert auto_batch.best_batch(of, images) == best and tried == asked
    said = capsys.readouterr().out
    assert said.endswith(f"--batch {best} is used\n") and "--batch 16: 100 images/s" in said
    assert ("--batch 64: does not fit in memory" in said) == (64 in asked and 64 not in rates)


def test_the_batch_stays_where_memory_is_short(monkeypatch: pytest.MonkeyPatch, images: ImageSet) -> None:
    tried = speeds(monkeypatch, {16: 100, 32: 150})
    monkeypatch.setattr(auto_batch, "room", lambda device: False)
    assert auto_batch.best_batch(of, images) == 16 and tried == [16]
    speeds(monkeypatch, {})
    with pytest.raises(UserError, match=r"^batch auto: not even 16 images fit in the memory of cpu"):
        auto_batch.best_batch(of, images)


def test_the_batch_is_found_of_a_true_run() -> None:
    _, data = noise_run("gan-mnist")
    found = auto_batch.best_batch(of, data._replace(images=data.images[:20]), first=8, repeats=1)
    assert found in (8, 16)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hardware.available_memory() > 2**20
    for peak, fits in ((2**20, True), (2**60, False)):
        monkeypatch.setattr(auto_batch, "peak_memory", lambda peak=peak: peak)
        assert auto_batch.room(torch.device("cpu")) is fits


def test_a_recipe_that_noise_cannot_serve_has_the_images_of_its_default() -> None:
    small = {"width": 2, "units": 4, "size_g": 8, "maps": 2, "batch": 8}
    run, data, words = timing.images_of(partial(build, "conditional-faces"), small)
    assert words == "8636 images of emoji-attributes" and len(data.images) == 8636 and run.coded is not None
    with pytest.raises(UserError, match="lr must be above 0"):
        timing.images_of(partial(build, "conditional-faces"), {**small, "lr": -1.0})
