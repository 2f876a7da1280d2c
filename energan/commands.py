"""What the command line can do: a command is a function, its flags are its arguments, its docstring their help.

`energan train RECIPE` and `energan lab STUDY` have the recipe's and the study's own arguments as flags. A command
returns the exit code.
"""

import inspect
import json
import shlex
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from energan.errors import UserError
from energan.recipes import RECIPES

STOPPED = 130


def as_text(value: object) -> str:
    return json.dumps(value, indent=2)


def first_line(f: Callable[..., Any]) -> str:
    return (f.__doc__ or "").strip().splitlines()[0]


def say(text: str) -> None:
    print(text, flush=True)


def _finish(folder: Path, state: str) -> int:
    """After training: measure, draw the neighbours, write the report."""
    from energan import evaluation, report

    if state == "stopped":
        say(f"stopped and saved; `energan resume {shlex.quote(str(folder))}` continues exactly here")
        return STOPPED
    evaluation.evaluate(folder)
    say(f"report: {report.write_report(folder)}")
    return 0


def train_command(recipe: str, flags: Sequence[str]) -> Callable[..., int]:
    """The command `train RECIPE`: the recipe's arguments, and where to put the run. `flags` are what was typed."""
    make = RECIPES[recipe]

    @wraps(make)
    def command(*, out: str = "", quiet: bool = False, **arguments: Any) -> int:
        from energan import runs
        from energan.data import NAMED
        from energan.train import train

        source = arguments["data"]
        if source and source not in NAMED and Path(source).exists():
            arguments["data"] = str(Path(source).resolve())  # so that `resume` works from any folder
        run = make(**arguments)
        folder = Path(out) if out else _free(Path("runs"), recipe)
        data = run.training_set()
        line = shlex.join(["energan", "train", recipe, *flags])
        runs.create(folder, run, data, recipe, arguments, line)
        say(
            f"training {recipe} on {len(data.images)} images of {data.name} in {folder} ({run.precision}, {run.device})"
        )
        return _finish(folder, train(run, folder, data, quiet=quiet))

    signature = inspect.signature(make)
    where = [
        inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default="", annotation=str),
        inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool),
    ]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *where], return_annotation=int
    )
    command.__annotations__ = {**make.__annotations__, "out": str, "quiet": bool, "return": int}
    command.__doc__ = (make.__doc__ or "").rstrip() + (
        "\n        out: The run's folder; a new one under runs/ by default.\n        quiet: No progress bar.\n    "
    )
    del command.__wrapped__
    return command


