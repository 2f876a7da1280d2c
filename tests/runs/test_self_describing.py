"""A run folder is all that a run needs: run.json has what it was made of, and runs no code but ours."""

import copy
import json
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from small_runs import SMALL, arguments, fingerprint, resumed, sentence, start, steady, trained
from torch import nn

import energan
from energan.cli import main
from energan.engine.game import Game, Player, SamplerSettings
from energan.engine.optimizers import Adam, PauseOnZeroGradient, linear_decay_last, step_at
from energan.engine.rng import seeded
from energan.experiment import DESCRIBED, Experiment
from energan.games.critic_free.gmmn import gmmn
from energan.networks.conv import dcgan
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import frozen, import_network, submodule
from energan.recipes.build import build as build_recipe
from energan.recipes.catalog import RECIPES
from energan.recipes.common import padded_digits
from energan.recipes.plug_and_play import encoder as encoder_module
from energan.runs.folder import RunFolder
from energan.runs.rebuild import NEWER_PARTS, rebuild
from energan.training import loop
from energan.utils.errors import UserError
from energan.utils.specification import build as built
from energan.utils.specification import call_of, describe, recorded
from energan.utils.specification.build import _trusted

TINY = "tiny_encoder:Net"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No metrics."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


@pytest.fixture
def nobody_trusted() -> Iterator[None]:
    token = _trusted.set(())
    yield
    _trusted.reset(token)


def again(value: Any) -> Any:
    """What is built of the text that describes the value."""
    return built(json.loads(json.dumps(describe(value))))


# ---------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -3, 1.0, 0.1, 1e-300, float("inf"), -float("inf"), "", "ü\n", (), (1, (2, "a")), [1, [2]], {},
        {"a": (1,), "b": {"object": 0}}, Adam(3e-4, beta1=0.5), SamplerSettings(clip=(0.0, 30.0)),
        PauseOnZeroGradient(Adam(1e-3)), padded_digits,
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)  # fmt: skip
def test_values_come_back_of_the_same_type(value: Any) -> None:
    found = again(value)
    assert found == value and type(found) is type(value) and repr(found) == repr(value)


def test_nan_and_partials() -> None:
    assert again(float("nan")) != again(float("nan"))
    found = again(partial(padded_digits, "digits", channels=3))
    assert (found.func, found.args, found.keywords) == (padded_digits, ("digits",), {"channels": 3})


def test_defaults_are_written() -> None:
    """A default that changes with a later Energan changes no run of today."""
    assert describe(Perceptron((2, 3)))["calls"][0]["arguments"] == {
        "sizes": [2, 3], "activation": "relu", "norm": False, "shape": None, "scale": 1.0, "init": None,
    }  # fmt: skip


def test_what_is_used_twice_is_one_object_again() -> None:
    net = Perceptron((2, 3))
    pair = (FeatureExtractor(net, ("net",)), {"net": net, "part": submodule(net, "net")})
    extractor, others = again(pair)
    assert others["net"] is extractor.module and others["part"] is extractor.module.net
    assert len(describe(pair)["calls"]) == 3


def test_weights_are_those_of_the_seed_again() -> None:
    """In each block of a seed the objects are made in their order, whatever is made in blocks within."""
    with seeded(4):
        a = Perceptron((2, 3))
        with seeded(5):
            b = Perceptron((2, 3))
        c = Perceptron((2, 3))
    with seeded(4):
        d = Perceptron((2, 3))
    torch.manual_seed(9)
    for one, other in zip((a, b, c, d), again((a, b, c, d)), strict=True):
        assert all(torch.equal(w, v) for w, v in zip(one.parameters(), other.parameters(), strict=True))
    assert torch.equal(a.net[0].weight, d.net[0].weight) and not torch.equal(a.net[0].weight, c.net[0].weight)


def test_schedules_are_those_of_the_new_number_of_steps() -> None:
    value = describe((linear_decay_last(0.5, 20), step_at(0.5, 20)))
    schedule, step = built(value, total_steps=40)
    assert step == 20 and [schedule(t) for t in (20, 30, 40)] == [1.0, 0.5, 0.0]
    schedule, step = built(value)
    assert step == 10 and [schedule(t) for t in (10, 15, 20)] == [1.0, 0.5, 0.0]


# ----------------------------------------------------------------------------------- what the decorator leaves alone


