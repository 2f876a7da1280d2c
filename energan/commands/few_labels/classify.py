"""The command `classify`: trains a classifier from few labels."""

from typing import TYPE_CHECKING, Any

from energan.commands.config import Config
from energan.commands.few_labels.curve import numbers, run_curve
from energan.commands.train import RunOptions, start, with_absolute_paths
from energan.recipes.semi_supervised.classifiers import SYSTEMS, System
from energan.utils.checks import fraction
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.hardware import Precision

if TYPE_CHECKING:
    from energan.data import ImageSet

CALIBRATED = 250  # labels from which on some are held out to calibrate the probabilities, where nobody says
HELD_OUT = 0.2  # of them

FEW = 5  # labels of a class below which that is said

SHARED = (  # flags that are called as the recipes' arguments
    "data", "test", "features", "features_weights", "steps", "batch", "seed", "label_seed", "size", "channels",
    "balanced", "flip", "augment", "hold_out", "precision", "device", "value_range",
)  # fmt: skip


def flags_of(config: Config) -> dict[str, Any]:
    """The flags of `classify` that a run was made with. UserError for a run that it does not make."""
    systems = {own.recipe: name for name, own in SYSTEMS.items()}
    if config.recipe not in systems:
        raise UserError(f"{config.source} is a run of {config.recipe}, which `energan classify` does not train")
    labels = config.arguments.get("labels") or config.arguments.get("labels_csv") or ""
    shared = {name: config.arguments[name] for name in SHARED if name in config.arguments}
    return {**shared, "labels": str(labels), "system": systems[config.recipe].partition(" ")[0]}


