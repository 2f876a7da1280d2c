"""The command `adapt`: trains a classifier for images whose labels nobody knows, from labelled ones of another kind."""

from typing import Any, Literal

from energan.commands.config import Config
from energan.commands.train import RunOptions, start, with_absolute_paths
from energan.utils.errors import UserError
from energan.utils.hardware import Precision

RECIPES = {f"{system}-mnist": system for system in ("dann", "adda", "pixelda")}

SHARED = ("target", "test", "steps", "batch", "seed", "size", "channels", "precision", "device", "value_range")


def flags_of(config: Config) -> dict[str, Any]:
    """The flags of `adapt` that a run was made with. UserError for a run that it does not make."""
    if config.recipe not in RECIPES:
        raise UserError(f"{config.source} is a run of {config.recipe}, which `energan adapt` does not train")
    names = {"data": "source", "labels_csv": "labels", **{name: name for name in SHARED}}
    names |= {"weight": "weight"} if RECIPES[config.recipe] == "dann" else {}
    flags = {flag: config.arguments[name] for name, flag in names.items() if name in config.arguments}
    return {**flags, "system": RECIPES[config.recipe]}


def adapt(
    *,
    source: str,
    target: str,
    labels: str = "",
    test: str = "",
    system: Literal["dann", "adda", "pixelda"] = "dann",
    weight: float | None = None,
    steps: int = 20000,
    batch: int = 64,
    seed: int = 0,
    size: int = 28,
    channels: int = 3,
    precision: Precision = "auto",
    device: str = "auto",
    value_range: tuple[float, float] | None = None,
    out: str = "",
    quiet: bool = False,
    config: str = "",
) -> int:
    """Train a classifier of --target's images, whose labels nobody knows, from --source's labels.

    Args:
        source: Images with labels: a folder with one sub-folder per class, any folder with --labels, or a named set.
        target: Images of the other kind; labels that they have are not used.
        labels: A CSV with columns file and label, of the source's images.
        test: Labelled images of the target to measure the error on, one sub-folder per class; by default those that
            --target holds out.
        system: What learns: DANN, one encoder for both domains; ADDA, an encoder for each; or PixelDA, which makes the
            source's images look like the target's.
        weight: Of DANN: how much features go against the discriminator of domains at the end, by default 1; 0: a
            classifier of the source.
        steps: Training steps.
        batch: Images of either kind a step; less where there are fewer.
        seed: Of the weights and the order of the data.
        size: Pixels a side that images are brought to.
        channels: 3 for colour, 1 for grey.
        precision: bf16 (autocast), fp32, or auto (bf16 where the processor has units for it).
        device: cpu, cuda, cuda:1, or auto.
        value_range: What is black and what is white in images of more than 8 bits; by default measured over the source.
        out: The run's folder; a new one under runs/ by default.
        quiet: No progress bar.
        config: An earlier run of adapt, or its run.json, whose settings are the defaults of all flags.
    """
    from energan.data import load
    from energan.recipes.semi_supervised.labelled_data import labelled_images

    if weight is not None and system != "dann":
        raise UserError(f"`weight` is DANN's, and {system} has none: leave it out, or use `system` dann")
    named = with_absolute_paths({"data": source, "labels_csv": labels, "test": test, "target": target})
    images = labelled_images(
        named["data"], "train", labels_csv=named["labels_csv"], size=size, channels=channels, value_range=value_range
    )
    others = load(named["target"], size=size, channels=channels, value_range=images.value_range or value_range)
    arguments: dict[str, Any] = {
        **named,
        "classes": len(images.classes),
        "size": size,
        "channels": channels,
        "steps": steps,
        "batch": min(batch, max(2, len(others.images))),  # one image is refused by the recipe
        "seed": seed,
        "precision": precision,
        "device": device,
        "value_range": value_range,
        **({} if weight is None else {"weight": weight}),
    }
    return start(f"{system}-mnist", arguments, RunOptions(out=out, quiet=quiet))
