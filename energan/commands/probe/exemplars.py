"""Samples that stand for something: named by their numbers, or found by a classifier; and sheets of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.explore.combined import Concept
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.inference.model import Model

SEARCHED = 2000  # samples that a classifier looks through
AT_ONCE = 250


def numbers_of(text: str, flag: str) -> list[int]:
    """ "3,17,29" -> [3, 17, 29]. UserError for anything else, and for a number that is there twice."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise UserError(f"`{flag}` {text!r} is not numbers of samples with commas between, such as 3,17,29")
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise UserError(f"`{flag}` {text} names a sample twice")
    return found


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
