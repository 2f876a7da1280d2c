"""The command `predict`: the class of any images, by a run's classifier."""

from pathlib import Path

from energan.commands.open_run import open_model
from energan.utils.console import say
from energan.utils.errors import UserError


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
    from energan.commands.open_run import skipped_note
    from energan.experiment import load_images
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
