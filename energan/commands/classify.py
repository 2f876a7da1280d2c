"""The command `classify`: trains a classifier from few labels."""

from typing import Any, Literal

from energan.commands.config import Config
from energan.commands.train import RunOptions, start, with_absolute_paths
from energan.utils.errors import UserError
from energan.utils.hardware import Precision

RECIPES = {
    "ladder": "ladder-mnist", "ebgan-ln": "ebgan-ln-mnist", "improved-gan": "improved-gan-mnist",
    "aae": "aae-ssl-mnist",
}  # fmt: skip

SHARED = (
    "data", "test", "steps", "batch", "seed", "label_seed", "size", "channels", "precision", "device", "value_range",
)  # fmt: skip


def flags_of(config: Config) -> dict[str, Any]:
    """The flags of `classify` that a run was made with. UserError for a run that it does not make."""
    systems = {recipe: system for system, recipe in RECIPES.items()}
    if config.recipe not in systems:
        raise UserError(f"{config.source} is a run of {config.recipe}, which `energan classify` does not train")
    labels = config.arguments.get("labels") or config.arguments.get("labels_csv") or ""
    shared = {name: config.arguments[name] for name in SHARED if name in config.arguments}
    return {**shared, "labels": str(labels), "system": systems[config.recipe]}


def classify(
    *,
    data: str,
    labels: str = "",
    test: str = "",
    system: Literal["ladder", "ebgan-ln", "improved-gan", "aae"] = "ladder",
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    label_seed: int = 0,
    size: int = 28,
    channels: int = 1,
    precision: Precision = "auto",
    device: str = "auto",
    value_range: tuple[float, float] | None = None,
    out: str = "",
    quiet: bool = False,
    config: str = "",
) -> int:
    """Train a classifier on images of which some have labels, and predict the class of all.

    Args:
        data: A folder with one sub-folder per class and one called unlabelled; any folder with --labels; another set.
        labels: A CSV with columns file and label (empty: none), or how many labels to use; by default all there are.
        test: Labelled images to measure the error on: one sub-folder per class. By default those that --data holds out.
        system: What learns: a ladder network, EBGAN-LN, the improved GAN's classifier, or an adversarial auto-encoder.
        steps: Training steps.
        batch: Labelled images a step, and unlabelled ones; less where there are fewer images.
        seed: Of the weights, the noise and the order of the data.
        label_seed: Of which labels are used, where --labels is a number.
        size: Pixels a side that images are brought to.
        channels: 3 for colour, 1 for grey.
        precision: bf16 (autocast), fp32, or auto (bf16 where the processor has units for it).
        device: cpu, cuda, cuda:1, or auto.
        value_range: What is black and what is white in images of more than 8 bits; by default measured over all.
        out: The run's folder; a new one under runs/ by default.
        quiet: No progress bar.
        config: An earlier run of classify, or its run.json, whose settings are the defaults of all flags.
    """
    from energan.recipes.semi_supervised.labelled_data import labelled_images

    count, file = (int(labels), "") if labels.isdecimal() else (0, labels)
    named = with_absolute_paths({"data": data, "labels_csv": file, "test": test})  # as the run will name them
    images = labelled_images(
        named["data"], "train", labels_csv=named["labels_csv"], size=size, channels=channels, value_range=value_range
    )
    arguments = {
        **named,
        "labels": count,
        "label_seed": label_seed,
        "classes": len(images.classes),
        "size": size,
        "channels": channels,
        "steps": steps,
        "batch": min(batch, len(images.images)),
        "seed": seed,
        "precision": precision,
        "device": device,
        "value_range": value_range,
    }
    return start(RECIPES[system], arguments, RunOptions(out=out, quiet=quiet))
