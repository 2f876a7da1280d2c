"""The commands `score` (energies) and `predict` (classes) of any images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.commands.open_run import open_model
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

TRAINING_IMAGES = 2000  # in the histogram


def score(
    images: str,
    /,
    *,
    run: str,
    out: str = "scores.csv",
    checkpoint: str = "",
    split: str = "",
    device: str = "auto",
) -> int:
    """Write an energy for each image (high: unlike the training data) and draw their histogram.

    A system that draws classes adds a column: the class that each image matches best.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: scores.csv or scores.parquet; the histogram is the .png beside it.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        device: cpu, cuda, cuda:1, or auto.
    """
    import torch

    from energan.commands.open_run import load_images, skipped_note
    from energan.data import held_out_split
    from energan.evaluation import DEVICE
    from energan.runs.folder import RunFolder
    from energan.runs.rebuild import rebuild
    from energan.utils.tables import write_table

    table = Path(out)
    if table.suffix not in (".csv", ".parquet"):
        raise UserError(f"`out` {table}: scores go to a .csv or a .parquet")
    model, record = open_model(run, "score", checkpoint, device), RunFolder(run).record
    experiment = rebuild(record, device=DEVICE)
    if experiment.game.logits is not None:
        data = load_images(images, split, record)
    else:
        data = experiment.given(images, split or held_out_split(images) or "train")
    say(f"images: {data.counted}")
    energies = model.score(data.images)
    n = len(energies)
    labels = [""] * n if data.labels is None else [[*data.classes, ""][i] for i in data.labels.tolist()]
    files = list(data.files) or [""] * n
    columns = {"index": list(range(n)), "file": files, "energy": energies.numpy(), "label": labels}
    write_table(table, {**columns, **_best_classes(model, data.images, record["classes"])})
    training = _training_images(Path(run), record)
    reference = [] if training is None else [("the training images", model.score(training))]
    _draw_histogram(table.with_suffix(".png"), [*reference, (data.name, energies)])
    low, middle, high = energies.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
    quantiles = f"5 %: {low:.3g}, median {middle:.3g}, 95 %: {high:.3g}"
    say(f"{n} energies in {table} ({quantiles}){skipped_note(data)}")
    return 0


def _best_classes(model: "Model", images: "Tensor", names: list[str]) -> dict[str, list[str]]:
    """A column "class" for a system that is asked for classes: the one that each image matches best."""
    import torch

    from energan.commands.explore.class_names import class_names
    from energan.inference.match import match

    if model.game.conditions is None or not (count := model.classes):
        return {}
    best = match(model, images, torch.eye(count)).argmax(1).tolist()
    return {"class": [class_names(names, count)[i] for i in best]}


def _training_images(run: Path, record: dict[str, Any]) -> "Tensor | None":
    """2,000 training images, always the same, or None where they cannot be read (said on stderr)."""
    from energan.data.image_set import fixed_subset
    from energan.evaluation import DEVICE
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import settled, training_images
    from energan.utils.console import warn

    try:
        record = settled(record, run)
        experiment = rebuild(record, device=DEVICE)
        images = experiment.shown(training_images(experiment, record, run)).images
    except UserError as error:
        warn(f"the histogram lacks the training images: {error}")
        return None
    return images[fixed_subset(len(images), TRAINING_IMAGES)]


def _draw_histogram(path: Path, energies: "list[tuple[str, Tensor]]") -> None:
    import warnings

    import torch
    from matplotlib.figure import Figure

    from energan.utils.files import write
    from energan.utils.image_files import figure_text

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    together = torch.cat([values for _, values in energies])
    edges = torch.linspace(float(together.min()), float(together.max()) + 1e-6, 60).tolist()
    for name, values in energies:
        # a label that starts with _, as a name may, would not be shown
        label = figure_text(f"{len(values)} of {name}")
        axes.hist(values.tolist(), bins=edges, density=True, alpha=0.55, label=label)
    axes.set(xlabel="energy", ylabel="density")
    axes.legend(frameon=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # letters that the font lacks are drawn as boxes
        write(path, lambda p: figure.savefig(p, format="png", dpi=120))


def predict(
    images: str,
    /,
    *,
    run: str,
    out: str = "predictions.csv",
    checkpoint: str = "",
    split: str = "",
    device: str = "auto",
) -> int:
    """Write the class that a run's classifier gives each image, and the probability of every class.

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: A .csv with a row an image: file, label, probability, and a column a class.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        device: cpu, cuda, cuda:1, or auto.
    """
    from energan.capabilities.classification.predictions import prediction_columns
    from energan.commands.open_run import load_images, skipped_note
    from energan.runs.folder import RunFolder
    from energan.utils.tables import write_table

    table = Path(out)
    if table.suffix != ".csv":
        raise UserError(f"`out` {table}: predictions go to a .csv")
    model, record = open_model(run, "predict", checkpoint, device), RunFolder(run).record
    data = load_images(images, split, record)
    say(f"images: {data.counted}")
    write_table(table, prediction_columns(data, model.probabilities(data.images), record["data"]["classes"]))
    say(f"{len(data.images)} predictions in {table}{skipped_note(data)}")
    return 0
