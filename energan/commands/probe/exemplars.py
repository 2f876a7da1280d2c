"""What stands for something: samples, named by their numbers or found by a classifier, and images of one's own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.explore.combined import Concept, Drawn
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

SEARCHED = 2000  # samples that a classifier looks through
MOST = 16  # images of one's own, in a mean


class Exemplars(NamedTuple):
    """What one value of a flag names: samples, and images of one's own, which files and folders have."""

    numbers: list[int]
    paths: list[str]


def exemplars(text: str, flag: str) -> Exemplars:
    """ "3,17,cat.png" -> samples 3 and 17, and the image cat.png.

    UserError for what is neither a number nor there, and for what is named twice.
    """
    parts = [text] if Path(text).is_file() else [part.strip() for part in text.split(",")]  # a comma in a file's name
    samples = [part for part in parts if part.isascii() and part.isdecimal() and len(part) < 10]
    numbers, paths = list(map(int, samples)), [part for part in parts if part not in samples]
    for path in paths:
        if not path or not Path(path).exists():
            raise UserError(
                f"`{flag}` {text!r}: {path!r} is neither a number of a sample nor an image that is there; "
                "commas are between them, as in 3,17,29 or a.png,b.png"
            )
    if len(set(numbers)) < len(numbers):
        raise UserError(f"`{flag}` {text} names a sample twice")
    if len(set(map(Path, paths))) < len(paths):
        raise UserError(f"`{flag}` {text} names an image twice")
    return Exemplars(numbers, paths)


def concept(drawn: Drawn, named: Exemplars, record: Mapping[str, Any], steps: int) -> Concept:
    """What is named, with the noise that draws its images; says how near they are drawn."""
    import torch

    from energan.commands.open_run import skipped_note
    from energan.experiment import load_images

    name = ",".join([*map(str, named.numbers), *(Path(path).name for path in named.paths)])
    if not named.paths:
        return Concept(named.numbers, name)
    sets = [load_images(path, "", record) for path in named.paths]
    for loaded in sets:
        if len(loaded.images) > 1 or loaded.skipped:
            say(f"images: {loaded.counted}{skipped_note(loaded)}")
    images = torch.cat([each.images for each in sets])
    there, images = len(images), images[:MOST]
    projection = drawn.projected(images, steps)
    of = f"the first {MOST} of {there:,} images" if there > MOST else "1 image" if there == 1 else f"{there} images"
    error = float(projection.errors.mean())
    say(f"{name}: {of}, drawn with a mean error of {error:.3f}, pixels from 0 to 1")
    return Concept(named.numbers, name, projection.noise)


def finder(
    model: "Model", folder: Path, record: dict[str, Any], seed: int, held: "Tensor | None", data: str
) -> Callable[[str, int, str], Concept]:
    """(class, how many, flag) -> the first samples of the seed that a classifier sees the class in.

    It is the run's own; else the shipped one of digits, or one that the run's labelled images teach. UserError where
    there is none, for what is no class, and where too few samples show it.
    """
    import torch

    from energan.commands.probe.given import given
    from energan.commands.probe.observer import judge_by
    from energan.explore.class_names import class_names, parse_classes

    see: Callable[[Tensor], Tensor]
    kept: list[Tensor] = []
    if model.game.logits is not None:
        names = class_names(record["classes"], len(model.probabilities(model.sample(1))[0]))
        see = lambda images: model.probabilities(images).argmax(1)  # noqa: E731
    else:
        had = given(folder, record, data)
        names = had.training.classes
        if len(names) < 2:
            raise UserError(f"the images of {folder} have no classes: name samples by number, as in --plus 3,17,29")
        _, see = judge_by(had, folder)

    def find(text: str, n: int, flag: str) -> Concept:
        chosen = parse_classes(text, names)
        if len(chosen) > 1:
            raise UserError(f"`{flag}` {text}: one class at a time; repeat the flag for another")
        if not kept:
            asked = None if held is None else held.expand(SEARCHED, -1)
            kept.append(see(model.sample(SEARCHED, seed, conditions=asked)))
        there = torch.nonzero(kept[0] == chosen[0]).flatten()[:n].tolist()
        if len(there) < n:
            shown = f"{len(there)} of {SEARCHED:,} samples"
            raise UserError(f"the classifier sees {names[chosen[0]]} in {shown}: {n} are needed")
        return Concept(there, names[chosen[0]])

    return find
