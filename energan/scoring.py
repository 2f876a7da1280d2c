"""What `energan score` writes: energies of anyone's images, and their histogram."""

import csv
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan import runs
from energan.data import NAMED
from energan.errors import UserError
from energan.evaluation import DEVICE
from energan.files import write
from energan.prediction import unlabelled
from energan.run import Run


def score(images: str, folder: Path, out: Path, checkpoint: str | None, split: str) -> str:
    """Energies of images under a run's model, with a histogram beside those of the training images.

    The table, CSV or parquet, has a row an image: index, file, energy, label ("" where there is none).
    """
    if out.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out {out}: scores go to a .csv or a .parquet")
    model = runs.load(folder, checkpoint=checkpoint)
    record = runs.read(folder)
    run = runs.rebuild(record, device=DEVICE)
    model.energy  # noqa: B018  # refuse a game without energies before reading images
    if run.game.logits is not None:
        data = unlabelled(images, split, record)
    else:  # files are one "train" by default
        data = run.given(images, split or ("test" if images in NAMED else "train"))
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


def _some_of_training(run: Run) -> Tensor | None:
    """2,000 training images, or None where they are no longer there (said on stderr)."""
    from energan.data.registry import warn

    try:
        images = run.shown(run.training_set()).images
    except UserError as error:
        warn(f"the histogram lacks the training images: {error}")
        return None
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:2000]]


def table(out: Path, columns: dict[str, list[Any]]) -> None:
    """Writes named columns to a .csv, or to a .parquet."""
    if out.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        write(out, lambda p: pq.write_table(pa.table(columns), p))
        return

    def fill(p: Path) -> None:
        with p.open("w", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(columns)
            rows.writerows(zip(*columns.values(), strict=True))

    write(out, fill)


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