def lab_command(name: str) -> Callable[..., int]:
    """The command `lab NAME`: the study's arguments are its flags."""
    from energan.lab import STUDIES

    play = STUDIES[name]

    @wraps(play)
    def command(**arguments: Any) -> int:
        from energan.lab.study import Stopped

        folder = Path(arguments["out"] or Path("lab") / name)
        try:
            play(**arguments)
        except Stopped:
            say("stopped and saved; the same command continues exactly here")
            return STOPPED
        say((folder / "table.md").read_text())
        say(f"figures and numbers: {folder}")
        return 0

    command.__signature__ = inspect.signature(play).replace(return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {**play.__annotations__, "return": int}
    del command.__wrapped__
    return command


def _free(parent: Path, name: str) -> Path:
    """parent/name, or the first of name-2, name-3, ... that is not there yet."""
    number = 1
    while (folder := parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return folder


def resume(run: str, /, *, steps: int = 0, quiet: bool = False) -> int:
    """Continue a run exactly where its newest checkpoint stands.

    Args:
        run: The run's folder.
        steps: Train up to this step in all; 0 for what the run was started with.
        quiet: No progress bar.
    """
    from energan import runs
    from energan.train import train

    folder = Path(run)
    record = runs.read(folder)
    if steps:
        record["arguments"]["steps"] = steps
    # "auto" is what it was when the run was started: in another precision, it would not be the same run
    spec = runs.rebuild(record, precision=record["precision"], device=record["device"])
    done = int(runs.newest(folder).stem) if runs.numbered(folder) else 0
    if spec.steps < done:
        raise UserError(f"{folder} is at step {done} already: --steps {spec.steps} must be above that to train on")
    data = spec.training_set()
    if data.sha256 != record["data"]["sha256"]:
        raise UserError(f"the images of {spec.source} are not those that {folder} was trained on; start a new run")
    runs.update(folder, steps=spec.steps, arguments=record["arguments"])
    return _finish(folder, train(spec, folder, data, quiet=quiet))


def sample(run: str, /, *, n: int = 64, out: str = "samples.png", seed: int = 0, checkpoint: str = "") -> int:
    """Draw images from a run's generator.

    Args:
        run: The run's folder.
        n: How many images.
        out: x.png is one sheet, x.npz one uint8 array `images` (n, c, h, w), anything else a folder of PNGs.
        seed: Of the noise; the same seed gives the same images.
        checkpoint: "best", a step, or a path; the newest by default.
    """
    from energan import runs
    from energan.recipes.common import at_least, usable_seed
    from energan.sheets import save_images

    at_least(1, n=n)
    usable_seed(seed)
    images = runs.load(run, checkpoint=checkpoint or None).sample(n, seed)
    save_images(images, Path(out))
    say(f"{n} images in {out}")
    return 0


def evaluate(run: str, /, *, n: int = 10000, seed: int = 0, checkpoint: str = "", json: bool = False) -> int:
    """Measure a run's samples against real images; every number names its feature network.

    Args:
        run: The run's folder.
        n: How many samples, and real images at most.
        seed: Of the noise.
        checkpoint: "best", a step, or a path; the newest by default.
        json: Print JSON instead of a table.
    """
    from energan import evaluation
    from energan.recipes.common import usable_seed

    usable_seed(seed)
    result = evaluation.evaluate(Path(run), n=n, seed=seed, checkpoint=checkpoint or None)
    say(evaluation.as_json(result) if json else evaluation.as_table(result))
    return 0


def score(images: str, /, *, run: str, out: str = "scores.csv", checkpoint: str = "", split: str = "") -> int:
    """Write an energy for each image (high: unlike the training data) and draw their histogram.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: scores.csv or scores.parquet; the histogram is the .png beside it.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train or test; by default test of a named set, and all of a folder or file that has no splits.
    """
    from energan import evaluation

    say(evaluation.score(images, Path(run), Path(out), checkpoint or None, split))
    return 0


def report(run: str, /) -> int:
    """Write a run's report again: one HTML page that opens from disk.

    Args:
        run: The run's folder.
    """
    from energan.report import write_report

    say(f"report: {write_report(Path(run))}")
    return 0


def export(run: str, /, *, out: str = "export", checkpoint: str = "", onnx: bool = False) -> int:
    """Write a run's generator and energy as safetensors with JSON, and as ONNX.

    Args:
        run: The run's folder.
        out: The folder to write to.
        checkpoint: "best", a step, or a path; the newest by default.
        onnx: Also write generator.onnx and energy.onnx, and compare their output (extra `export`).
    """
    from energan.export import export as write

    say(write(Path(run), Path(out), checkpoint or None, onnx=onnx))
    return 0


def margin(*, data: str, size: int = 32, channels: int = 1, steps: int = 1000, batch: int = 64, seed: int = 0) -> int:
    """Propose a margin: train the auto-encoder alone on the real images (the paper's appendix E).

    Args:
        data: A folder, .zip, .npz or .parquet of images, or a named set.
        size: Pixels a side (32 pads 28 x 28 digits, as the MNIST recipes do).
        channels: 3 for colour, 1 for grey.
        steps: Training steps at most; it stops earlier once the energy no longer falls.
        batch: Images a step.
        seed: Of the weights and the order of the data.
    """
    from energan.margin import advise

    say(advise(data, size=size, channels=channels, steps=steps, batch=batch, seed=seed))
    return 0


def recipes(*, json: bool = False) -> int:
    """What can be trained: recipes, and the images that have a name.

    Args:
        json: Print JSON instead of a table.
    """
    from energan.data import NAMED

    told = {name: first_line(make) for name, make in RECIPES.items()}
    if json:
        say(as_text({"recipes": told, "data": sorted(NAMED)}))
        return 0
    for name, line in told.items():
        say(f"{name:23}{line}")
    say(f"\nnamed images: {', '.join(sorted(NAMED))}; or your own folder, .zip, .npz, .parquet")
    return 0


def doctor(*, json: bool = False) -> int:
    """What this machine offers: processor, precision, threads, GPU, compiler, caches, versions.

    Args:
        json: Print JSON instead of a table.
    """
    from energan.machine import doctor as examine

    found = examine()
    if json:
        say(as_text(found))
        return 0
    for key, value in found.items():
        told = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else value
        say(f"{key:16}{', '.join(told) if isinstance(told, list) else told}")
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "resume": resume,
    "sample": sample,
    "evaluate": evaluate,
    "score": score,
    "report": report,
    "export": export,
    "margin": margin,
    "list": recipes,
    "doctor": doctor,
}