def test_a_recorded_class_is_the_class_it_was() -> None:
    net = dcgan.Discriminator(channels=1, size=8, width=2)
    assert type(net) is dcgan.Discriminator and isinstance(net, nn.Module)
    assert list(net.state_dict()) == [k for k in net.state_dict() if k.startswith("net.")]
    copied = copy.deepcopy(net)
    assert call_of(net) is not None and call_of(copied) is None  # its weights may be changed
    assert call_of(pickle.loads(pickle.dumps(net))) is None
    torch.testing.assert_close(copied(torch.zeros(2, 1, 8, 8)), net(torch.zeros(2, 1, 8, 8)))

    class Wider(dcgan.Discriminator):
        pass

    assert call_of(Wider(channels=1, size=8)) is None


def test_what_is_changed_since_is_not_described() -> None:
    game = gmmn(Perceptron((2, 3)), 2)
    assert again(game).hyperparameters == game.hyperparameters
    with pytest.raises(UserError, match=r"a run cannot be described that has a Game .*energan\.recorded"):
        describe(game._replace(hyperparameters={"margin": 1.0}))
    with pytest.raises(UserError, match="that has a Linear"):
        describe(frozen(nn.Linear(2, 3)))
    with pytest.raises(UserError, match="that has a Tensor"):
        describe((torch.ones(2),))
    with pytest.raises(UserError, match="that has a function"):
        describe({"a": lambda t: 1.0})
    assert describe(frozen(Perceptron((2, 3))))["calls"][1]["arguments"] == {"net": {"object": 0}}


# ------------------------------------------------------------------------------------------------ every recipe


def rates(player: Player, steps: int) -> list[Any]:
    """An optimizer's settings, and what its schedule (a function, so never equal to another) says at each step."""
    if player.optimizer is None:
        return []
    schedule = player.optimizer.schedule
    return [player.optimizer.with_settings(schedule=None), *(schedule(t) if schedule else 1.0 for t in range(steps))]


def turns(game: Game) -> dict[str, Any]:
    def objective(f: Any) -> Any:  # it may have others among its arguments
        if not isinstance(f, partial):
            return f
        return f.func, f.args, {name: objective(value) for name, value in f.keywords.items()}

    return {
        name: [(objective(move.objective), move.min, move.max) for move in moves] for name, moves in game.turns.items()
    }


def same_system(a: Game, b: Game, steps: int) -> None:
    assert list(a.players) == list(b.players) and a.hyperparameters == b.hyperparameters and turns(a) == turns(b)
    assert [a.turns_at(t) for t in range(steps)] == [b.turns_at(t) for t in range(steps)]
    assert list(a.noise) == list(b.noise)
    for name, noise in a.noise.items():
        draws = [f(torch.Generator().manual_seed(1), 3) for f in (noise, b.noise[name])]
        assert torch.equal(*draws)
    for name, player in a.players.items():
        other = b.players[name]
        assert rates(player, steps) == rates(other, steps) and player.projection == other.projection
        weights, others = player.net.state_dict(), other.net.state_dict()
        assert list(weights) == list(others) and repr(player.net) == repr(other.net)
        assert all(torch.equal(others[k], w) for k, w in weights.items())
    assert (a.codes is None) == (b.codes is None) and (a.codes is None or a.codes.chain == b.codes.chain)  # type: ignore[union-attr]
    assert [f is None for f in (a.sample, a.energy, a.logits)] == [f is None for f in (b.sample, b.energy, b.logits)]


@pytest.mark.parametrize("recipe", SMALL)
def test_every_recipe_s_experiment_is_built_again(tmp_path: Path, recipe: str) -> None:
    changes: dict[str, Any] = {"lr": 3e-4, "seed": 5}
    run, data = start(tmp_path / "run", recipe, **changes)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["arguments"] == arguments(recipe, tmp_path / "run", **changes)
    other = rebuild(record)
    same_system(run.game, other.game, 30)
    plain = [k for k in Experiment._fields if k not in ("game", "prepare", "prepare_any", "initialise", "coded")]
    assert [getattr(run, k) for k in plain] == [getattr(other, k) for k in plain]
    assert torch.equal(other.training_set().images, data.images)
    assert torch.equal(other.batches(data)(3)["x"], run.batches(data)(3)["x"])
    assert (other.initialise is None, other.coded is None) == (run.initialise is None, run.coded is None)
    if other.coded and other.game.codes:
        assert other.coded[1].keywords["E"] is other.game.players["E"].net  # type: ignore[attr-defined]
    described = describe({name: getattr(other, name) for name in DESCRIBED})
    assert described == record["experiment"]
    longer = build_recipe(recipe, **arguments(recipe, tmp_path / "run", steps=40, **changes))
    same_system(longer.game, rebuild(record, steps=40).game, 45)


