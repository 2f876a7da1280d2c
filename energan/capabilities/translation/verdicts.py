"""What numbers say of a system that makes pictures of pictures, in sentences. They are warnings, and no proofs."""

from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from energan.capabilities.translation.compared import Both, colour
from energan.inference.model import Model
from energan.inference.pictures.translation import ways
from energan.metrics.closeness import l1

SAME = 0.1  # of the distance of input and truth: an output this close to its input is the input

LITTLE = 0.02  # of the range of values, where no truth is known

OVERFIT = 1.5  # times: how much farther from the truth held-out pictures are than training pictures

INVERTED = -0.2  # correlation of output and input below which colours are called inverted


class Facts(NamedTuple):
    """Of one way: distances from 0 to 1, and a correlation.

    moved     of the outputs to the inputs
    truth     of the true pictures to the inputs; None where there are none
    training, held_out  of the outputs to the true pictures; None where there are none
    alike     the mean correlation of an output with its input
    """

    moved: float | None
    truth: float | None
    training: float | None
    held_out: float | None
    alike: float | None


def facts(model: Model, way: str, made: Tensor, held: Both, training: Both) -> Facts:
    """The facts of one way; made: of the held-out pictures. Inputs of another size than outputs are not compared."""
    x, y, paired = held.turned(way)
    same_size = x.shape[2:] == made.shape[2:]
    shown = training.turned(way)
    return Facts(
        moved=l1(colour(made), colour(x)) if same_size else None,
        truth=l1(colour(y), colour(x)) if same_size and paired else None,
        training=l1(model.translate(shown.x, way), shown.y) if training.paired else None,
        held_out=l1(made, y) if paired else None,
        alike=correlation(colour(made), colour(x)) if same_size else None,
    )


def correlation(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> float | None:
    """The mean over images of the correlation of their pixels; None where all are of one colour.

    >>> x = torch.tensor([0, 100, 200], dtype=torch.uint8).view(1, 1, 1, 3)
    >>> correlation(x, 255 - x)
    -1.0
    """
    p, q = (x.double().flatten(1) for x in (a, b))
    p, q = p - p.mean(1, keepdim=True), q - q.mean(1, keepdim=True)
    scale = p.norm(dim=1) * q.norm(dim=1)
    known = scale > 0
    return round(float(((p * q).sum(1)[known] / scale[known]).mean()), 12) if bool(known.any()) else None


def verdicts(found: dict[str, Facts]) -> list[str]:
    """What is to be said of the ways; nothing, where nothing looks wrong.

    >>> verdicts({"xy": Facts(moved=0.01, truth=0.3, training=0.29, held_out=0.3, alike=0.99)})
    ['It does nothing: what comes out is what goes in.']
    >>> verdicts({"xy": Facts(moved=0.3, truth=0.3, training=0.05, held_out=0.1, alike=0.5)})
    ['It overfits: held-out pictures are 2.0 times as far from the truth as training pictures.']
    """
    said, still = [], [way for way, each in found.items() if does_nothing(each)]
    if still:
        who = {1: "It does nothing", 2: "Both generators do nothing"}[len(still)]
        if len(found) == 2 and len(still) == 1:
            who = f"The generator of the way {still[0]} does nothing"
        said.append(f"{who}: what comes out is what goes in.")
    for way, each in found.items():
        if each.alike is not None and each.alike < INVERTED and (each.truth is None or len(found) > 1):
            said.append(
                f"Colours of the way {way} look inverted: outputs and inputs have a correlation of {each.alike:.2f}."
            )
    worst = [each.held_out / each.training for each in found.values() if each.training and each.held_out]
    if worst and max(worst) > OVERFIT:
        said.append(
            f"It overfits: held-out pictures are {max(worst):.1f} times as far from the truth as training pictures."
        )
    return said


def does_nothing(each: Facts) -> bool:
    """Whether outputs are their inputs."""
    if each.moved is None:
        return False
    return each.moved < (LITTLE if each.truth is None else SAME * each.truth)


def taken(model: Model, made: dict[str, Tensor], held: Both, training: Both) -> dict[str, Facts]:
    """The facts of every way."""
    return {way: facts(model, way, made[way], held, training) for way in ways(model.game)}
