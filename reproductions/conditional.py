"""Asked for a class: conditional systems beside their unconditional twins, on digits and on emoji's categories.

    python -m reproductions.conditional --seeds 0 1 2 --out runs/conditional [--only NAME ...] [--steps 3000]

A cell is a run folder, OUT/NAME-SEED: trained by its recipe, measured by its capabilities (`energan evaluate`), gone on
with where it stopped. Finished ones are kept, so the command may be given again, with other names or seeds. Then
OUT/table.md has the mean and the deviation over the seeds that are there: "asked = seen" by a classifier that had no
part in the training, the distance to held-out images, "own reading error %" of argmin over y of E(x, y) (or of the most
likely class) on them, and for digits the log-likelihood under Parzen windows (10,000 samples, pixels in [0, 1], the
window's width chosen on 1,000 training images, mean over the 10,000 test images) and two AUROC, of 0.5 by chance: of
the least energy over classes, as a sign of an image that is no digit (Fashion-MNIST's test images); and of E(x, y), as
a sign of a wrong y (the next class).

All cells of digits have the same steps and batch; EBGAN-PT's nets and margin are those of the demo.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

import energan
from energan.data import load, pad
from energan.evaluation import evaluate
from energan.inference.match import match
from energan.inference.model import Model
from energan.metrics.parzen import VALIDATION, parzen_log_likelihood, parzen_sigma
from energan.metrics.scores import roc_auc
from energan.report import write_report
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.files import write, write_json
from reproductions.cells import table, told, trained
from reproductions.parzen import rows

EMOJI: dict[str, Any] = {"data": "emoji-noto", "width": 32, "batch": 64, "steps": 2500, "save_every": 500}
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "conditional-dcgan": ("conditional-dcgan-mnist", {}),
    "ebgan-pt": ("ebgan-pt-mnist", {"batch": 64, "steps": 3000}),
    "conditional-ebgan-pt": ("conditional-ebgan-pt-mnist", {"mismatch": 0.0}),
    "conditional-ebgan-pt-mismatch": ("conditional-ebgan-pt-mnist", {"mismatch": 1.0}),
    "lsgan-planes": ("lsgan-mnist", {"classes": True, "told": "planes"}),
    "lsgan-projection": ("lsgan-mnist", {"classes": True, "told": "projection"}),
    "emoji-ebgan-pt": ("ebgan-pt-64", {**EMOJI, "margin": 30.0}),
    "emoji-conditional-ebgan-pt": ("ebgan-pt-64", {**EMOJI, "margin": 30.0, "classes": True}),
    "emoji-conditional-ebgan-pt-mismatch": ("ebgan-pt-64", {**EMOJI, "margin": 30.0, "classes": True, "mismatch": 1.0}),
    "emoji-fastgan-norms": ("fastgan-64", {"data": "emoji-noto", "classes": True, "steps": 1500, "save_every": 500}),
    "emoji-dcgan-projection": ("dcgan-64", {**EMOJI, "classes": True, "told": "projection"}),
    "emoji-acgan": ("dcgan-64", {**EMOJI, "classes": True, "told": "auxiliary"}),
}
DIGITS = tuple(name for name in CELLS if not name.startswith("emoji"))
COLUMNS = (
    "asked = seen", "FID", "diversity in a class, of real", "own reading error %", "AUROC, no digit",
    "AUROC, wrong class", "log-likelihood",
)  # fmt: skip
SAMPLES = 10_000


def measured(folder: Path, name: str) -> dict[str, float]:
    """The metrics of a finished cell; measured once."""
    path = folder / "evaluation.json"
    if not path.is_file():
        evaluate(folder, n=SAMPLES, finish=True)
        write_report(folder)
    metrics: dict[str, float] = json.loads(path.read_text())["metrics"]
    values = {column: metrics[column] for column in COLUMNS if column in metrics}
    distances = [k for k in metrics if k.startswith(("FID", "MNIST-FID")) and "class" not in k]
    values |= {"FID": metrics[distances[0]]} if distances else {}
    if name in DIGITS:
        values |= {"log-likelihood": likelihood(folder), **outliers(folder)}
    return values


def outliers(folder: Path) -> dict[str, float]:
    """The two AUROC of a system of digits; kept in the folder."""
    path = folder / "outliers.json"
    if not path.is_file():
        run, model = rebuild(RunFolder(folder).record), energan.load(folder)
        digits = run.test_set()
        others = pad(load("fashion-mnist", "test"), digits.images.shape[-1])
        assert digits.labels is not None
        write_json(path, areas(model, digits.images, digits.labels, others.images))
    areas_kept: dict[str, float] = json.loads(path.read_text())
    return areas_kept


def areas(model: Model, digits: torch.Tensor, labels: torch.Tensor, others: torch.Tensor) -> dict[str, float]:
    """AUROC of the least energy of others against that of digits; and, if it can be asked, of E(x, y) of a wrong y."""
    if not model.asked_width:
        return {"AUROC, no digit": roc_auc(model.score(digits), model.score(others))}
    energy, unlike = (-match(model, images, torch.eye(model.classes)) for images in (digits, others))
    right, wrong = (energy.gather(1, y[:, None])[:, 0] for y in (labels, (labels + 1) % model.classes))
    return {"AUROC, no digit": roc_auc(energy.amin(1), unlike.amin(1)), "AUROC, wrong class": roc_auc(right, wrong)}


def likelihood(folder: Path) -> float:
    """The Parzen windows' mean of the test images, in nats; kept in the folder."""
    path = folder / "parzen.json"
    if not path.is_file():
        run, model = rebuild(RunFolder(folder).record), energan.load(folder)
        samples, training = rows(model.sample(SAMPLES, seed=1)), run.training_set()
        sigma = parzen_sigma(samples, rows(training.images[-VALIDATION:]))
        mean, error = parzen_log_likelihood(samples, rows(run.test_set().images), sigma)
        write_json(path, {"mean": mean, "error": error, "sigma": sigma})
    return float(json.loads(path.read_text())["mean"])


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=tuple(CELLS), default=DIGITS, help="by default all of digits")
    parser.add_argument("--steps", type=int, default=0, help="of each cell; 0 for its own")
    parser.add_argument("--data", default="", help="images, instead of each cell's own")
    parser.add_argument("--width", type=int, default=0, help="of the nets; 0 for the cell's own")
    parser.add_argument("--out", default="runs/conditional", help="where the cells are")
    args = parser.parse_args(arguments)
    out, found = Path(args.out), dict[str, list[dict[str, float]]]()
    given = {k: v for k, v in (("steps", args.steps), ("data", args.data), ("width", args.width)) if v}
    for seed in args.seeds:
        for name in args.only:
            recipe, own = CELLS[name]
            folder = out / f"{name}-{seed}"
            if not trained(folder, recipe, {**own, **given, "seed": seed}, "reproductions.conditional"):
                return
            found.setdefault(name, []).append(measured(folder, name))
            text = table("system", COLUMNS, found)
            write(out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
            print(text, flush=True)


if __name__ == "__main__":
    told(main)
