"""What numbers say of a system that makes pictures of pictures, in sentences. They are warnings, and no proofs."""

from typing import NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from energan.capabilities.translation.compared import Both, colour
from energan.data.resampling import enlarged
from energan.inference.model import Model
from energan.inference.pictures.translation import ways
from energan.metrics.closeness import l1

SAME = 0.1  # of the distance of input and truth: an output this close to its input is the input

LITTLE = 0.02  # of the range of values, where no truth is known

OVERFIT = 1.5  # times: how much farther from the truth held-out pictures are than training pictures

INVERTED = -0.2  # correlation of output and input below which colours are called inverted


class Facts(NamedTuple):
    """Of one way: mean distances of pixels from 0 to 1, and correlations. None: not known.

    moved     of the outputs to the inputs, where both are of one size
    truth     of the true pictures to the inputs, which are enlarged first where outputs are larger
    held_out  of the outputs to the true pictures
    training, training_truth  as held_out and truth, of training pictures
    alike, true_alike  the mean correlation of an output, and of a true picture, with its input
    """

    moved: float | None = None
    truth: float | None = None
    held_out: float | None = None
    training: float | None = None
    training_truth: float | None = None
    alike: float | None = None
    true_alike: float | None = None

    @property
    def overfit(self) -> float | None:
        """How many times farther from the truth outputs are of held-out than of training pictures, both in units of
        their inputs' distance: held-out pictures may be harder ones."""
        numbers = (self.held_out, self.truth, self.training, self.training_truth)
        if any(not number for number in numbers):
            return None
        held_out, truth, training, training_truth = (float(number or 1) for number in numbers)
        return (held_out / truth) / (training / training_truth)


def facts(model: Model, way: str, made: Tensor, held: Both, training: Both) -> Facts:
    """The facts of one way; made: of the held-out pictures."""
    x, y, paired = held.turned(way)
    shown, scale = training.turned(way), ways(model.game)[way].scale
    same_size = x.shape[2:] == made.shape[2:]
    return Facts(
        moved=l1(colour(made), colour(x)) if same_size else None,
        truth=_from_input(x, y, scale) if paired else None,
        held_out=l1(made, y) if paired else None,
        training=l1(model.translate(shown.x, way), shown.y) if training.paired else None,
        training_truth=_from_input(shown.x, shown.y, scale) if training.paired else None,
        alike=correlation(colour(made), colour(x)) if same_size else None,
        true_alike=correlation(colour(y), colour(x)) if same_size and paired else None,
    )


def _from_input(x: Tensor, y: Tensor, scale: int) -> float:
    return l1(colour(enlarged(x, scale) if scale > 1 else x), colour(y))


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

    >>> verdicts({"xy": Facts(moved=0.01, truth=0.3)})
    ['It does nothing: what comes out is what goes in.']
    >>> verdicts({"xy": Facts(moved=0.3, truth=0.3, held_out=0.1, training=0.05, training_truth=0.3)})
    ['It overfits: held-out pictures are 2.0 times as far from the truth as training pictures.']
    """
    said, still = [], [way for way, each in found.items() if does_nothing(each)]
    if still:
        who = {1: "It does nothing", 2: "Both generators do nothing"}[len(still)]
        if len(found) == 2 and len(still) == 1:
            who = f"The generator of the way {still[0]} does nothing"
        said.append(f"{who}: what comes out is what goes in.")
    for way, each in found.items():
        if inverts(each):
            said.append(
                f"Colours of the way {way} look inverted: outputs and inputs have a correlation of {each.alike:.2f}."
            )
    if (worst := max((each.overfit or 0 for each in found.values()), default=0)) > OVERFIT:
        said.append(f"It overfits: held-out pictures are {worst:.1f} times as far from the truth as training pictures.")
    return said


def does_nothing(each: Facts) -> bool:
    """Whether outputs are their inputs."""
    if each.moved is None:
        return False
    return each.moved < (LITTLE if each.truth is None else SAME * each.truth)


def inverts(each: Facts) -> bool:
    """Whether outputs are dark where inputs are bright, and true pictures are not known to be."""
    asked = 0.0 if each.true_alike is None else each.true_alike
    return each.alike is not None and each.alike < INVERTED and each.alike < asked + INVERTED


def taken(model: Model, made: dict[str, Tensor], held: Both, training: Both) -> dict[str, Facts]:
    """The facts of every way."""
    return {way: facts(model, way, made[way], held, training) for way in ways(model.game)}