def classify(
    *,
    data: str,
    labels: str = "",
    test: str = "",
    system: System = "ladder",
    features: str = "none",
    features_weights: str = "",
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    label_seed: int = 0,
    size: int | None = None,
    channels: int | None = None,
    balanced: bool = False,
    flip: bool = False,
    augment: tuple[str, ...] = (),
    hold_out: float | None = None,
    label_curve: str = "",
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
        system: What learns: a ladder network, a convolutional one (small pictures), EBGAN-LN, the improved GAN's
            classifier, or an adversarial auto-encoder.
        features: What the ladder sees: none (pixels), the features of mobilenetv2 (for photographs), or those of
            my.module:Net, a network of yours: images in [-1, 1] to features, made without arguments.
        features_weights: A .safetensors file with the weights of my.module:Net.
        steps: Training steps; by default 3000, 400 on features, 1000 of conv-ladder, and 12000 of improved-gan.
        batch: Labelled images a step, and unlabelled ones; less where there are fewer images. By default 100, and 50 of
            conv-ladder.
        seed: Of the weights, the noise and the order of the data.
        label_seed: Of which labels are used, where --labels is a number.
        size: Pixels a side that images are brought to; by default 28, 128 with --features, 32 of conv-ladder.
        channels: 3 for colour, 1 for grey; by default 1, and 3 with --features and of conv-ladder.
        balanced: Show each class as often as the largest one, where classes have different numbers of labels.
        flip: Mirror half of the images, others each time: for photographs, not for digits or letters.
        augment: Of the ladder: change images otherwise each time they are shown: colour, translation, cutout.
        hold_out: Share of the labels that is kept out of the training, to calibrate the probabilities on; by default
            0.2 where there are 250 labels or more, else 0, and 0 in a curve: they are not calibrated then.
        label_curve: Numbers of labels, such as 20,50,100: a run for each in the folder --out (runs/label-curve), and a
            curve of their test errors. Needs labels of all training images; the same command continues it.
        precision: bf16 (autocast), fp32, or auto (bf16 where the processor has units for it).
        device: cpu, cuda, cuda:1, or auto.
        value_range: What is black and what is white in images of more than 8 bits; by default measured over all.
        out: The run's folder; a new one under runs/ by default.
        quiet: No progress bar.
        config: An earlier run of classify, or its run.json, whose settings are the defaults of all flags.
    """
    from energan.recipes.semi_supervised.labelled_data import labelled_images

    read = features != "none"
    if read and system != "ladder":
        raise UserError(f"`features` are for the ladder, and not for {system}: leave out `system`")
    if augment and (read or system not in ("ladder", "conv-ladder")):
        raise UserError("`augment` is for ladders on pixels: leave it out")
    if features_weights and not read:
        raise UserError("`features_weights` are those of a network of yours: give `features` my.module:Net")
    own = SYSTEMS["ladder on features" if read else system]
    size, channels = own.size if size is None else size, own.channels if channels is None else channels
    batch, steps = own.batch if batch is None else batch, own.steps if steps is None else steps
    curve = numbers(label_curve) if label_curve else ()
    if curve and labels.isdecimal():
        raise UserError("`labels` and `label_curve` both say how many labels are used: give one")
    count, file = (int(labels), "") if labels.isdecimal() else (0, labels)
    named = with_absolute_paths({"data": data, "labels_csv": file, "test": test})  # as the run will name them
    images = labelled_images(
        named["data"], "train", labels_csv=named["labels_csv"], size=size, channels=channels, value_range=value_range
    )
    counts = _counted(images)
    arguments: dict[str, Any] = {
        **named,
        "label_seed": label_seed,
        "classes": len(images.classes),
        "size": size,
        "channels": channels,
        "balanced": balanced,
        "flip": flip,
        "steps": steps,
        "batch": min(batch, len(images.images)),
        "seed": seed,
        "precision": precision,
        "device": device,
        "value_range": value_range,
        **({"features": features, "features_weights": features_weights} if read else {}),
        **({"augment": augment} if augment else {}),
    }

    def settings(labels: int) -> dict[str, Any]:
        held = 0.0 if curve and hold_out is None else _held_out(labels or sum(counts), hold_out)  # all of N are shown
        return arguments | {"labels": labels, "hold_out": held}

    def train(labels: int, out: str) -> int:
        told = settings(labels)
        _tell_uncalibrated([labels // len(counts)] * len(counts) if labels else counts, told["hold_out"])
        return start(own.recipe, told, RunOptions(out=out, quiet=quiet))

    if curve:
        return run_curve(curve, out, own.recipe, settings, train)
    if not count:
        _tell_few(images.classes, counts, balanced=balanced)
    return train(count, out)


def _counted(images: "ImageSet") -> list[int]:
    """How many labels each class has. UserError for a class without any, of which nothing can be learned."""
    from energan.data.image_set import NONE

    assert images.labels is not None
    counts = images.labels[images.labels != NONE].bincount(minlength=len(images.classes)).tolist()
    if lacking := [name for name, n in zip(images.classes, counts, strict=True) if not n]:
        raise UserError(
            f"{images.name} has no image of {', '.join(lacking[:5])}, of which nothing can be learned: add some, or "
            "take the class away"
        )
    return counts


def _held_out(labels: int, asked: float | None) -> float:
    """The share of the labels that is held out; says where none is."""
    if asked is not None:
        fraction(hold_out=asked)
        return asked
    if labels >= CALIBRATED:
        return HELD_OUT
    return 0.0


def _tell_uncalibrated(counts: list[int], share: float) -> None:
    """Says before the training that this share of each class's labels is too little to calibrate on."""
    from energan.capabilities.classification.calibration import LEAST

    if share and (held := sum(int(share * n) for n in counts)) < LEAST:
        say(
            f"--hold-out {share:g} sets {held} labels apart, too few to calibrate on, which takes {LEAST} or "
            "more: give more, or 0 to train on all"
        )


def _tell_few(classes: tuple[str, ...], counts: list[int], *, balanced: bool) -> None:
    """Says which classes have few labels, and that some have far more than others."""
    few = [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < FEW]
    if few:
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        say(f"few labels, so expect errors: {', '.join(few[:5])}{more}")
    if max(counts) >= 3 * min(counts) and not balanced:
        say(f"classes have from {min(counts)} to {max(counts)} labels: --balanced shows each as often as the largest")
