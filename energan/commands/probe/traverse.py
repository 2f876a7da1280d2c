"""The command `traverse`: one code at a time, or one direction of the noise, from one side to the other."""

from pathlib import Path
from typing import Literal

from energan.commands.explore.flag_types import Class, Texts
from energan.commands.open_run import open_model
from energan.utils.checks import at_least, positive, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

Method = Literal["", "codes", "pca", "factors"]


def traverse(
    run: str,
    /,
    *,
    method: Method = "",
    noise: str = "",
    directions: int = 6,
    reach: float = 2.0,
    steps: int = 9,
    n: int = 1,
    class_: Class = "",
    text: Texts = (),
    out: str = "",
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Change one code of a sample at a time, or move it along the directions of greatest change, a row each.

    A code is a category of the noise, or one number of a noise that has ten or fewer; a row shows every category, or
    even steps of the number. Without codes, the directions are those along which the generator's first layer changes
    most: by pca of its activations (GANSpace), or the factors of its weight in closed form (SeFa).

    Args:
        run: The run's folder.
        method: codes, pca or factors; by default codes, where the noise has any, else pca.
        noise: The noise to move, by its letter in the equations; by default all in turn.
        directions: Rows of each noise, by pca or factors.
        reach: How far to either side: in standard deviations of normal noise, in half the width of uniform noise.
            Codes go from one side of their middle to the other; directions are added to the sample.
        steps: Columns, of what is no category; the middle one of a direction is the sample itself.
        n: Samples, a row each for every code or direction.
        class_: A class that all images are asked for, by name or number; by default what each sample was.
        text: A sentence that all images are asked for, likewise.
        out: A .png; by default traverse.png in the run's folder, in probes/.
        seed: Of the samples, and of the noise that activations are of.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
    """
    import torch

    from energan.commands.probe.given import checked_sheet, keep, step_of
    from energan.explore.held import held_row
    from energan.explore.tiles import laid_out
    from energan.explore.traversed import FEW, Rows, code_rows, codes_among, direction_rows, measured
    from energan.runs.folder import RunFolder
    from energan.runs.probes import Finding
    from energan.utils.hardware import fits_in_memory

    usable_seed(seed)
    at_least(1, directions=directions, n=n)
    at_least(2, steps=steps)
    positive(reach=reach)
    checked_sheet(out)
    folder = Path(run)
    model, record = open_model(folder, "traverse", checkpoint, device), RunFolder(folder).record
    held, _ = held_row(model, folder, record, class_, text)
    samples = model.noise_of(range(n), seed, conditions=None if held is None else held.expand(n, -1))
    kinds = {name: measured(kind, model, name) for name, kind in model.distributions.items()}
    codes = codes_among(samples, kinds)
    if noise and noise not in kinds:
        raise UserError(f"this run’s generator reads no noise {noise!r}; it reads {', '.join(kinds)}")
    method = method or ("codes" if (noise in codes if noise else codes) else "pca")
    moved = [name for name in ([noise] if noise else kinds) if (name in codes) == (method == "codes")]
    if method != "codes" and not moved:
        moved = [name for name in ([noise] if noise else kinds) if kinds[name].kind != "category"]
    if not moved:
        raise UserError(
            f"no noise of this run can be traversed by {method}: {', '.join(kinds)} "
            + (
                f"have more than {FEW} numbers; pca and factors find directions"
                if method == "codes"
                else "are categories"
            )
        )
    fits_in_memory("n", n * steps * len(moved), 4 * model.sample(1).numel())
    found = Rows([], [], [])
    for name in moved:
        if method == "codes":
            code_rows(model, samples, name, kinds[name], reach, steps, found)
        else:
            draws = torch.Generator().manual_seed(seed)
            direction_rows(model, samples, name, kinds[name], method, (directions, reach, steps), draws, found)
    sheet, columns = laid_out(found.images)
    says = f"rows from the top: {', '.join(found.names)}"
    picture = "one code changed at a time" if method == "codes" else "samples moved along one direction in each row"
    about = Finding("Traversals", f"{says}.", step_of(folder, checkpoint), found.numbers, picture)
    say(f"{keep(folder, 'traverse', about, sheet, columns, out)}: {says}")
    return 0
