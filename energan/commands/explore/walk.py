"""The command `walk`: leads one chain from class to class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from energan.commands.explore.guided_run import chosen, open_guided_run
from energan.data.pixels import to_bytes
from energan.inference.guided import final_images
from energan.runs.rebuild import load as load_model
from energan.samplers.chains import Trace
from energan.utils.checks import usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.image_files import save_sheet, usable, write_gif


def draw_walk(
    folder: Path, out: Path, *, asked: str, frames: int, seed: int, checkpoint: str, classifier: str, module: str,
    chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """One chain led from class to class, and the straight lines between the codes where it ended for each.

    Writes a sheet, for each leg a row of the chain and below it one of the line, and beside it a GIF of both.
    """
    usable(out, (".png",))
    s = open_guided_run(load_model(folder, checkpoint=checkpoint or None), folder, classifier, module, chain)
    stops = chosen(asked, s.classes)
    if len(stops) < 2 or frames < 2:
        raise UserError("a walk needs two classes or more, with commas between, and two frames or more of each leg")
    logits = s.watched(len(stops), 1)
    traces: list[Trace] = []
    for i, c in enumerate(stops):
        start = traces[-1].codes[-1] if traces else None
        traces.append(s.lead(torch.tensor([c]), seed=seed + i, logits=logits, start=start, keep=1))
    taken = torch.linspace(0, s.chain.steps, frames).round().long()
    legs = []
    for trace in traces[1:]:
        assert trace.images is not None
        ends = trace.codes[[0, -1], 0]
        weights = torch.linspace(0, 1, frames).view(-1, *[1] * (ends.dim() - 1))
        with torch.no_grad():
            straight = s.maps.decode(torch.lerp(ends[:1], ends[1:], weights))
        legs.append(to_bytes(torch.stack([trace.images[taken, 0], straight])))
    both = torch.stack(legs)  # (legs, 2, frames, c, h, w)
    save_sheet(both.flatten(0, 2), out, columns=frames)
    animated = write_gif(both.transpose(0, 1).flatten(1, 2), out.with_suffix(".gif"))
    shown = s.probabilities(torch.cat([final_images(trace) for trace in traces])).tolist()
    told = ", ".join(f"{s.classes[c]}: {100 * row[c]:.0f} %" for c, row in zip(stops, shown, strict=True))
    return f"{out} and {animated}: chain and straight line; the classifier gives each class where it was led: {told}"


def walk(
    run: str, /, *, classes: str, frames: int = 12, out: str = "walk.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", chain_steps: int | None = None, rate: float | None = None,
) -> int:  # fmt: skip
    """Lead one chain from class to class, beside straight lines between its codes: a sheet and a GIF.

    Args:
        run: The run's folder.
        classes: Classes by name or number, with commas between, such as 3,8,0.
        frames: Frames between two classes.
        out: The sheet, a .png: for each leg a row of the chain, and one of the line. The GIF is beside it.
        seed: Of the start code and the noise.
        checkpoint: A step or a path; the newest by default.
        classifier: What leads the chain instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        chain_steps: Steps of the chain for each class.
        rate: What each step is multiplied by.
    """
    usable_seed(seed)
    say(
        draw_walk(
            Path(run), Path(out), asked=classes, frames=frames, seed=seed, checkpoint=checkpoint,
            classifier=classifier, module=module, chain={"steps": chain_steps, "rate": rate},
        )
    )  # fmt: skip
    return 0
