"""A run folder back into an Experiment or a Model. All that it takes is in the folder: no recipe, no other run."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from energan.engine.game import Batch, Game, Players
from energan.engine.isolation import isolated
from energan.engine.optimizers import Optimizer
from energan.experiment import DESCRIBED, SETTINGS, Experiment, recorded_range
from energan.inference.chunks import chunk_size
from energan.inference.model import Model
from energan.inference.modules import inputs
from energan.runs.checkpoints import Checkpoint, read_checkpoint
from energan.runs.folder import RunFolder
from energan.runs.memory.bounds import bounded_memory
from energan.runs.references import run_folder as folder_of
from energan.runs.temperature import read_temperature
from energan.utils.errors import UserError
from energan.utils.hardware import pick_device
from energan.utils.specification import build, trusting

DAMAGED = "this run's run.json is damaged"

# settings that older runs do not record
NEWER: dict[str, Any] = {
    "graph": "auto", "deterministic": False, "stop_when_flat": 0, "balanced": False, "calibration": 0.0,
}  # fmt: skip

# parts of an experiment that older runs do not describe
NEWER_PARTS: dict[str, Any] = {"sentences": None, "domains": False, "withheld": 0, "labels_held": None}

LARGEST_SIDE = 2**14  # pixels: of a crop; an image that is decoded has fewer


def rebuild(record: Mapping[str, Any], *, trust: tuple[str, ...] = (), **changes: Any) -> Experiment:
    """The Experiment that run.json describes, by calls of Energan's own functions.

    changes: settings that are not to be the record's, such as steps (on which schedules depend) or device.
    trust: modules of the user's own whose names the description may have. UserError for other names, for networks that
    do not fit into memory, and for what is no experiment.
    """
    known = {**NEWER, **record}
    settings = {name: known[name] for name in SETTINGS} | changes
    for name, kind in SETTINGS.items():
        if not isinstance(settings[name], kind) or (kind is int and isinstance(settings[name], bool)):
            raise UserError(f"{DAMAGED}: {name} is {settings[name]!r}")
    settings["device"] = pick_device(settings["device"])
    with trusting(*trust), bounded_memory("this run's networks"):
        parts = build(record["experiment"], total_steps=settings["steps"])
        if not isinstance(parts, dict) or set(parts := {**NEWER_PARTS, **parts}) != set(DESCRIBED):
            raise UserError(f"{DAMAGED}: its experiment is none")
        _check(parts, settings["ema"])
    return Experiment(system=record["game"]["name"], value_range=recorded_range(record), **settings, **parts)


@isolated()
def load(
    folder: str | Path,
    *,
    checkpoint: str | int | Path | None = None,
    device: str | torch.device = "cpu",
    trust: Sequence[str] = (),
) -> Model:
    """The trained model of a run: `.sample(n)`, `.score(images)`, `.probabilities(images)` and their modules.

    The folder alone is enough, on any machine, and none of its contents is run as code.

    Args:
        folder: The run's folder, a packed model ("model.zip"), or one on the hub ("hf:owner/name@revision").
        checkpoint: "best", a step, or a path; the newest by default.
        device: "cpu", "cuda", "cuda:1" or "auto".
        trust: Your own modules that the run names, of a network or a recipe of your own: they are imported.

    Raises:
        UserError: The folder is no sound run, or names code that is neither Energan's nor trusted.
    """
    if isinstance(trust, str):
        raise UserError(f"`trust` {trust!r} must be a tuple of modules' names, such as ({trust!r},)")
    if not isinstance(device, str | torch.device):
        raise UserError(f"`device` {device!r} must be cpu, cuda, cuda:1 or auto")
    run_folder = RunFolder(folder_of(folder))
    run = rebuild(run_folder.record, trust=tuple(trust), device=str(device))
    path = run_folder.checkpoint(checkpoint)
    saved = read_checkpoint(path)
    return calibrated(restored(run, run_folder.record, saved, path), run_folder.path, saved.step)


def calibrated(model: Model, folder: Path, step: int) -> Model:
    """The model of that step's checkpoint, calibrated where temperature.json in the run's folder says how."""
    known = read_temperature(folder, step) if model.game.logits is not None else None
    return model if known is None else model.calibrated(known["temperature"])


def restored(run: Experiment, record: Mapping[str, Any], saved: Checkpoint, path: Path) -> Model:
    """The networks of an experiment, which `rebuild` made of the record, with a checkpoint's weights in them.

    path: of the checkpoint. UserError where weights, networks and the shape of the images do not fit each other.
    """
    nets = {name: player.net for name, player in run.game.players.items()}
    try:
        for name, net in nets.items():
            averaged = saved.state["ema"].get(name, {})
            standing_ = {k.split("/", 1)[1]: v for k, v in saved.statistics.items() if k.startswith(f"{name}/")}
            known = {**saved.state["weights"].get(name, {}), **averaged, **standing_}  # none: no tensors
            left = {k: p for k, p in net.named_parameters() if k not in known and f"{name}/{k}" in saved.unread}
            net.load_state_dict({**left, **known})
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as it was trained, and faster
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise UserError(f"{path} does not fit this run's networks: {str(error).splitlines()[0][:200]}") from error
    channels, height, width = record["data"]["shape"]
    shape = (channels, run.crop or height, run.crop or width)  # of what the networks see
    model = Model(run.game, nets, run.device, shape, about=_about(run, record, saved.step, path))
    _check_readouts(model, shape)
    return model


def _about(run: Experiment, record: Mapping[str, Any], step: int, path: Path) -> dict[str, str]:
    """What a notebook says of a model that comes from a run."""
    data = record["data"]
    images = " x ".join(map(str, data["shape"]))
    return {
        "system": run.system,
        "recipe": str(record["recipe"]),
        "checkpoint": str(path),
        "trained for": f"{step:,} steps of {run.batch} images",
        "trained on": f"{data.get('name')}: {data.get('n'):,} images of {images}",
    }


# ------------------------------------------------------------- what a description from a stranger must be, to be played


def _check(parts: Mapping[str, Any], ema: Mapping[str, float]) -> None:
    """UserError unless every part of an experiment is of its kind."""
    coded, classes, game, sentences = (parts[name] for name in ("coded", "classes", "game", "sentences"))
    kinds = {
        "game": isinstance(game, Game),
        "source": isinstance(parts["source"], str),
        "test": isinstance(parts["test"], str),
        "prepare": _takes(parts["prepare"], "source", "split"),
        "prepare_any": parts["prepare_any"] is None or _takes(parts["prepare_any"], "source", "split"),
        "initialise": parts["initialise"] is None or _takes(parts["initialise"], "data"),
        "coded": coded is None or (_pair(coded) and isinstance(coded[0], str) and _takes(coded[1], "data")),
        "crop": parts["crop"] is None or (type(parts["crop"]) is int and 1 < parts["crop"] <= LARGEST_SIDE),
        "flip": isinstance(parts["flip"], bool),
        "augment": _texts(parts["augment"]),
        "classes": classes is None or _texts(classes),
        "sentences": sentences is None or _reading(sentences),
        "domains": isinstance(parts["domains"], bool),
        "withheld": type(parts["withheld"]) is int and parts["withheld"] in range(2**31) and parts["withheld"] != 1,
        "labels_held": parts["labels_held"] is None or _takes(parts["labels_held"], "source", "split"),
    }
    if wrong := [name for name, right in kinds.items() if not right]:
        raise UserError(f"{DAMAGED}: {wrong[0]} of its experiment is no such thing")
    for name, player in game.players.items():
        sound = isinstance(player.net, nn.Module) and isinstance(player.optimizer, Optimizer | None)
        if not sound:
            raise UserError(f"{DAMAGED}: its player {name!r} is none")
    if strange := [name for name in ema if name not in game.players]:
        raise UserError(f"{DAMAGED}: ema names {strange[0]!r}, which is no player")


def _reading(sentences: Any) -> bool:
    """Whether it is an encoder of sentences, and how many it averages."""
    return _pair(sentences) and callable(sentences[0]) and type(sentences[1]) is int and sentences[1] > 0


def _takes(value: Any, *names: str) -> bool:
    """Whether the function, or the partial of one, can be called with arguments of these names, in this order."""
    if not callable(value):
        return False
    try:
        signature = inspect.signature(value)
        signature.bind(*names)
    except (TypeError, ValueError):
        return False
    unbound = [p.name for p in signature.parameters.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    return tuple(unbound[: len(names)]) == names


def _pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)


@isolated(gradients=False)
def _check_readouts(model: Model, shape: tuple[int, ...]) -> None:
    """UserError unless the networks take and give images of that shape: one pass of each, of one image."""
    game, players = model.game, Players(model.nets)
    generator = torch.Generator(model.device).manual_seed(0)
    try:
        with bounded_memory("a pass through this run's networks", chunk_size(shape[1] * shape[2])):
            x = torch.zeros(1, *shape, device=model.device)
            if game.sample is not None:
                _expect("generator", model.generator(*model.noise(1, generator)).shape, (1, *shape))
            if game.energy is not None:
                _expect("energy", game.energy(players, Batch({"x": x})).shape, (1,))
            if game.energy_map is not None:
                _expect("energy map", game.energy_map(players, Batch({"x": x})).shape, (1, *shape[1:]))
            if game.logits is not None:
                _expect("classifier", game.logits(players, Batch({"x": x})).shape[:1], (1,))
            noise = dict(zip(inputs(game), model.noise(1, generator), strict=True)) if game.encode else {}
            for name, each in (game.encode or {}).items():
                _expect(f"encoder of {name}", each.read(players, Batch({"x": x})).shape, tuple(noise[name].shape))
            if (space := game.codes) is not None:
                code = space.encode(players, Batch({"x": x}))
                _expect("decoder", space.decode(players, Batch({"h": code})).shape, (1, *shape))
                _expect("start of the chains", space.start(generator, 1).shape, tuple(code.shape))
    except UserError:
        raise
    except Exception as error:  # networks of a stranger's description may raise anything
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{DAMAGED}: its networks do not take images of {shape}: {reason}") from error


def _expect(what: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(shape) != expected:
        raise UserError(f"{DAMAGED}: its {what} gives {tuple(shape[1:])} where its images are {expected[1:]}")
