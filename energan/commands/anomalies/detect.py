"""The command `detect`: learns what normal images look like, and says which others are not."""

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from energan.commands.anomalies.score import score
from energan.commands.config import Config
from energan.commands.train import TrainOptions, new_run_folder, resume, start, with_absolute_paths
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from fractions import Fraction

FLAGS = {"data": "normal", "calibration": "held_out"}  # whose names are not the recipe's  # fmt: skip

RECIPES = {  # by --system and --features
    ("autoencoder", "mobilenetv2"): "feature-autoencoder",
    ("autoencoder", "none"): "autoencoder",
    ("ebgan-pt", "none"): "ebgan-pt-64",
}


def flags_of(config: Config) -> dict[str, Any]:
    """The flags of `detect` that a run was made with. UserError for a run that it does not make."""
    made = {recipe: by for by, recipe in RECIPES.items()}
    if config.recipe not in made or not config.arguments.get("calibration"):
        raise UserError(f"{config.source} is a run of {config.recipe}, which `energan detect` did not train")
    shared = ("size", "channels", "steps", "batch", "seed", "device", "value_range")
    flags = {FLAGS.get(name, name): config.arguments[name] for name in (*FLAGS, *shared) if name in config.arguments}
    if not (size := str(flags.get("size") or 0)).isdecimal():
        raise UserError(f"{config.source} has images of {size} pixels, which `energan detect` did not make squares of")
    system, features = made[config.recipe]
    return {**flags, "system": system, "features": features, "size": int(size)}


def detect(
    *,
    normal: str,
    images: str = "",
    out: str = "",
    system: Literal["autoencoder", "ebgan-pt"] = "autoencoder",
    features: Literal["auto", "mobilenetv2", "none"] = "auto",
    false_alarms: str = "",
    held_out: float = 0.2,
    size: int = 0,
    channels: int = 3,
    steps: int = 0,
    batch: int = 0,
    seed: int = 0,
    device: str = "auto",
    value_range: tuple[float, float] | None = None,
    quiet: bool = False,
    config: str = "",
) -> int:
    """Learn what normal images look like, and say which others are not, and where. The same command goes on.

    Args:
        normal: Normal images: a folder, .zip, .npz or .parquet, or a folder in MVTec AD's or BTAD's layout.
        images: Images to judge; by default the test images of --normal, where it has some.
        out: The run's folder; a new one under runs/ by default.
        system: autoencoder, or ebgan-pt, which also learns to draw (64 x 64, and much slower).
        features: What the auto-encoder sees: mobilenetv2, a frozen network's features, or none: pixels.
        false_alarms: How many normal images may be called outliers; by default 1%, or the least that can be stated.
        held_out: Share of the normal images that is not trained on and sets the threshold.
        size: Pixels a side; by default the recipe's, 128 for features and 64 for pixels.
        channels: 3 for colour, 1 for grey.
        steps: Training steps; by default the recipe's.
        batch: Images a step; by default the recipe's, or all there are.
        seed: Of the weights and the order of the data.
        device: cpu, cuda, cuda:1, or auto.
        value_range: What is black and what is white in images of more than 8 bits; by default measured over all.
        quiet: No progress bar.
        config: An earlier run of detect, or its run.json, whose settings are the defaults of all flags.
    """
    from energan import report
    from energan.data import splits_of
    from energan.inference.calibration import rate_of
    from energan.runs.calibration import read_calibration, write_calibration

    seen = features if features != "auto" else "none" if system == "ebgan-pt" else "mobilenetv2"
    if (system, seen) not in RECIPES:
        raise UserError(f"`system` {system} sees pixels: `features` none")
    rate = rate_of(false_alarms) if false_alarms else None
    if not 0 < held_out < 1:
        raise UserError(f"`held_out` is a share of the images, above 0 and below 1, got {held_out:g}")
    judged = images or (normal if "test" in splits_of(normal) else "")
    chosen = {"size": size, "steps": steps, "batch": batch, "value_range": value_range}
    arguments: dict[str, Any] = {
        **with_absolute_paths({"data": normal}), "channels": channels, "seed": seed, "calibration": held_out,
        "device": device, **{name: value for name, value in chosen.items() if value},
    }  # fmt: skip
    folder, code = _trained(RECIPES[system, seen], arguments, judged, rate, out, quiet)
    if code:
        return code
    usual = read_calibration(folder)
    if usual is None:
        raise UserError(f"{folder} has no calibration: `energan evaluate` and `energan score --false-alarms` make one")
    if rate is not None:
        write_calibration(folder, usual._replace(false_alarms=rate))
    if judged:
        if (folder / "maps" / "scale.json").is_file():
            shutil.rmtree(folder / "maps")
        score(judged, run=str(folder), out=str(folder / "scores.csv"), maps=str(folder / "maps"), device=device)
    say(f"report: {report.write_report(folder)}")
    example = f"energan score IMAGE --run {shlex.quote(str(folder))}"
    say(f"`{example}` judges others; with --maps DIR it shows where")
    return 0


