"""What a run is asked for while something else of it moves: classes, sentences, or one of them that all images show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from energan.inference.model import Model


def asked_rows(
    model: "Model", folder: Path, record: Mapping[str, Any], classes: str, sentences: Sequence[str]
) -> 'tuple[Float[Tensor, "n d"], list[str]]':
    """The conditions of classes, or of sentences, a row each, and how they are called; none where neither is given.

    UserError where the run cannot be asked so.
    """
    import torch

    from energan.explore.class_names import class_names, parse_classes
    from energan.explore.said import codes_of

    if classes and sentences:
        raise UserError("`class` and `text` both say what to draw: keep one")
    if sentences:
        return codes_of(model, folder, record, sentences), [f'"{text}"' for text in sentences]
    if not classes:
        return torch.zeros(0, model.asked_width), []
    if not model.classes:
        raise UserError(f"{folder} draws no classes: its system has neither codes nor a class among its noise")
    names = class_names(record["classes"], model.classes)
    found = parse_classes(classes, names)
    return torch.eye(model.classes)[found], [names[i] for i in found]


def held_row(
    model: "Model", folder: Path, record: Mapping[str, Any], class_: str, sentences: Sequence[str]
) -> 'tuple[Float[Tensor, "1 d"] | None, str]':
    """The condition of one class or sentence, and how it is called; None and "" where neither is given.

    UserError for more than one, and where the run cannot be asked so.
    """
    rows, names = asked_rows(model, folder, record, class_, sentences)
    if len(names) > 1:
        raise UserError(f"all images are asked for one class or sentence here, not for {' and '.join(names)}")
    return (rows, names[0]) if names else (None, "")
