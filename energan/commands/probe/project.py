"""The command `project`: the noise that draws one's own images best."""

from pathlib import Path
from typing import Any

from energan.commands.explore.flag_types import Class
from energan.commands.open_run import open_model
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

TRIPLES = 4  # on a row of the sheet


def project(
    images: str,
    /,
    *,
    run: str,
    steps: int = 200,
    n: int = 8,
    class_: Class = "",
    out: str = "",
    noise: str = "",
    seed: int = 0,
    split: str = "",
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Project images: look for the noise that draws each of them best, by gradient descent on pixels and features.

    The start is what the run's encoder reads, where it has one, and else the nearest of 500 samples; of these, four
    descend for each image and the best is kept.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        steps: Steps of gradient descent.
        n: How many images at most: the first of the source.
        class_: The class that all of them are drawn as, of a run that draws classes; by default that of the start.
        out: A .png: each image, the start and the projection; by default in the run's folder, with the errors.
        noise: An .npz that the noise is written to, by its names in the equations: what `Model.decode` takes.
        seed: Of the samples to start from.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    import numpy as np
    import torch

    from energan.commands.open_run import skipped_note
    from energan.commands.probe.given import checked_sheet, keep, step_of
    from energan.experiment import load_images
    from energan.explore.class_names import class_names, parse_classes
    from energan.metrics.features.catalog import describe
    from energan.runs.folder import RunFolder
    from energan.runs.probes import Finding, Number
    from energan.utils.files import write

    at_least(1, n=n)
    at_least(0, steps=steps)
    usable_seed(seed)
    checked_sheet(out)
    if noise and Path(noise).suffix != ".npz":
        raise UserError(f"`noise` {noise}: noise goes to an .npz")
    folder = Path(run)
    model, record = open_model(folder, "project", checkpoint, device), RunFolder(folder).record
    asked = None
    if class_:
        if not model.classes:
            raise UserError(f"{folder} draws no classes: `class` cannot be asked for")
        chosen = parse_classes(class_, class_names(record["classes"], model.classes))
        if len(chosen) > 1:
            raise UserError(f"`class` {class_}: all images are projected as one class")
        asked = torch.eye(model.classes)[chosen]
    data = load_images(images, split, record)
    say(f"images: {data.counted}")
    real = data.images[:n]
    conditions = None if asked is None else asked.expand(len(real), -1)
    found = model.project(real, steps=steps, seed=seed, conditions=conditions)
    numbers = [
        Number(
            "error", float(found.errors.mean()), "root mean square difference, pixels from 0 to 1; mean of the images"
        ),
        Number("error of the start", float(found.start_errors.mean()), "the same before the descent"),
    ]
    told = f"{len(real)} images are drawn with an error of {numbers[0].value:.3f} ({numbers[1].value:.3f} at the start)"
    if record["network"]:
        network = record["network"]
        of = [describe(x, network).features for x in (real, found.images, found.start)]
        far, before = (float((of[0] - side).norm(dim=1).mean()) for side in of[1:])
        numbers += [
            Number(f"distance of {network} features", far, "between an image and its projection; mean of the images"),
            Number(f"distance of {network} features of the start", before, "the same before the descent"),
        ]
        told += f"; of {network} features, {far:.3g} ({before:.3g})"
    sheet = torch.stack([real, found.start, found.images], 1).flatten(0, 1)
    about = Finding(
        "Projection", f"{told[0].upper()}{told[1:]}.", step_of(folder, checkpoint), numbers,
        "Each image, the start, and what was found.",
    )  # fmt: skip
    place = keep(folder, "project", about, sheet, columns=3 * min(TRIPLES, len(real)), out=out)
    if noise:
        arrays: dict[str, Any] = {name: rows.numpy() for name, rows in found.noise.items()}
        write(Path(noise), lambda p: np.savez(p, **arrays))
    say(f"{told}, pixels from 0 to 1; in {place}{f' and {noise}' if noise else ''}{skipped_note(data)}")
    return 0