def test_a_run_of_before_captions_is_read(tmp_path: Path) -> None:
    start(tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    del record["experiment"]["value"]["dict"]["sentences"]
    assert rebuild(record).sentences is None
    del record["experiment"]["value"]["dict"]["source"]
    with pytest.raises(UserError, match="its experiment is none"):
        rebuild(record)


# --------------------------------------------------------------------------------- the folder alone, somewhere else

FAMILIES: dict[str, dict[str, Any]] = {
    "ebgan-pt-mnist": {},
    "ebgan-pt-64": {"flip": True, "augment": ("colour", "cutout"), "patches": 64},
    "wgan-gp-mnist": {},
    "gmmn-mnist": {},
    "improved-gan-mnist": {},
    "encoder-mnist": {},
    "sgan-mnist": {"encoder": "an encoder"},
    "latent-discriminators-mnist": {"encoder": "an encoder", "module": "", "code": "E_0", "critics": "x,E_0"},
    "dgn-am-mnist": {"encoder": "an encoder", "module": "", "code": "E_0", "features": "E_0.5", "chain_steps": 2},
}


@pytest.mark.parametrize("recipe", FAMILIES)
def test_the_folder_alone_is_enough(
    tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch, nobody_trusted: None
) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "run"
    changes = dict(FAMILIES[recipe])
    if changes.get("encoder"):
        changes["encoder"] = str(trained(here / "encoder", "encoder-mnist", steps=1))
    images = here / "pictures"
    changes |= {"steps": 4, "save_every": 1, **steady(recipe)}
    whole = trained(here / "whole", recipe, **changes)
    cut = trained(here / "cut", recipe, **{**changes, "steps": 2})
    there.parent.mkdir()
    shutil.move(cut, there)
    expected = fingerprint(RunFolder(whole).checkpoint())
    if images.exists():  # the user's own: what goes on needs them
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
    shutil.rmtree(here / "encoder", ignore_errors=True)
    shutil.rmtree(whole)
    for name in list(RECIPES):
        monkeypatch.delitem(RECIPES, name)
    monkeypatch.setattr(encoder_module, "trained_classifier", lambda *_: pytest.fail("the weights are in the folder"))
    assert resumed(there, steps=4) == "finished"
    assert fingerprint(RunFolder(there).checkpoint()) == expected
    shutil.rmtree(images, ignore_errors=True)
    model, out = energan.load(there), tmp_path / "out"
    shape = RunFolder(there).record["data"]["shape"]
    x = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
    if model.game.energy is not None:
        assert model.score(x).shape == (3,)
    if model.game.logits is not None:
        assert model.probabilities(x).shape == (3, 10)
    if model.game.sample or model.game.codes:
        assert main(["sample", str(there), "--n", "2", "--out", str(tmp_path / "x.png")]) == 0
    assert main(["export", str(there), "--out", str(out)]) == 0
    assert (out / "model.json").is_file()


@pytest.mark.parametrize("recipe", ["improved-gan-mnist", "sgan-mnist", "latent-discriminators-mnist"])
def test_a_run_killed_before_its_first_look_goes_on_elsewhere(
    tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"steps": 3, "save_every": 3}
    if recipe != "improved-gan-mnist":
        changes |= {"encoder": str(trained(tmp_path / "encoder", "encoder-mnist", steps=1))}
    if recipe.startswith("latent"):
        changes |= {"module": "", "code": "E_0", "critics": "x,E_0"}
    whole = trained(tmp_path / "whole", recipe, **changes)
    run, data = start(tmp_path / "killed", recipe, **changes)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("energan.engine.Trainer.step", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        loop.train(run, RunFolder(tmp_path / "killed"), data, quiet=True)
    assert [path.stem for path in RunFolder(tmp_path / "killed").checkpoints()] == ["000000"]
    shutil.rmtree(tmp_path / "encoder", ignore_errors=True)
    assert resumed(tmp_path / "killed") == "finished"
    assert fingerprint(RunFolder(tmp_path / "killed").checkpoint()) == fingerprint(RunFolder(whole).checkpoint())


def test_a_run_that_is_older_than_a_part_of_experiments_is_read(tmp_path: Path) -> None:
    start(tmp_path / "run")
    record = RunFolder(tmp_path / "run").record
    described = record["experiment"]["value"]["dict"]
    assert set(NEWER_PARTS) <= set(described)
    old = {**record["experiment"], "value": {"dict": {k: v for k, v in described.items() if k not in NEWER_PARTS}}}
    assert rebuild({**record, "experiment": old}).sentences is None
    fewer = {**record["experiment"], "value": {"dict": {k: v for k, v in described.items() if k != "game"}}}
    with pytest.raises(UserError, match="its experiment is none"):
        rebuild({**record, "experiment": fewer})


def test_the_classes_of_an_encoder_are_in_run_json(tmp_path: Path) -> None:
    encoder = trained(tmp_path / "encoder", "encoder-mnist", merge="odd=1+3+5+7+9,even=0+2+4+6+8", steps=1)
    inverting = {"code": "E_0", "critics": "x,E_0"}
    for name, changes, expected in (
        ("run", {"encoder": str(encoder), "module": "", **inverting}, ["odd", "even"]),
        ("anyone's", {}, []),
        ("house's", {"module": ""}, [str(i) for i in range(10)]),
    ):
        start(tmp_path / name, "latent-discriminators-mnist", **changes)
        assert RunFolder(tmp_path / name).record["classes"] == expected
    start(tmp_path / "images", "lsgan-mnist")
    assert RunFolder(tmp_path / "images").record["classes"] == [str(i) for i in range(10)]


# ------------------------------------------------------------------------------------------- code of somebody else


def test_code_of_the_user_s_own_is_imported_when_it_is_trusted(
    tmp_path: Path, nobody_trusted: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained(tmp_path / "run", "latent-discriminators-mnist", steps=1)
    monkeypatch.delitem(sys.modules, "tiny_encoder")
    with pytest.raises(UserError, match=r"needs tiny_encoder:Net, .* trust it, say so: --trust tiny_encoder, or"):
        energan.load(folder)
    with pytest.raises(UserError, match="needs tiny_encoder:Net"):
        energan.load(folder, trust=("tiny", "tiny_encoder.Net", ""))
    for command in (["sample", str(folder)], ["resume", str(folder), "--steps", "2"], ["export", str(folder)]):
        assert main(command) == 2 and "--trust tiny_encoder" in sentence(capsys)
    assert "tiny_encoder" not in sys.modules
    assert energan.load(folder, trust=("tiny_encoder",)).nets["E"].module.h[1].out_features == 6
    out = str(tmp_path / "x.png")
    assert main(["sample", str(folder), "--n", "2", "--out", out, "--trust", "tiny_encoder"]) == 0
    with pytest.raises(UserError, match="needs tiny_encoder:Net"):  # until the block ends
        energan.load(folder)


def test_a_trusted_module_that_is_not_there_is_one_sentence(nobody_trusted: None) -> None:
    description = {"calls": [{"call": "no_such_module:Net", "arguments": {}}], "value": {"object": 0}}
    with pytest.raises(UserError, match="needs no_such_module:Net"):
        built(description)
    token = _trusted.set(("no_such_module", "json"))
    with pytest.raises(UserError, match=r"No module named 'no_such_module'"):
        built(description)
    _trusted.reset(token)


def test_classes_of_one_s_own_are_recorded_too(nobody_trusted: None) -> None:
    assert describe(import_network(TINY))["calls"] == [{"call": TINY, "arguments": {}}]

    @recorded
    class Own(nn.Linear):
        pass

    with pytest.raises(UserError, match="is no name such as"):  # a local class cannot be imported again
        again(Own(2, 3))


class Settings(NamedTuple):
    """Not named, so not described."""

    a: int = 1


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "os.system": lambda d: d["calls"].append({"call": "os:system", "arguments": {"command": "touch hostile"}}),
    "a method": lambda d: d["calls"].append({"call": "builtins:exec", "arguments": {"source": "x"}}),
    "ours, undecorated": lambda d: d["calls"].append({"call": "energan.utils.files:write", "arguments": {}}),
    "a module of ours that acts": lambda d: d["calls"].append({"call": "energan.__main__:main", "arguments": {}}),
    "through a module of ours": lambda d: d["calls"].append(
        {"call": "energan.utils.files:os.system", "arguments": {"command": "touch hostile"}}
    ),
    "a package that only begins so": lambda d: d["calls"].append({"call": "energan_evil:Net", "arguments": {}}),
    "a dunder": lambda d: d["calls"].append({"call": "energan.games:__init__", "arguments": {}}),
    "no module of ours": lambda d: d["calls"].append({"call": "energan.nowhere:Net", "arguments": {}}),
    "no name": lambda d: d["calls"].append({"call": "; touch hostile", "arguments": {}}),
    "a path": lambda d: d["calls"].append({"call": "../evil:Net", "arguments": {}}),
    "a name that is a number": lambda d: d["calls"].append({"call": 3, "arguments": {}}),
    "a function": lambda d: d["value"]["dict"].update(prepare={"function": "os:system"}),
    "a partial": lambda d: d["value"]["dict"].update(
        prepare={"partial": "subprocess:run", "positional": ["touch hostile"], "keywords": {}}
    ),
    "an inline call": lambda d: d["value"]["dict"].update(
        source={"call": "os:system", "arguments": {"command": "touch hostile"}}
    ),
    "a context": lambda d: d["calls"].insert(0, {"call": "os:system", "arguments": {}, "within": {"object": 1}}),
    "a context that is none": lambda d: d["calls"][-1].update(within={"object": len(d["calls"]) - 2}),
    "contexts in a circle": lambda d: d["calls"][0].update(within={"object": 0}),
    "a game that is none": lambda d: d["value"]["dict"].update(game=3),
    "arguments that are none": lambda d: d["calls"][1].update(arguments=[1, 2]),
    "arguments of other types": lambda d: d["calls"][1]["arguments"].update(z="many"),
    "too few arguments": lambda d: d["calls"][1].update(arguments={}),
    "more memory than there is": lambda d: d["calls"][1]["arguments"].update(width=10**15),
    "an unknown argument": lambda d: d["calls"][1]["arguments"].update(__class__="x"),
    "a later object": lambda d: d["calls"][0]["arguments"].update(seed={"object": 99}),
    "an object before the first": lambda d: d["value"]["dict"].update(game={"object": -1}),
    "another tag": lambda d: d["value"]["dict"].update(game={"pickle": "gASV"}),
    "a float that is a word": lambda d: d["value"]["dict"].update(flip={"float": "many"}),
    "a missing field": lambda d: d["value"]["dict"].pop("prepare"),
    "one field more": lambda d: d["value"]["dict"].update(steps=3),
    "no calls": lambda d: d.pop("calls"),
    "no value": lambda d: d.pop("value"),
    "calls that are a number": lambda d: d.update(calls=3),
    "calls of numbers": lambda d: d.update(calls=[1, 2]),
    "a value that is text": lambda d: d.update(value="x"),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("runs") / "run", "lsgan-mnist", steps=1)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_description_is_one_sentence_and_runs_nothing(
    honest: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(honest, tmp_path / "run"))
    record = json.loads((folder / "run.json").read_text())
    HOSTILE[name](record["experiment"])
    (folder / "run.json").write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "energan_evil.py").write_text("open('hostile', 'w')\n")
    before = set(sys.modules)
    for command in (["sample", str(folder), "--out", "x.png"], ["resume", str(folder), "--steps", "2"]):
        assert main(command) == 2
        assert len(sentence(capsys)) < 500
    assert {path.name for path in tmp_path.iterdir()} == {"run", "energan_evil.py"}
    assert all(module.startswith("energan.") for module in set(sys.modules) - before)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": 1, "experiment": ' + '{"a":' * 100_000])
def test_text_nested_beyond_any_stack_is_one_sentence(
    honest: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(honest, tmp_path / "run"))
    (folder / "run.json").write_text(text)
    assert main(["sample", str(folder)]) == 2
    assert "is damaged" in sentence(capsys)


def test_values_nested_beyond_the_stack_are_one_sentence() -> None:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(UserError, match="RecursionError"):
        built({"calls": [], "value": value})
    with pytest.raises(UserError, match="a run cannot be described that has a Settings"):
        describe(Settings())
