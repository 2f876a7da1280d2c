"""`energan.train`: what the command `train` does, called from Python, with images from Python if need be."""

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.commands.train import RunOptions, start
from energan.experiment import Experiment
from energan.recipes.build import find_recipe
from energan.report.run import Run
from energan.utils.arguments import flat_types, parameters
from energan.utils.console import COMMAND_LINE, say
from energan.utils.errors import UserError, flag
from energan.utils.files import cache_dir
from energan.utils.specification import fits, foreign_modules

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.runs.folder import RunFolder

FOLDER = "datasets"  # of the cache: images that came from Python


def train(
    recipe: str | Callable[..., Experiment], /, *, data: Any = None, out: str | Path = "", **settings: Any
) -> Run:
    """Trains a recipe, measures it and writes its report, as `energan train RECIPE` does.

    Interrupting it (Ctrl-C, a notebook's stop button) saves the run; `energan resume` continues it exactly there.

    Args:
        recipe: A recipe's name, such as "ebgan-pt-mnist"; your own is "my_module:recipe", or the function itself.
        data: A named set, a folder or file; or images from Python: an ImageSet, a torch Dataset, a Hugging Face
            `datasets.Dataset` (data.from_dataset), or a dict of these by split, {"train": ..., "test": ...}. Such
            images are first written to an .npz in the cache folder, from which the run can be resumed and measured.
            None: the recipe's own.
        out: The run's folder; a new one under runs/ by default.
        settings: Further flags of `energan train RECIPE`, by their names in Python: steps=3000, batch=64, lr=1e-3,
            quiet=True.

    Returns:
        The run: `.model()`, `.verdict`, `.metrics`, `.path`; a notebook shows it.

    Raises:
        UserError: There is no such recipe or setting, the images cannot be read, the folder is taken, or training
            diverges.

    Example:
        >>> run = train("ebgan-pt-mnist", data="digits", steps=2, width=4, batch=8, out="runs/two", quiet=True)
        training images: ...
        >>> run.state, run.model().sample(3).shape
        ('finished', torch.Size([3, 1, 32, 32]))
    """
    name = recipe if isinstance(recipe, str) else _named(recipe)
    function = find_recipe(name)
    given = dict(settings) if out == "" else {**settings, "out": os.fspath(out)}
    of_run = {field.name for field in fields(RunOptions)}
    options = RunOptions(**_typed(RunOptions, {key: given.pop(key) for key in of_run & given.keys()}, name))
    if data is not None:
        given["data"] = _source(data)
    defaults = parameters(function)
    _refuse_unknown(given, [*defaults, *of_run], name)
    arguments = {**defaults, **_typed(function, given, name)}
    if missing := [key for key, value in arguments.items() if value is Parameter.empty]:
        raise UserError(f"{name} needs `{missing[0]}`: give it a value")
    made: list[Path] = []

    def begin(_: Experiment, __: "ImageSet", folder: "RunFolder") -> None:
        made.append(folder.path)

    token = COMMAND_LINE.set(_as_typed(name, {**settings, **given}, out))
    try:
        start(name, arguments, options, begin=begin)
    finally:
        COMMAND_LINE.reset(token)
    run = Run(made[0])
    return Run(run.path, trust=sorted(foreign_modules(run.record["experiment"])))


def _named(recipe: Callable[..., Experiment]) -> str:
    """module:function of one's own recipe. UserError where no file has it: a run folder names it, and no more."""
    module, name = getattr(recipe, "__module__", ""), getattr(recipe, "__qualname__", "")
    if module in ("", "__main__") or not name.isidentifier():
        raise UserError(
            "this recipe is in no file: write it to one, such as mine.py, and train 'mine:recipe'; a run's folder "
            "names the file that its networks are made by"
        )
    return f"{module}:{name}"


def _refuse_unknown(given: Mapping[str, Any], known: list[str], recipe: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise UserError(f"{recipe} has no setting {name!r}: {hint}")


def _typed(function: Callable[..., Any], given: Mapping[str, Any], recipe: str) -> dict[str, Any]:
    """The settings as the recipe takes them. UserError for a value of another type."""
    types = flat_types(function)
    found: dict[str, Any] = {}
    for name, value in given.items():
        plain = tuple(value) if isinstance(value, list) else value
        plain = os.fspath(plain) if isinstance(plain, os.PathLike) else plain
        plain = plain.item() if hasattr(plain, "item") and getattr(plain, "ndim", 1) == 0 else plain  # NumPy's numbers
        if name in types and not fits(plain, types[name]):
            raise UserError(f"`{name}` of {recipe} cannot be {value!r}")
        found[name] = plain
    return found


def _source(data: Any) -> str:
    """What `--data` would name; images from Python are written to the cache first."""
    from energan.data import ImageSet, from_dataset, save

    if isinstance(data, str | os.PathLike):
        return os.fspath(data)

    def read(images: Any, name: str) -> ImageSet:
        return images if isinstance(images, ImageSet) else from_dataset(images, name=name)

    parts = {s: read(images, f"data[{s!r}]") for s, images in data.items()} if isinstance(data, Mapping) else None
    whole = parts or {"train": read(data, "data")}
    first = next(iter(whole.values()))
    if lost := [part for part in whole.values() if part.targets is not None or part.captions]:
        raise UserError(
            f"{lost[0].name} has captions or targets, which an .npz does not keep: name where its files are"
        )
    contents = {str(split): _content(part) for split, part in (parts or {"": first}).items()}
    key = hashlib.sha256(json.dumps(contents).encode()).hexdigest()
    path = cache_dir() / FOLDER / f"{len(first.images)}-images-{key[:24]}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save(whole if parts else first, path)
    say(f"images from Python are kept in {path}, from which the run can be resumed")
    return str(path)


def _content(part: "ImageSet") -> str:
    """A hash of what is written; `part.sha256` is of what was read, before any `_replace`."""
    from energan.data.image_set import content_hash

    labels = None if part.labels is None else part.labels.tolist()
    return content_hash(part.images.numpy(), labels, part.classes)


def _as_typed(recipe: str, given: Mapping[str, Any], out: str | Path) -> list[str]:
    """The command line that does the same, for run.json and the report."""
    words = ["energan", "train", recipe]
    for name, value in [*given.items(), *([("out", os.fspath(out))] if out else [])]:
        if isinstance(value, bool):
            words.append(flag(name) if value else flag(f"no_{name}"))
        elif isinstance(value, list | tuple):
            words += [flag(name), *map(str, value)]
        elif value is not None:
            words += [flag(name), str(value)]
    return words
