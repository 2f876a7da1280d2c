"""The command `sample`: draws images from noise, or by chains that a classifier guides."""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from energan.commands.explore.flag_types import ChainFlags, Class, Texts
from energan.commands.open_run import open_model
from energan.explore.guidance import Guidance
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.explore.guided_run import GuidedRun
    from energan.inference.model import Model


def sample(
    run: str,
    /,
    *,
    n: int = 64,
    class_: Class = "",
    attributes: str = "",
    text: Texts = (),
    out: str = "samples.png",
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: str = "",
    device: str = "auto",
    path: str = "",
    start: str = "",
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
    chain: OmitArgPrefixes[ChainFlags] = ChainFlags(),
) -> int:
    """Draw images from a run: from noise, or by chains that a classifier guides.

    Args:
        run: The run's folder.
        n: How many images; of each class or sentence that is asked for.
        class_: Classes to draw, by name or number, with commas between, or all; empty: classes in turn by chains, at
            random from noise.
        attributes: What to ask a run of attributes for: age=70, age+=10 (more than it would have), age=20..80 (a row
            for each of seven values); several with commas between.
        text: A sentence that says what to draw, of a run that was trained with captions; again for another sentence,
            which has the next row of the sheet.
        out: x.png is one sheet, x.npz one uint8 array `images` (n, c, h, w), anything else a folder of PNGs. Pictures
            with opacity are RGBA in PNGs; in an .npz they are as they are drawn, `images_on_white`.
        seed: Of the noise; the same seed gives the same images.
        truncation: The farthest that a number of the noise may be from its mean, in standard deviations, such as 0.7:
            images are more usual and more alike. Each number goes to where it has the same rank among those that are
            left, so a seed's images stay its own. Uniform noise, which reaches 1.73, shrinks; classes stay.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
        path: A .png of the chains frame by frame, a row each.
        start: Images (a file, folder, .zip, .npz, .parquet or named set) from whose codes chains begin, in turn; empty:
            from noise.
        guidance: Another classifier to guide the chains.
        chain: Settings of the chains; by default the system's own.
    """
    from energan.explore.asked import sample_attributes
    from energan.explore.guided_run import open_guided_run
    from energan.runs.folder import RunFolder
    from energan.utils.hardware import fits_in_memory
    from energan.utils.image_files import save_images, usable

    at_least(1, n=n)
    usable_seed(seed)
    folder, target = Path(run), usable(Path(out))
    sheet = usable(Path(path), (".png",)) if path else None
    asked = [name for name, given in (("class", class_), ("attributes", attributes), ("text", text)) if given]
    if len(asked) > 1:
        raise UserError(f"`{asked[0]}` and `{asked[1]}` both say what to draw: keep one")
    model = open_model(folder, "sample", checkpoint, device)
    fits_in_memory("n", n, 2 * prod(model.shape or (1,)))
    if model.game.codes is not None:
        if attributes or text or truncation is not None:
            idle = asked[0] if attributes or text else "truncation"
            raise UserError(f"{folder} draws by chains, which are asked for classes: `{idle}` does nothing")
        guided = open_guided_run(model, folder, guidance, chain.settings())
        images, rows, note = _sample_by_chains(guided, class_, n, seed, sheet, start)
    elif path or start or guidance != Guidance() or chain.settings():
        raise UserError(
            f"{folder} draws without chains: `classifier`, `path`, `start` and a chain's settings do nothing"
        )
    elif text:
        (images, rows), note = _sample_of_words(model, folder, text, n, seed, truncation), ""
    elif attributes:
        images, rows, note = sample_attributes(model, RunFolder(folder).record, folder, attributes, n, seed, truncation)
    else:
        (images, rows), note = _sample_from_noise(model, folder, class_, n, seed, truncation), ""
    save_images(images, target, n if rows > 1 else None)
    say(f"{len(images)} images in {target}{note}")
    return 0


def _sample_by_chains(
    s: "GuidedRun", classes: str, n: int, seed: int, path: Path | None, start: str
) -> tuple["Tensor", int, str]:
    """The images, how many rows of a class they make, and what the classifier sees in them.

    path: a .png for the chains, a row each, frame by frame; start: images from whose codes they begin.
    """
    import torch

    from energan.capabilities.inversion.measure import FRAMES
    from energan.data.pixels import to_bytes
    from energan.explore.class_names import parse_classes
    from energan.inference.guided import final_images
    from energan.utils.image_files import save_sheet

    first = _codes(s, start, n) if start else None
    rows = [[c] * n for c in parse_classes(classes, s.classes)] if classes else [[i % len(s.classes) for i in range(n)]]
    logits = s.logits_with_progress(len(rows), n)
    keep = max(1, s.chain.steps // (FRAMES - 1)) if path else None
    traces = [s.run_chains(torch.tensor(row), seed=seed, logits=logits, start=first, keep=keep) for row in rows]
    images = torch.cat([final_images(trace) for trace in traces])
    if path:
        frames = torch.cat([to_bytes(trace.images).cpu() for trace in traces if trace.images is not None], 1)
        save_sheet(frames.transpose(0, 1).flatten(0, 1), path, columns=len(frames))
    targets = torch.tensor([c for row in rows for c in row])
    right = (s.probabilities(images).argmax(1) == targets).float()
    shares = [
        f"{s.classes[c]}: {100 * float(right[targets == c].mean()):.0f} %" for c in dict.fromkeys(targets.tolist())
    ]
    return images, len(rows), f"; the classifier sees what it was asked for in: {', '.join(shares)}"


def _codes(s: "GuidedRun", images: str, n: int) -> "Tensor":
    """The codes of n images, which begin again where there are fewer."""
    import torch

    from energan.data.pixels import to_unit
    from energan.experiment import load_images

    data = load_images(images, "", s.record)
    say(f"chains begin at {min(n, len(data.images))} of {data.counted}")
    chosen = data.images[torch.arange(n) % len(data.images)]
    with torch.no_grad():
        return s.maps.encode(to_unit(chosen.to(s.model.device)))


def _sample_of_words(
    model: "Model", folder: Path, sentences: tuple[str, ...], n: int, seed: int, truncation: float | None
) -> tuple["Tensor", int]:
    """n images of each sentence, one after another, which share their noise; and how many rows they make."""
    import torch

    from energan.explore.said import codes_of
    from energan.runs.folder import RunFolder

    codes = codes_of(model, folder, RunFolder(folder).record, sentences)
    return torch.cat([model.sample(n, seed, conditions=h.expand(n, -1), truncation=truncation) for h in codes]), len(
        codes
    )


def _sample_from_noise(
    model: "Model", folder: Path, classes: str, n: int, seed: int, truncation: float | None
) -> tuple["Tensor", int]:
    """The images, and how many rows of a class they make."""
    import torch

    from energan.explore.class_names import class_names, parse_classes
    from energan.runs.folder import RunFolder

    if not classes:
        return model.sample(n, seed, truncation=truncation), 1
    if not model.classes:
        raise UserError(f"{folder} draws no classes: its system has neither codes nor a class among its noise")
    indices = parse_classes(classes, class_names(RunFolder(folder).record["classes"], model.classes))
    return torch.cat([model.sample(n, seed, c, truncation=truncation) for c in indices]), len(indices)
