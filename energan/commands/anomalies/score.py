"""The command `score`: energies of any images, which of them are outliers, and where."""

from pathlib import Path

from energan.commands.open_run import open_model
from energan.utils.console import say
from energan.utils.errors import UserError


def score(
    images: str,
    /,
    *,
    run: str,
    out: str = "scores.csv",
    maps: str = "",
    false_alarms: str = "",
    normal: str = "",
    normal_class: tuple[str, ...] = (),
    checkpoint: str = "",
    split: str = "",
    device: str = "auto",
) -> int:
    """Write an energy for each image (high: unlike the training data), say which are outliers, and show where.

    A system that draws classes adds a column: the class that each image matches best.

    Args:
        images: A folder, .zip, .npz or .parquet of images, one image, or a named set.
        run: The run's folder.
        out: scores.csv or scores.parquet; the histogram is the .png beside it, what was measured the .json.
        maps: A new folder for pictures of where each image is odd: two an image, and a sheet of the oddest.
        false_alarms: How many normal images may be called outliers, as 1% or 0.01; by default what the run has.
        normal: Normal images that were not trained on, to calibrate with; by default those that the run holds out.
        normal_class: Classes of the images that are normal; by default those called good, ok or normal.
        checkpoint: "best", a step, or a path; the newest by default.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
        device: cpu, cuda, cuda:1, or auto.
    """
    from energan.capabilities.energies.pictures import draw_histogram
    from energan.capabilities.energies.scoring import given_images, scored
    from energan.commands.anomalies.maps import write_maps
    from energan.commands.open_run import skipped_note
    from energan.inference.calibration import rate_of
    from energan.runs.folder import RunFolder
    from energan.utils.files import check_free, write_json
    from energan.utils.tables import write_table

    table, rate = Path(out), rate_of(false_alarms) if false_alarms else None
    if table.suffix not in (".csv", ".parquet"):
        raise UserError(f"`out` {table}: scores go to a .csv or a .parquet")
    folder, model = RunFolder(run), open_model(run, "score", checkpoint, device)
    if maps:
        check_free(Path(maps), "maps")
        model.require("energy map")
    data = given_images(folder.record, images, split)
    found = scored(
        folder, model, folder.checkpoint(checkpoint), data, images, rate=rate, normal=normal, normal_class=normal_class
    )
    energies, usual = found.energies, found.usual
    write_table(table, found.columns)
    if about := found.summary(run):
        write_json(table.with_suffix(".json"), about)
    sets = [*found.beside(model), (data.name, energies)]
    draw_histogram(table.with_suffix(".png"), sets, usual.threshold if usual else None)
    if maps:
        notes = [f"energy {energy:.4g}" for energy in energies.tolist()]
        if usual:
            notes = [f"{note}, score {s:.3f}" for note, s in zip(notes, found.columns["score"], strict=True)]
        write_maps(Path(maps), model, data, energies, notes)
    low, middle, high = energies.quantile(energies.new_tensor([0.05, 0.5, 0.95])).tolist()
    quantiles = f"5 %: {low:.3g}, median {middle:.3g}, 95 %: {high:.3g}"
    say(f"{len(energies)} energies in {table} ({quantiles}){skipped_note(data)}")
    return 0
