"""The command `invert`: reconstructs images from their codes, or from the noise that a system reads from them."""

from pathlib import Path

from energan.commands.open_run import open_model
from energan.utils.checks import at_least
from energan.utils.console import say
from energan.utils.errors import UserError

PAIRS = 10  # on a row of the sheet


def invert(
    images: str,
    /,
    *,
    run: str,
    out: str = "inverted.png",
    csv: str = "",
    n: int = 50,
    checkpoint: str = "",
    device: str = "auto",
    split: str = "",
) -> int:
    """Reconstruct images from their codes: each beside what the generator makes of its code.

    A system that reads its noise from images draws each of that noise.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: A .png of pairs.
        csv: A .csv or .parquet with the mean square error of every image.
        n: How many pairs at most.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
        split: train, test, validation or all; by default the images held out (test, else validation), else all.
    """
    import torch

    from energan.commands.open_run import skipped_note
    from energan.experiment import load_images
    from energan.inference.guided import reconstruct
    from energan.runs.folder import RunFolder
    from energan.utils.image_files import save_sheet, usable
    from energan.utils.tables import write_table

    at_least(1, n=n)
    sheet, table = usable(Path(out), (".png",)), Path(csv) if csv else None
    if table and table.suffix not in (".csv", ".parquet"):
        raise UserError(f"`csv` {table}: errors go to a .csv or a .parquet")
    model = open_model(run, "invert", checkpoint, device)
    data = load_images(images, split, RunFolder(run).record)
    say(f"images: {data.counted}")
    redrawn = model.reconstruct(data.images) if model.game.codes is None else reconstruct(model, data.images)
    errors = ((redrawn.float() - data.images.float()) / 255).square().flatten(1).mean(1)
    pairs = torch.stack([data.images[:n], redrawn[:n]], 1).flatten(0, 1)
    save_sheet(pairs, sheet, columns=2 * min(PAIRS, n))
    text = f"{len(pairs) // 2} pairs in {sheet}"
    if table:
        files = list(data.files) or [""] * len(errors)
        write_table(table, {"index": list(range(len(errors))), "file": files, "error": errors.numpy()})
        text += f", {len(errors)} errors in {table}"
    say(f"{text}; mean square error {float(errors.mean()):.3g} of pixels in [0, 1]{skipped_note(data)}")
    return 0
