"""What the command line can do: a command is a function, its flags are its arguments, its docstring their help.

A command returns the exit code. Those that train are in sessions.py, those of chains in commands_codes.py.
"""

from collections.abc import Callable
from pathlib import Path

from energan.commands_codes import excite, inpaint, invert, sample, walk
from energan.console import as_text, first_line, say
from energan.recipes import RECIPES
from energan.sessions import classify, resume


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
    from energan import scoring

    say(scoring.score(images, Path(run), Path(out), checkpoint or None, split))
    return 0


def predict(images: str, /, *, run: str, out: str = "predictions.csv", checkpoint: str = "", split: str = "") -> int:
    """Write the class that a run's classifier gives each image, and the probability of every class.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: A .csv with a row an image: file, label, probability, and a column a class.
        checkpoint: A step or a path; the newest by default.
        split: train or test; by default test of a named set, and all of a folder or file that has no splits.
    """
    from energan import prediction

    say(prediction.predict(images, Path(run), Path(out), checkpoint or None, split))
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
    """Write a run's generator, encoder, energy and classifier as safetensors with JSON, and as ONNX.

    Args:
        run: The run's folder.
        out: The folder to write to.
        checkpoint: "best", a step, or a path; the newest by default.
        onnx: Also write each part as .onnx, and compare its output (extra `export`).
    """
    from energan.export import export as write

    say(write(Path(run), Path(out), checkpoint or None, onnx=onnx))
    return 0


def margin(
    *,
    data: str,
    size: int = 32,
    channels: int = 1,
    width: int = 0,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    steps: int = 1000,
    batch: int = 64,
    seed: int = 0,
) -> int:
    """Propose a margin: train the auto-encoder alone on the real images (the paper's appendix E).

    Args:
        data: A folder, .zip, .npz or .parquet of images, or a named set.
        size: Pixels a side (32 pads 28 x 28 digits, as the MNIST recipes do).
        channels: 3 for colour, 1 for grey.
        width: The recipe's --width; 0 for its default at this size.
        only: The recipe's --only.
        centre: The recipe's --centre.
        patches: The recipe's --patches.
        steps: Training steps at most; it stops earlier once the energy no longer falls.
        batch: Images a step.
        seed: Of the weights and the order of the data.
    """
    from energan.margin import advise

    told = advise(
        data, size=size, channels=channels, width=width, only=only, centre=centre, patches=patches, steps=steps,
        batch=batch, seed=seed,
    )  # fmt: skip
    say(told)
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
        say(f"{name:28}{line}")
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
    "classify": classify,
    "resume": resume,
    "sample": sample,
    "invert": invert,
    "inpaint": inpaint,
    "walk": walk,
    "excite": excite,
    "evaluate": evaluate,
    "score": score,
    "predict": predict,
    "report": report,
    "export": export,
    "margin": margin,
    "list": recipes,
    "doctor": doctor,
}
