"""A recipe of anyone's, in the folder one is in: `energan train my.module:recipe`, and all commands after it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_runs import sentence

import energan
from energan.cli import main
from energan.recipes.build import build
from energan.runs.folder import RunFolder

RECIPE = '''"""A least squares GAN whose discriminator scores images, and networks of two layers."""

from torch import nn

from energan import recorded
from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, GeneratorTraining, experiment, resized


@recorded
def generator(z: int, units: int, side: int) -> nn.Module:
    layers = [nn.Linear(z, units), nn.ReLU(), nn.Linear(units, side * side), nn.Tanh()]
    return nn.Sequential(*layers, nn.Unflatten(1, (1, side, side)))


@recorded
class Discriminator(nn.Module):
    def __init__(self, units: int, side: int = 8) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(side * side, units), nn.LeakyReLU(0.2), nn.Linear(units, 1))

    def forward(self, x):
        return self.net(x).flatten()


def small_gan(
    *,
    data: Data = "digits",
    side: int = 8,
    units: int = 32,
    adam: AdamOptions = AdamOptions(lr=2e-3),
    training: GeneratorTraining = GeneratorTraining(steps=6, batch=8, save_every=3, ema=0.9, device="cpu"),
) -> Experiment:
    """A GAN of two layers a network.

    Args:
        side: Pixels a side.
        units: Units of the hidden layer.
    """
    import helper_of_mine

    from energan.games.gan.lsgan import lsgan

    with training.seeded():
        G, D = generator(helper_of_mine.Z, units, side), Discriminator(units, side)
    optimizer = adam.optimizer(training.steps)
    game = lsgan(G, D, helper_of_mine.Z, optimizer_G=optimizer, optimizer_D=optimizer)
    return experiment(game, "lsgan", data, resized(side, 1), training, network="")


TRAINING = GeneratorTraining(steps=1, batch=8, save_every=1, device="cpu")


def undescribed(*, data: str = "digits", training: GeneratorTraining = TRAINING) -> Experiment:
    """Its networks do not say how they were made."""
    from energan.games.gan.lsgan import lsgan

    game = lsgan(nn.Sequential(nn.Linear(8, 64), nn.Unflatten(1, (1, 8, 8))), Discriminator(4), 8)
    return experiment(game, "lsgan", data, resized(8, 1), training, network="")


def not_a_recipe():
    return 1


def wrong(*, data: str = "digits") -> Experiment:
    """It returns something else."""
    return 3


def untyped(*, data="digits", something) -> Experiment:
    """Its arguments have no types."""
'''


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The working folder holds recipes_of_mine.py; nothing of it is left after a test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("recipes_of_mine.py").write_text(RECIPE)
    Path("helper_of_mine.py").write_text("Z = 8\n")
    Path("broken_of_mine.py").write_text("1 / 0\n")
    yield
    for name in ("recipes_of_mine", "helper_of_mine", "broken_of_mine"):
        sys.modules.pop(name, None)


def test_it_is_trained_resumed_sampled_measured_scored_exported_and_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "recipes_of_mine:small_gan", "--units", "16", "--precision", "fp32", "--quiet"]) == 0
    assert "training recipes_of_mine:small_gan on 1541 images of digits in runs/small_gan" in capsys.readouterr().out
    record = RunFolder("runs/small_gan").record
    assert record["recipe"] == "recipes_of_mine:small_gan" and record["status"]["state"] == "finished"
    assert record["arguments"] == {
        "data": "digits", "side": 8, "units": 16, "lr": 2e-3, "beta1": 0.5, "steps": 6, "batch": 8, "save_every": 3,
        "seed": 0, "precision": "fp32", "device": "cpu", "compile": False, "graph": "auto",
        "deterministic": False, "value_range": None, "ema": 0.9,
    }  # fmt: skip
    for command in (
        ["resume", "runs/small_gan", "--steps", "9", "--quiet"],
        ["sample", "runs/small_gan", "--n", "4", "--out", "four.npz"],
        ["evaluate", "runs/small_gan", "--n", "16"],
        ["score", "digits", "--run", "runs/small_gan", "--out", "scores.csv"],
        ["export", "runs/small_gan", "--out", "exported"],
    ):
        assert main(command) == 2 and "--trust recipes_of_mine" in sentence(capsys)
        assert main([*command, "--trust", "recipes_of_mine"]) == 0, command
    assert main(["report", "runs/small_gan"]) == 0
    assert RunFolder("runs/small_gan").record["status"]["step"] == 9
    assert energan.load("runs/small_gan", trust=("recipes_of_mine",)).sample(2).shape == (2, 1, 8, 8)


def test_it_is_benched(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["bench", "recipes_of_mine:small_gan", "--batch", "4", "--repeats", "1", "--no-alternatives", "--json"]
    assert main(told) == 0
    assert json.loads(capsys.readouterr().out)["run"]["batch"] == 4


def test_its_help_is_that_of_its_fields_and_its_docstring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit) as left:
        main(["train", "recipes_of_mine:small_gan", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0 and "A GAN of two layers a network." in said
    assert "Units of the hidden layer. (default: 32)" in said and "Adam's first moment. (default: 0.5)" in said


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("train nowhere_of_mine:it", "the recipe nowhere_of_mine:it cannot be imported (No module named 'nowhere_of_"),
        ("train recipes_of_mine:missing", "has no attribute 'missing'"),
        ("train recipes_of_mine:", "cannot be imported"),
        ("bench broken_of_mine:it", "the recipe broken_of_mine:it cannot be imported (division by zero)"),
        ("train recipes_of_mine:not_a_recipe", "recipes_of_mine:not_a_recipe is not a recipe; write my.module:recipe"),
        ("train os:system", "os:system is not a recipe"),
        ("train recipes_of_mine:wrong", "the recipe recipes_of_mine:wrong returned a int, not an Experiment"),
        ("train recipes_of_mine:small_gan --batch 1", "--batch must be 2 or more, got 1"),
        ("train recipes_of_mine:undescribed", "that has a Sequential (Sequential( (0): Linear(in_features=8"),
        ("train recipes_of_mine:untyped", "the parameter data of recipes_of_mine:untyped has no type"),
    ],
)
def test_bad_input_is_one_sentence(command: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 2
    assert expected in sentence(capsys)
    assert not Path("runs").exists()


def test_a_run_outlives_its_recipe_but_not_its_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "recipes_of_mine:small_gan", "--steps", "1", "--quiet", "--out", "run"]) == 0
    sample = ["sample", "run", "--trust", "recipes_of_mine"]
    source = Path("recipes_of_mine.py").read_text().replace("def small_gan", "def renamed")
    Path("recipes_of_mine.py").write_text(source)
    sys.modules.pop("recipes_of_mine")
    assert main(sample) == 0
    Path("recipes_of_mine.py").write_text(source.replace("class Discriminator", "class Critic"))
    sys.modules.pop("recipes_of_mine")
    capsys.readouterr()
    assert main(sample) == 2
    assert "needs recipes_of_mine:Discriminator, which cannot be imported" in sentence(capsys)


def test_python_builds_it_too() -> None:
    run = build("recipes_of_mine:small_gan", units=4, steps=2)
    assert run.steps == 2 and run.ema == {"G": 0.9} and run.system == "lsgan"
