"""The content of the data package energan-models, from finished runs.

    python -m models.make --runs runs/zoo            packs those that are finished; the others stay as they are
    python -m models.make --runs runs/zoo --train    trains first what is not there: all of it takes about two hours

Each model becomes a folder of what `energan pack` would pack, with smaller weights (models/lean.py) and a sheet that is
drawn by them; zoo.json and the table in README.md say what there is.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from energan.cli import main as energan_main
from energan.runs.checkpoints import SHARED
from energan.runs.folder import RunFolder
from energan.runs.sharing.model_folder import write_model
from energan.runs.sharing.zoo import FORMAT
from energan.utils.errors import UserError
from energan.utils.files import write, write_json
from models.lean import make_lean

HERE = Path(__file__).parent
PACKAGE = HERE / "energan_models"

LARGEST_FILE = 5_000_000  # bytes; all of them together: LARGEST
LARGEST = 20_000_000

PICTURES = {
    "samples.png": "Drawn by the weights of the package, seed 0.",
    "uncertain.png": "The test images that it is least sure of.",
}

TOLD = (  # numbers of the table
    "MNIST-FID", "MNIST-IS", "FID-MobileNetV2", "asked = seen", "conditional accuracy, own", "conditional accuracy",
)  # fmt: skip

TABLE = re.compile(r"(?<=<!-- made by models/make.py -->\n).*?(?=<!-- end -->)", re.S)


class Entry(NamedTuple):
    """A model of the zoo. about: one line; command: that trains it; sheet: what to ask `energan sample` for."""

    about: str
    command: str
    sheet: tuple[str, ...] = ("--n", "64")


ZOO: dict[str, Entry] = {
    "ebgan-pt-mnist": Entry(
        "digits, drawn by an EBGAN-PT, which also gives an energy and an energy map of any image; 32 x 32 grey",
        "train ebgan-pt-mnist --steps 7100 --seed 0",
    ),
    "conditional-dcgan-mnist": Entry(
        "digits of the class that is asked for, drawn by a conditional DCGAN; 28 x 28 grey",
        "train conditional-dcgan-mnist --units 256 --seed 0",
        ("--n", "8", "--class", "all"),
    ),
    "ebgan-pt-emoji": Entry(
        "emoji, drawn by an EBGAN-PT; 64 x 64 colour",
        "train ebgan-pt-64 --data emoji-noto --width 32 --batch 64 --lr 1e-3 --margin 30 --steps 4000 "
        "--save-every 500 --seed 0",
    ),
    "plug-and-play-mnist": Entry(
        "digits, drawn by chains that a classifier guides: plug and play with latent discriminators; 28 x 28 grey",
        "train latent-discriminators-mnist --seed 0",
        ("--n", "8", "--class", "all"),
    ),
    "ladder-mnist": Entry(
        "a classifier of digits that learned from 100 labels: a ladder network; 28 x 28 grey",
        "classify --data mnist --labels 100 --seed 0",
        (),
    ),
}


def make(runs: Path = Path("runs/zoo"), only: tuple[str, ...] = (), train: bool = False) -> int:
    """Makes the models of the zoo from their runs.

    Args:
        runs: The folder of runs, each by its model's name.
        only: Names of models; all by default.
        train: Train those that are not there yet.
    """
    for name in only or ZOO:
        if name not in ZOO:
            raise UserError(f"there is no model {name!r}: there are {', '.join(ZOO)}")
        run = runs / name
        if train and not run.exists():
            command = [sys.executable, "-m", "energan", *ZOO[name].command.split(), "--out", str(run)]
            subprocess.run(command, check=True)
        if not (run / "evaluation.json").is_file():
            print(f"{name}: {run} is not finished; what is in the package stays as it is")
            continue
        print(f"{name}: {pack(name, ZOO[name], run):,} bytes")
    write_index()
    return 0


def pack(name: str, entry: Entry, run: Path) -> int:
    """Puts a finished run into the package. Returns how many bytes its weights take.

    UserError where the run was made by another command, or its weights are too large.
    """
    temporary = PACKAGE / f".{name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        write_model(RunFolder(run), temporary, f"zoo:{name}")
        command = json.loads((temporary / "run.json").read_text())["command"]
        if command != f"energan {entry.command}":
            raise UserError(f"{run} was made by `{command}`, and zoo:{name} is of `energan {entry.command}`")
        make_lean(temporary)
        if entry.sheet:
            sheet = str(temporary / "samples.png")
            if energan_main(["sample", str(temporary), *entry.sheet, "--device", "cpu", "--out", sheet]):
                raise UserError(f"zoo:{name} draws nothing")
        else:
            shutil.copyfile(run / "uncertain.png", temporary / "uncertain.png")
        if (size := (temporary / SHARED).stat().st_size) > LARGEST_FILE:
            raise UserError(f"zoo:{name} takes {size:,} bytes, and a file of the zoo at most {LARGEST_FILE:,}")
        shutil.rmtree(PACKAGE / name, ignore_errors=True)
        temporary.rename(PACKAGE / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return size


def write_index() -> None:
    """Writes zoo.json and the README's table of what is in the package."""
    models = {name: described(name, entry) for name, entry in ZOO.items() if (PACKAGE / name / "run.json").is_file()}
    write_json(PACKAGE / "zoo.json", {"format": FORMAT, "models": models})
    page = HERE / "README.md"
    text = TABLE.sub(lambda _: table(models), page.read_text())
    write(page, lambda temporary: temporary.write_text(text))


def described(name: str, entry: Entry) -> dict[str, Any]:
    """What zoo.json says of a model."""
    path = PACKAGE / name / "evaluation.json"
    measured = json.loads(path.read_text()) if path.is_file() else {}
    return {
        "about": entry.about,
        "command": f"energan {entry.command}",
        "bytes": sum(each.stat().st_size for each in (PACKAGE / name).iterdir()),
        "measured": numbers(measured),
    }


def numbers(measured: Mapping[str, Any]) -> str:
    """What was measured of a run, in a few words: those of TOLD that it has."""
    if classified := measured.get("classification"):
        return f"error {classified['error']:.2f} % of {classified['images']:,} test images"
    metrics = measured.get("metrics", {})
    words = [f"{name} {metrics[name]:.3g}" for name in TOLD if name in metrics]
    return f"{', '.join(words)}, of {measured['samples']:,} samples" if words else ""


def table(models: Mapping[str, Mapping[str, Any]]) -> str:
    """The README's table."""
    rows = ["", "| name | what it is | measured of the run | MB |", "|---|---|---|---|"]
    for name, model in models.items():
        rows.append(f"| `zoo:{name}` | {model['about']} | {model['measured']} | {model['bytes'] / 1e6:.1f} |")
    for name, model in models.items():
        picture = next(p for p in PICTURES if (PACKAGE / name / p).is_file())
        rows += ["", f"### {name}", "", f"![{model['about']}](energan_models/{name}/{picture})", "",
                 f"{PICTURES[picture]} Made by `{model['command']}`."]  # fmt: skip
    return "\n".join([*rows, "", ""])


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(make, description=__doc__))
    except UserError as error:
        sys.exit(f"models.make: {error.with_flags()}")
