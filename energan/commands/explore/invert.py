"""The command `invert`: reconstructs images from their latents."""

from pathlib import Path

import torch

from energan.commands.explore.guided_run import open_guided_run
from energan.inference.guided import reconstruct
from energan.runs.rebuild import load as load_model
from energan.utils.checks import at_least
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.image_files import save_sheet, usable
from energan.utils.tables import table

PAIRS = 10  # on a row of the sheet


def draw_inversions(
    images: str, folder: Path, out: Path, errors: Path | None, *, n: int, checkpoint: str, split: str
) -> str:
    """Pairs of the first n images and what G makes of their codes; the mean square error of every image in a table."""
    usable(out, (".png",))
    if errors and errors.suffix not in (".csv", ".parquet"):
        raise UserError(f"--csv {errors}: errors go to a .csv or a .parquet")
    s = open_guided_run(load_model(folder, checkpoint=checkpoint or None), folder)
    data = s.images(images, split)
    made = reconstruct(s.model, data.images)
    square = ((made.float() - data.images.float()) / 255).square().flatten(1).mean(1)
    save_sheet(torch.stack([data.images[:n], made[:n]], 1).flatten(0, 1), out, columns=2 * min(PAIRS, n))
    if errors:
        files = list(data.files) or [""] * len(square)
        table(errors, {"index": list(range(len(square))), "file": files, "error": square.tolist()})
    told = f"{min(n, len(square))} pairs in {out}" + (f", {len(square)} errors in {errors}" if errors else "")
    skipped = f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
    return f"{told}; mean square error {float(square.mean()):.3g} of pixels in [0, 1]{skipped}"


def invert(
    images: str, /, *, run: str, out: str = "inverted.png", csv: str = "", n: int = 50, checkpoint: str = "",
    split: str = "",
) -> int:  # fmt: skip
    """Bring images through a run's codes: each beside what the generator makes of its code.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: A .png of pairs.
        csv: A .csv or .parquet with the mean square error of every image.
        n: How many pairs at most.
        checkpoint: A step or a path; the newest by default.
        split: train or test; by default test of a named set, and all of a folder or file that has no splits.
    """
    at_least(1, n=n)
    say(
        draw_inversions(
            images, Path(run), Path(out), Path(csv) if csv else None, n=n, checkpoint=checkpoint, split=split
        )
    )
    return 0
