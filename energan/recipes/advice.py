"""What to train on a set of images: recipe, channels, batch, augmentation, length; each with its reason."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energan.data.few_labels import FOLDERS
from energan.data.splits import TRAIN

SMALL = 40  # pixels of the shorter side up to which grey pictures are taken for digits and letters

FEWEST = 100  # training images of the smallest sets that DiffAugment's authors show samples of

FEW = 1_000

PLENTY = 10_000  # a fifth of CIFAR-10, where DiffAugment's authors gain most

SIDE = 64  # pixels of the recipe for pictures


_FEW = (
    "FastGAN's networks and 6,000 steps, an hour of two cores, are those of the run that was measured on 1,546 emoji "
    "(docs/results/images.md). D sees real and generated images changed alike in colour and place (DiffAugment, "
    "arXiv:2006.10738), so it cannot learn the few by heart."
)

# batch, other arguments, reason
_MANY_ON_A_CPU: tuple[int, dict[str, Any], str] = (
    64,
    {"width": 32, "lr": 1e-3, "steps": 2500, "save_every": 250},
    "Half the papers' width, batches of 64, --lr 1e-3 and 2,500 steps are those of the runs that were measured on a "
    "CPU (docs/results/images.md); for better pictures --width 64 and 8,000 steps or more.",
)
_MANY_ON_A_GPU: tuple[int, dict[str, Any], str] = (
    128,
    {"decay": 0.5, "steps": 8000},
    "Width, batch and steps are those of the run that was measured on a GPU (docs/results/images.md).",
)


@dataclass(frozen=True)
class Advice:
    """A recipe with its arguments, and why; `recipe` is "" where nothing can be trained."""

    enough: str
    recipe: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    why: tuple[str, ...] = ()

    def command(self, source: str, out: str) -> str:
        """The command to type."""
        words = ["energan", "train", self.recipe, "--data", f"./{source}" if source.startswith("-") else source]
        for name, value in {**self.arguments, "out": out}.items():
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{name.replace('_', '-')}", *(() if value is True else map(str, values))]
        return shlex.join(words)


def advice(facts: Mapping[str, Any], device: str) -> Advice:
    """How to begin with these images, on a device ("cpu", "cuda").

    The settings for pictures are those of docs/results/images.md's measured runs, which draw something that can be
    named on emoji.
    """
    n, training = facts["different"], facts["training"]
    if training < 2:
        where = ", ".join(facts["splits"])
        missing = (
            f": only {where}; name the folder to train on" if facts["splits"] and TRAIN not in facts["splits"] else ""
        )
        return Advice(f"No: training needs 2 images or more, and there are {training}{missing}.")
    channels = _channels(facts)
    why = [_said_of_channels(facts, channels)]
    sizes = facts["sizes"]
    if channels == 1 and sizes["shorter_side"]["median"] <= SMALL and n >= FEW:
        batch = _batch(training, 32)
        why.insert(0, f"ebgan-pt-mnist: grey pictures of {SMALL} pixels or fewer, seen at 32 x 32.")
        arguments: dict[str, Any] = {"batch": batch} if batch != 32 else {}
        why += _said_of_classes(_classes(facts))
        return Advice(_enough(n, augmented=False), "ebgan-pt-mnist", arguments, tuple(why))
    why.insert(0, f"{'fastgan-64' if n < PLENTY else 'dcgan-64'}: {_seen_at(sizes)}")
    arguments = {} if channels == 3 else {"channels": channels}
    if n < PLENTY:
        recipe, most, taken, reason = "fastgan-64", 32, {"steps": 6000}, _FEW
    else:
        recipe, most, taken, reason = ("dcgan-64", *(_MANY_ON_A_CPU if device == "cpu" else _MANY_ON_A_GPU))
    batch = _batch(training, most)
    arguments |= {"batch": batch, **taken}
    why.append(reason)
    if batch < most:
        why.append(f"Batches of {batch}: a quarter of the images at most, so that batches differ.")
    why.append("--flip as well, if a mirrored picture is as good as the picture (not text).")
    why += _said_of_classes(_classes(facts))
    return Advice(_enough(n, augmented=n < PLENTY), recipe, arguments, tuple(why))


def others(facts: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """What else can be done with these images, a line each."""
    where, classes = shlex.quote(f"./{source}" if source.startswith("-") else source), _classes(facts)
    return (
        *((f"energan classify --data {where} --features mobilenetv2   # tells the {len(classes)} classes apart",)
          if len(classes) > 1 else ()),
        f"energan detect --normal {where} --images OTHERS   # says which of others are odd, and where",
    )  # fmt: skip


def out_folder(name: str) -> str:
    """A run folder of that name which is not there yet."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"
    folder, number = Path("runs") / stem, 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{stem}-{number}"
    return str(folder)


def _channels(facts: Mapping[str, Any]) -> int:
    readable = facts["files"] - len(facts["broken"])
    if 2 * facts["transparent"] >= readable:
        return 4
    return 1 if facts["colourless"] == readable else 3


def _said_of_channels(facts: Mapping[str, Any], channels: int) -> str:
    n, readable = facts["transparent"], facts["files"] - len(facts["broken"])
    if channels == 4:
        return f"--channels 4: {n:,} of {readable:,} pictures can be seen through; 3 would show them on white."
    white = f" ({n:,} that can be seen through are shown on white)" if n else ""
    return f"--channels 1: no picture has colours{white}." if channels == 1 else f"In colour{white}."


def _seen_at(sizes: Mapping[str, Any]) -> str:
    said = f"the centred square of each picture, at {SIDE} x {SIDE}"
    if sizes["cut_off"] > 0.05:
        said += f"; {sizes['cut_off']:.0%} of the median picture is cut off"
    if sizes["below_64"]:
        said += f"; {sizes['below_64']:,} are smaller, and enlarged"
    return f"{said}."


def _batch(n: int, most: int) -> int:
    """A power of two: a quarter of the images, 2 at least."""
    batch = most
    while batch > max(2, n // 4):
        batch //= 2
    return batch


def _enough(n: int, augmented: bool) -> str:
    """Whether so many different images are enough, and who says so."""
    if n < FEWEST:
        return (
            f"No: {n:,} different training images are fewer than the {FEWEST} of the smallest sets with published "
            "samples (DiffAugment, arXiv:2006.10738). Expect copies of them, and nothing else."
        )
    if n < FEW:
        return (
            f"Hardly: {n:,} different training images. From {FEWEST}, published methods draw variations of them "
            "(DiffAugment, arXiv:2006.10738); look for copies with `energan neighbours RUN`."
        )
    if n < PLENTY:
        how = "with augmentation" if augmented else "but more is better"
        return (
            f"Yes, {how}: {n:,} different training images. A few thousand were enough for ADA's authors "
            "(arXiv:2006.06676)."
        )
    return f"Yes: {n:,} different training images."


def _classes(facts: Mapping[str, Any]) -> dict[str, int]:
    counts = facts["classes"].get(TRAIN) or facts["classes"].get("all") or {}
    return {name: n for name, n in counts.items() if name != "(none)" and name.lower() not in FOLDERS and n}


def _said_of_classes(classes: Mapping[str, int]) -> list[str]:
    """How classes can be asked for, where there are some."""
    if len(classes) < 2:
        return []
    least = min(classes, key=lambda name: classes[name])
    few = f"; {least} has only {classes[least]:,}" if classes[least] < FEWEST else ""
    return [f"--classes as well, to ask for a class when drawing: there are {len(classes)}{few}."]
