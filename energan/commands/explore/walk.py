"""The command `walk`: a chain from class to class; or a straight line between sentences, or classes, at fixed noise."""

from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from energan.commands.explore.flag_types import ChainLength, Guidance
from energan.commands.explore.said import Texts
from energan.commands.open_run import open_model
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.commands.explore.guided_run import GuidedRun
    from energan.inference.model import Model
    from energan.samplers.chains import Trace


def walk(
    run: str,
    /,
    *,
    classes: str = "",
    text: Texts = (),
    to: str = "",
    frames: int = 12,
    n: int = 4,
    out: str = "walk.png",
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
    chain: OmitArgPrefixes[ChainLength] = ChainLength(),
) -> int:
    """Walk between classes or sentences, a sheet and a GIF: by one guided chain, or at fixed noise.

    Args:
        run: The run's folder.
        classes: Classes by name or number, with commas between, such as 3,8,0.
        text: The sentence to start from, of a run that was trained with captions; again for sentences on the way.
        to: The sentence to end with.
        frames: Frames between two classes or sentences, with both.
        n: Rows of a walk at fixed noise, each of other noise; a chain is one.
        out: The sheet, a .png: for each leg a row of the chain, and one of the line between its codes; at fixed noise,
            a row for each noise, of which c goes straight from what is asked first to what is asked next. The GIF is
            beside it.
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
    model = open_model(folder, "walk", checkpoint, device)
    if bool(text) != bool(to) or bool(classes) == bool(text):
        raise UserError("a walk goes between classes, by --classes, or between sentences, by --text and --to")
    if model.game.codes is None:
        if guidance != Guidance() or chain.settings():
            raise UserError(f"{folder} draws without chains: `classifier` and a chain's settings do nothing")
        asked, names = _asked(model, folder, classes, (*text, to) if to else ())
        return _walk_at_fixed_noise(model, asked, names, frames, n, seed, sheet)
    if text:
        raise UserError(f"{folder} draws by chains, which classes guide: name them by --classes")
    s = open_guided_run(model, folder, guidance, chain.settings())
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


def _asked(model: "Model", folder: Path, classes: str, sentences: tuple[str, ...]) -> tuple["Tensor", list[str]]:
    """What is asked for at each stop, (stops, d), and how it is called. UserError where the run cannot be asked so."""
    import torch

    from energan.commands.explore.class_names import class_names, parse_classes
    from energan.commands.explore.said import codes_of
    from energan.runs.folder import RunFolder

    record = RunFolder(folder).record
    if sentences:
        return codes_of(model, folder, record, sentences), [f'"{text}"' for text in sentences]
    if not model.classes:
        raise UserError(f"{folder} draws no classes: its system has neither codes nor a class among its noise")
    names = class_names(record["classes"], model.classes)
    stops = parse_classes(classes, names)
    return torch.eye(model.classes)[stops], [names[i] for i in stops]


def _walk_at_fixed_noise(
    model: "Model", stops: "Tensor", names: list[str], frames: int, n: int, seed: int, sheet: Path
) -> int:
    """Draws n rows of noise, each asked for points of the straight lines between the stops: the sheet and the GIF."""
    import torch

    from energan.utils.hardware import fits_in_memory
    from energan.utils.image_files import save_sheet, write_gif

    if len(stops) < 2 or frames < 2:
        raise UserError("a walk needs two classes or more, with commas between, and two frames or more of each leg")
    at_least(1, n=n)
    fits_in_memory("n", n * frames * len(stops), 2 * prod(model.shape or (1,)))
    weights = torch.linspace(0, 1, frames)[:, None]
    legs = [torch.lerp(a[None], b[None], weights) for a, b in pairwise(stops)]
    c = torch.cat([legs[0], *(leg[1:] for leg in legs[1:])])
    films = torch.stack([model.sample(n, seed, conditions=row.expand(n, -1)) for row in c], 1)
    save_sheet(films.flatten(0, 1), sheet, columns=len(c))
    gif = write_gif(films, sheet.with_suffix(".gif"))
    say(f"{sheet} and {gif}: from {' to '.join(names)}, {n} rows of fixed noise, {len(c)} frames each")
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
