"""The command `walk`: a chain from class to class."""

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from energan.commands.explore.flag_types import ChainLength, Guidance
from energan.commands.open_run import open_model
from energan.utils.checks import usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.commands.explore.guided_run import GuidedRun
    from energan.samplers.chains import Trace


def walk(
    run: str,
    /,
    *,
    classes: str,
    frames: int = 12,
    out: str = "walk.png",
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
    chain: OmitArgPrefixes[ChainLength] = ChainLength(),
) -> int:
    """Guide one chain from class to class, beside straight lines between its codes: a sheet and a GIF.

    Args:
        run: The run's folder.
        classes: Classes by name or number, with commas between, such as 3,8,0.
        frames: Frames between two classes.
        out: The sheet, a .png: for each leg a row of the chain, and one of the line. The GIF is beside it.
        seed: Of the start code and the noise.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
        guidance: Another classifier to guide the chain.
        chain: Settings of the chain for each class; by default the system's own.
    """
    import torch

    from energan.commands.explore.class_names import parse_classes
    from energan.commands.explore.guided_run import open_guided_run
    from energan.inference.guided import final_images
    from energan.utils.image_files import save_sheet, usable, write_gif

    usable_seed(seed)
    folder, sheet = Path(run), usable(Path(out), (".png",))
    s = open_guided_run(open_model(folder, "walk", checkpoint, device), folder, guidance, chain.settings())
    stops = parse_classes(classes, s.classes)
    if len(stops) < 2 or frames < 2:
        raise UserError("a walk needs two classes or more, with commas between, and two frames or more of each leg")
    logits = s.logits_with_progress(len(stops), 1)
    traces: list[Trace] = []
    for i, c in enumerate(stops):
        start = traces[-1].codes[-1] if traces else None
        traces.append(s.run_chains(torch.tensor([c]), seed=seed + i, logits=logits, start=start, keep=1))
    legs = torch.stack([_leg(s, trace, frames) for trace in traces[1:]])  # (legs, 2, frames, c, h, w)
    save_sheet(legs.flatten(0, 2), sheet, columns=frames)
    gif = write_gif(legs.transpose(0, 1).flatten(1, 2), sheet.with_suffix(".gif"))
    rows = s.probabilities(torch.cat([final_images(trace) for trace in traces])).tolist()
    shares = ", ".join(f"{s.classes[c]}: {100 * row[c]:.0f} %" for c, row in zip(stops, rows, strict=True))
    say(f"{sheet} and {gif}: chain and straight line; the classifier gives each class where it was led: {shares}")
    return 0


def _leg(s: "GuidedRun", trace: "Trace", frames: int) -> "Tensor":
    """Images of the chain, and of the straight line between the codes of its ends: (2, frames, c, h, w), bytes."""
    import torch

    from energan.data.pixels import to_bytes

    assert trace.images is not None
    steps = torch.linspace(0, s.chain.steps, frames).round().long()
    ends = trace.codes[[0, -1], 0]
    weights = torch.linspace(0, 1, frames, device=ends.device).view(-1, *[1] * (ends.dim() - 1))
    with torch.no_grad():
        line = s.maps.decode(torch.lerp(ends[:1], ends[1:], weights))
    return to_bytes(torch.stack([trace.images[steps, 0], line])).cpu()
