"""The commands `score` (energies) and `predict` (classes) of any images."""

import csv
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from energan.data import ImageSet, held_out_split, load
from energan.evaluation import DEVICE
from energan.experiment import Experiment
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load as load_model
from energan.runs.rebuild import rebuild
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.files import write
from energan.utils.tables import table


def score(images: str, /, *, run: str, out: str = "scores.csv", checkpoint: str = "", split: str = "") -> int:
    """Write an energy for each image (high: unlike the training data) and draw their histogram.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: scores.csv or scores.parquet; the histogram is the .png beside it.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train or test; by default test of a named set, and all of a folder or file that has no splits.
    """
    from energan.commands.score import write_scores

    say(write_scores(images, Path(run), Path(out), checkpoint or None, split))
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
    from energan.commands.score import write_predictions

    say(write_predictions(images, Path(run), Path(out), checkpoint or None, split))
    return 0


def predict_training(folder: Path) -> Path:
    """Writes predictions.csv of all images that a run was trained on, labelled or not, into its folder."""
    run = rebuild(RunFolder(folder).record, device="cpu")
    data = run.training_set()
    return _table(folder / "predictions.csv", data, load_model(folder).probabilities(data.images), data.classes)


def write_predictions(images: str, folder: Path, out: Path, checkpoint: str | None, split: str) -> str:
    """Writes a row for each image: its file (or number), the likeliest class, and the probability of every class."""
    if out.suffix != ".csv":
        raise UserError(f"--out {out}: predictions go to a .csv")
    model, record = load_model(folder, checkpoint=checkpoint), RunFolder(folder).record
    model.classifier  # noqa: B018  # refuse a game without classes before reading images
    data = unlabelled(images, split, record)
    _table(out, data, model.probabilities(data.images), tuple(record["data"]["classes"]))
    skipped = f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
    return f"{len(data.images)} predictions in {out}{skipped}"


def unlabelled(images: str, split: str, record: dict[str, Any]) -> ImageSet:
    """Anyone's images in the size and colours of a classifier's; they need no labels, as those that it learned from."""
    channels, size, _ = record["data"]["shape"]
    return load(images, split or held_out_split(images), size=size, channels=channels)


def _table(out: Path, data: ImageSet, probabilities: Float[Tensor, "n classes"], classes: tuple[str, ...]) -> Path:
    predicted = probabilities.argmax(1).tolist()
    files = data.files or tuple(map(str, range(len(data.images))))

    def fill(p: Path) -> None:
        with p.open("w", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(["file", "label", "probability", *(f"P({name})" for name in classes)])
            for file, i, each in zip(files, predicted, probabilities.tolist(), strict=True):
                rows.writerow([file, classes[i], *(f"{value:.6g}" for value in (each[i], *each))])

    return write(out, fill)


def write_scores(images: str, folder: Path, out: Path, checkpoint: str | None, split: str) -> str:
    """Energies of images under a run's model, with a histogram beside those of the training images.

    The table, CSV or parquet, has a row an image: index, file, energy, label ("" where there is none).
    """
    if out.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out {out}: scores go to a .csv or a .parquet")
    model = load_model(folder, checkpoint=checkpoint)
    record = RunFolder(folder).record
    run = rebuild(record, device=DEVICE)
    model.energy  # noqa: B018  # refuse a game without energies before reading images
    if run.game.logits is not None:
        data = unlabelled(images, split, record)
    else:  # files are one "train" by default
        data = run.given(images, split or held_out_split(images))
    energies = model.score(data.images)
    n = len(energies)
    labels = [""] * n if data.labels is None else [[*data.classes, ""][i] for i in data.labels.tolist()]
    files = list(data.files) or [""] * n
    table(out, {"index": list(range(n)), "file": files, "energy": energies.tolist(), "label": labels})
    training = _some_of_training(run)
    known = {} if training is None else {"training images": model.score(training)}
    _draw(out.with_suffix(".png"), {**known, data.name: energies})
    low, middle, high = energies.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
    skipped = f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
    return f"{len(energies)} energies in {out} (5 %: {low:.3g}, median {middle:.3g}, 95 %: {high:.3g}){skipped}"


def _some_of_training(run: Experiment) -> Tensor | None:
    """2,000 training images, or None where they are no longer there (said on stderr)."""
    from energan.utils.console import warn

    try:
        images = run.shown(run.training_set()).images
    except UserError as error:
        warn(f"the histogram lacks the training images: {error}")
        return None
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:2000]]


def _draw(path: Path, energies: dict[str, Tensor]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    both = torch.cat(list(energies.values()))
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, 60).tolist()
    for name, values in energies.items():
        axes.hist(values.tolist(), bins=edges, density=True, alpha=0.55, label=f"{name} ({len(values)})")
    axes.set(xlabel="energy", ylabel="density")
    axes.legend(frameon=False)
    write(path, lambda p: figure.savefig(p, format="png", dpi=120))
