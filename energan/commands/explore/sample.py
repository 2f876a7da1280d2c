"""The command `sample`: draws images from noise, or by chains that a classifier guides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from energan.capabilities.inversion.measure import FRAMES
from energan.commands.explore.flag_types import Class, Gradient
from energan.commands.explore.guided_run import chosen, named, open_guided_run
from energan.data.pixels import to_bytes
from energan.inference.guided import final_images
from energan.inference.model import Model
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load as load_model
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.image_files import save_images, save_sheet, usable


def draw_samples(
    folder: Path, out: Path, *, asked: str, n: int, seed: int, checkpoint: str, classifier: str, module: str,
    path: Path | None, chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """Draws n images, of each class if classes are asked for; says where they are and what the classifier sees.

    path: a .png for the chains, a row each, frame by frame.
    """
    usable(out)
    if path:
        usable(path, (".png",))
    model = load_model(folder, checkpoint=checkpoint or None)
    if model.game.codes is None:
        if classifier or module or path or any(value is not None for value in chain.values()):
            raise UserError(f"{folder} draws without chains: --classifier, --path and a chain's settings do nothing")
        return _in_one_pass(model, folder, out, asked, n, seed)
    s = open_guided_run(model, folder, classifier, module, chain)
    groups = [[c] * n for c in chosen(asked, s.classes)] if asked else [[i % len(s.classes) for i in range(n)]]
    logits = s.watched(len(groups), n)
    keep = max(1, s.chain.steps // (FRAMES - 1)) if path else None
    traces = [s.lead(torch.tensor(group), seed=seed, logits=logits, keep=keep) for group in groups]
    images = torch.cat([final_images(trace) for trace in traces])
    save_images(images, out, n if len(groups) > 1 else None)
    if path:
        frames = torch.cat([to_bytes(trace.images) for trace in traces if trace.images is not None], 1)
        save_sheet(frames.transpose(0, 1).flatten(0, 1), path, columns=len(frames))
    wanted = torch.tensor([c for group in groups for c in group])
    right = (s.probabilities(images).argmax(1) == wanted).float()
    shares = [f"{s.classes[c]}: {100 * float(right[wanted == c].mean()):.0f} %" for c in dict.fromkeys(wanted.tolist())]
    return f"{len(images)} images in {out}; the classifier sees what it was asked for in: {', '.join(shares)}"


def _in_one_pass(model: Model, folder: Path, out: Path, asked: str, n: int, seed: int) -> str:
    if not asked:
        save_images(model.sample(n, seed), out)
        return f"{n} images in {out}"
    if not model.classes:
        raise UserError(f"{folder} draws no classes: its system has neither codes nor a class among its noise")
    wanted = chosen(asked, named(RunFolder(folder).record["classes"], model.classes))
    images = torch.cat([model.sample(n, seed, c) for c in wanted])
    save_images(images, out, n if len(wanted) > 1 else None)
    return f"{len(images)} images in {out}"


def sample(
    run: str, /, *, n: int = 64, class_: Class = "", out: str = "samples.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", path: str = "", eps1: float | None = None, eps2: float | None = None,
    eps3: float | None = None, chain_steps: int | None = None, rate: float | None = None,
    gradient: Gradient | None = None, normalise: bool | None = None,
) -> int:  # fmt: skip
    """Draw images from a run: from noise, or by chains that a classifier leads.

    Args:
        run: The run's folder.
        n: How many images; of each class, where --class names some.
        class_: Classes to draw, by name or number, with commas between, or all; empty: classes in turn.
        out: x.png is one sheet, x.npz one uint8 array `images` (n, c, h, w), anything else a folder of PNGs.
        seed: Of the noise; the same seed gives the same images.
        checkpoint: "best", a step, or a path; the newest by default.
        classifier: What leads the chains instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        path: A .png of the chains frame by frame, a row each.
        eps1: Factor of the prior, R(h) - h.
        eps2: Factor of the classifier's gradient.
        eps3: Standard deviation of the noise.
        chain_steps: Steps of each chain.
        rate: What each step is multiplied by.
        gradient: What of the classifier is climbed.
        normalise: Whether each step is divided by its mean size.
    """
    at_least(1, n=n)
    usable_seed(seed)
    chain = {
        "eps1": eps1, "eps2": eps2, "eps3": eps3, "steps": chain_steps, "rate": rate, "gradient": gradient,
        "normalise": normalise,
    }  # fmt: skip
    say(
        draw_samples(
            Path(run), Path(out), asked=class_, n=n, seed=seed, checkpoint=checkpoint, classifier=classifier,
            module=module, path=Path(path) if path else None, chain=chain,
        )
    )  # fmt: skip
    return 0