def _trained(
    recipe: str, arguments: dict[str, Any], judged: str, rate: "Fraction | None", out: str, quiet: bool
) -> tuple[Path, int]:
    """The run's folder, and the exit code of its training: a new run, or one that goes on. UserError for another's."""
    from energan.runs.calibration import FILE
    from energan.runs.folder import RunFolder
    from energan.utils.files import user_path

    folder = user_path(out) if out else None
    if folder is not None and (folder / "run.json").is_file():
        record = RunFolder(folder).record
        asked = {k: v for k, v in arguments.items() if k not in ("device", "steps")}
        given = record["arguments"]
        had = {k: tuple(v) if isinstance(v := given.get(k), list) else v for k in asked}
        if record["recipe"] != recipe:
            raise UserError(f"{folder} is a run of {record['recipe']}, not of {recipe}: choose another `out`")
        if other := [f"--{FLAGS.get(k, k).replace('_', '-')} {had[k]}" for k in asked if had[k] != asked[k]]:
            raise UserError(f"{folder} was made with {', '.join(other)}: give that again, or choose another `out`")
        if "steps" in arguments and arguments["steps"] != record["steps"]:
            longer = f"`energan resume {folder} --steps`"
            raise UserError(f"{folder} has {record['steps']} steps: leave out `steps`, or train on by {longer}")
        _check_images(folder, record, arguments["data"])
        measured = all((folder / name).is_file() for name in (FILE, "evaluation.json"))  # the latter is written last
        done = record["status"]["state"] == "finished" and measured
        return folder, 0 if done else resume(str(folder), quiet=quiet)
    _check(recipe, arguments, judged, rate)
    folder = folder or new_run_folder("detect")
    try:
        return folder, start(recipe, arguments, TrainOptions(out=str(folder), quiet=quiet))
    except UserError:
        if not out and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _check_images(folder: Path, record: dict[str, Any], normal: str) -> None:
    """UserError where the images of `normal` are not those that the run was made of."""
    from energan.evaluation import DEVICE
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import CONTENT, Sources, settled

    data = rebuild(settled(record, folder, Sources(normal)), device=DEVICE).training_set()
    if record["format"] >= CONTENT and data.sha256 != record["data"]["sha256"]:
        raise UserError(f"the images of {normal} are not those that {folder} was made of: choose another `out`")


def _check(recipe: str, arguments: dict[str, Any], judged: str, rate: "Fraction | None") -> None:
    """Gives the arguments a batch that there are images for.

    UserError, before anything is trained, for images that cannot be read, and for too few of them for the rate.
    """
    from energan.capabilities.energies.truth import known
    from energan.data import held_out_split
    from energan.inference.calibration import needed, percent
    from energan.recipes.build import build
    from energan.runs.calibration import row_digests, seen_before

    made = build(recipe, **arguments, **({} if "batch" in arguments else {"batch": 2}))
    training, held = made.training_set(), made.set_apart()
    n, copies = len(training.images), int(seen_before(held.images, row_digests(training.images)).sum())
    apart = len(held.images) - copies
    if not apart:
        raise UserError(f"all {copies} images that are held out are copies of training images: remove the copies")
    if rate is not None and apart < needed(rate):
        counted = f", for {copies} are copies of training images" if copies else ""
        raise UserError(
            f"`false_alarms` {percent(rate)} needs at least {needed(rate)} normal images that are held out, and of "
            f"{n + apart + copies} there are {apart}{counted}: raise `held_out`, allow more, or give more images"
        )
    if judged:
        known(made, made.given(judged, held_out_split(judged) or "train"), judged)
    if "batch" not in arguments:
        arguments["batch"] = min(build(recipe, **arguments).batch, n)
