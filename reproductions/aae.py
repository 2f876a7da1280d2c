"""Adversarial auto-encoders on MNIST: likelihood, few labels, clusters, codes on paper (arXiv:1511.05644).

    python -m reproductions.aae --seeds 0 1 2 --out runs/aae [--only NAME ...] [--steps N]

A cell is a run folder, OUT/NAME-SEED, trained by its recipe and measured by its capabilities (`energan evaluate`), gone
on with where it stopped; finished ones are kept. OUT/table.md has the mean and the deviation over the seeds that are
there:

    log-likelihood    nats of the test images under Parzen windows (10,000 samples, pixels in [0, 1], the window's width
                      chosen on 1,000 training images); the paper's 340 ± 2
    test error %      of the classifiers from few labels; seed s has label seed s, and so has the ladder beside it. The
                      paper's 1.90 ± 0.10 with 100 labels, 1.60 ± 0.08 with 1,000
    category error %  of clusters, each named by the majority of the training images: the paper's 9.55 ± 2.05 with 16
    reconstruction RMS  of held-out images that are drawn again, pixels from 0 to 1

The report of a cell with two numbers shows the codes of held-out images in the plane. A public reproduction got the
likelihood in 120,000 steps, 345 ± 1.9 with dropout and 232 ± 2.0 without; nobody is known to have got the 1.90.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from energan.evaluation import evaluate
from energan.report import write_report
from energan.utils.files import write
from reproductions.cells import table, told, trained
from reproductions.conditional import SAMPLES, likelihood

PLANE: dict[str, Any] = {"units": 1000, "lr": 5e-4, "lr_d": 5e-4, "steps": 12_000}
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "likelihood": ("aae-mnist", {}),
    "likelihood-dropout": ("aae-mnist", {"dropout": 0.2}),
    "labels-100": ("aae-ssl-mnist", {"labels": 100}),
    "labels-1000": ("aae-ssl-mnist", {"labels": 1000}),
    "ladder-100": ("ladder-mnist", {"labels": 100}),
    "ladder-1000": ("ladder-mnist", {"labels": 1000}),
    "clusters-16": ("aae-clusters-mnist", {"clusters": 16}),
    "clusters-30": ("aae-clusters-mnist", {"clusters": 30}),
    "mixture": ("aae-mnist", {"prior": "mixture", **PLANE}),
    "mixture-labels": ("aae-mnist", {"prior": "mixture", "labels": 10_000, **PLANE}),
    "swiss-roll": ("aae-mnist", {"prior": "swiss-roll", **PLANE}),
    "swiss-roll-labels": ("aae-mnist", {"prior": "swiss-roll", "labels": 10_000, **PLANE}),
    "plane-clusters": ("aae-clusters-mnist", {"clusters": 20, "z": 2, "heads": 4.0}),
    "plane-labels": ("aae-ssl-mnist", {"labels": 1000, "z": 2, "heads": 4.0}),
}
MAIN = ("likelihood", "likelihood-dropout", "labels-100", "ladder-100", "clusters-16", "mixture-labels", "plane-labels")
COLUMNS = ("log-likelihood", "test error %", "category error %", "reconstruction RMS")


def measured(folder: Path, name: str) -> dict[str, float]:
    """The metrics of a finished cell; measured once."""
    path = folder / "evaluation.json"
    if not path.is_file():
        evaluate(folder, n=SAMPLES, finish=True)
        write_report(folder)
    found = json.loads(path.read_text())
    values = {column: found["metrics"][column] for column in COLUMNS if column in found["metrics"]}
    if "classification" in found:
        values["test error %"] = found["classification"]["error"]
    return values | ({"log-likelihood": likelihood(folder)} if name.startswith("likelihood") else {})


def settings(name: str, seed: int, steps: int, data: str, units: int) -> dict[str, Any]:
    """The arguments of a cell's recipe."""
    recipe, own = CELLS[name]
    given = {"seed": seed, **({"steps": steps} if steps else {}), **({"data": data} if data else {})}
    if units:
        given |= {"hidden": [units]} if recipe == "ladder-mnist" else {"units": units}
    return {**own, **given, **({"label_seed": seed} if "labels" in own else {})}


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=tuple(CELLS), default=MAIN, help="by default one of each kind")
    parser.add_argument("--steps", type=int, default=0, help="of each cell; 0 for its own")
    parser.add_argument("--data", default="", help="images, instead of MNIST")
    parser.add_argument("--units", type=int, default=0, help="of the hidden layers; 0 for the cell's own")
    parser.add_argument("--out", default="runs/aae", help="where the cells are")
    args = parser.parse_args(arguments)
    out, found = Path(args.out), dict[str, list[dict[str, float]]]()
    for seed in args.seeds:
        for name in args.only:
            folder = out / f"{name}-{seed}"
            arguments_of = settings(name, seed, args.steps, args.data, args.units)
            if not trained(folder, CELLS[name][0], arguments_of, "reproductions.aae"):
                return
            found.setdefault(name, []).append(measured(folder, name))
            said = table("system", COLUMNS, found)
            write(out / "table.md", partial(Path.write_text, data=said))
            print(said, flush=True)


if __name__ == "__main__":
    told(main)
