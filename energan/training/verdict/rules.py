"""What the looks at a training say of it. Pure functions of what was logged; a sentence states its threshold.

The quantities are those of capabilities/drawing/diagnosis.py, and AUROC of capabilities/energies/preview.py. Rules are
asked in this order: copies its data; still improving; D has won, and G stands still; collapsed; D has won; flat. So a
training that still improves is none of the later ones: D separates all samples in many a sound training, and the first
samples of many are all alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from energan.runs.reader import number

PATIENCE = 5  # looks in which a distance must fall, not to be flat

ENOUGH = 3  # looks, before which nothing is said; and that a collapse and copies must last for

ALIKE = 0.3  # of the training images' mean distance: samples below it are alike

FEW = 0.1  # of as many distinct images as training images show

PLAUSIBLE, COVERED = 0.5, 0.25  # precision from which samples lie among images, recall below which they are a few kinds

SEPARATED = 0.99  # AUROC from which the critic tells samples from images all but without error

STILL = 0.01  # of the training images' mean distance, by which samples change from look to look if G learns at all

FAR = 0.1  # energy coefficient H: samples that are farther off are not taken for images

COPIED = 0.2  # share of samples that are copies, beyond that of held-out images

NEARER = 0.5  # of the held-out images' distance to the nearest training image: samples below it are copies

KINDS = {  # and what each means, a line
    "still improving": "samples come nearer to the training images",
    "flat": "samples come no nearer",
    "D has won": "the critic separates all samples, which are far from the images and come no nearer",
    "collapsed": "samples are alike, and come no nearer to the training images",
    "copies its data": "samples are training images",
    "diverged": "a quantity or a weight is not finite any more, or exploded",
}


class Look(NamedTuple):
    """What was measured of a training at a step, by name."""

    step: int
    values: Mapping[str, float]


class Finding(NamedTuple):
    """What the looks say: one of KINDS, and a sentence with what was measured and the threshold."""

    kind: str
    sentence: str


class Progress(NamedTuple):
    """How the distance went. gain: by how much the last looks are below all before; noise: how much it jumps."""

    before: Look  # that of the least distance before the last looks
    now: Look  # that of the least distance among them
    looks: int  # how many the last ones are
    noise: float

    @property
    def gain(self) -> float:
        return self.before.values["distance"] - self.now.values["distance"]

    @property
    def improving(self) -> bool:
        return self.gain > self.noise


def looks_of(lines: Iterable[Mapping[str, object]], *, anew: bool = False) -> list[Look]:
    """The looks in lines of log.jsonl, by step; anew: of those since training was last ended as flat alone."""
    found: dict[int, dict[str, float]] = {}
    for line in lines:
        step, diagnosis = line.get("step"), line.get("diagnosis")
        if anew and line.get("flat") is True:
            found = {}
        elif isinstance(step, int) and isinstance(diagnosis, dict):
            numbers = {str(k): v for k, value in diagnosis.items() if (v := number(value)) is not None}
            found[step] = found.get(step, {}) | numbers
    return [Look(step, found[step]) for step in sorted(found) if "distance" in found[step]]


def progress(looks: Sequence[Look], patience: int = PATIENCE) -> Progress:
    """How the distance of the last `patience` looks stands to that of those before; of few looks, to the first's.

    Its noise is the median of how much it changed from look to look, over twice as many.
    """
    last = min(patience, len(looks) - 1)
    before, recent = looks[:-last], looks[-last:]
    values = [look.values["distance"] for look in looks[-2 * patience - 1 :]]
    noise = median(abs(b - a) for a, b in pairwise(values))
    return Progress(_nearest(before), _nearest(recent), last, noise)


def flat_since(looks: Sequence[Look], patience: int, settled: int = 0) -> Progress | None:
    """How the distance went, where the last `patience` looks did not improve it beyond its noise; else None.

    settled: the step from which samples show what was learned: averaged weights have much of the first ones before.
    """
    if len(looks) <= patience or looks[-patience].step < settled:
        return None
    found = progress(looks, patience)
    return None if found.improving else found


def judge(looks: Sequence[Look], settled: int = 0, patience: int = PATIENCE) -> Finding | None:
    """What the looks say of the training; None of too few.

    settled: the step before which nothing bad is said; patience: looks in which the distance must fall.

    >>> falling = [Look(100 * i, {"distance": 1 / i, "spread": 0.5 + i / 20}) for i in range(1, 8)]
    >>> judge(falling).kind
    'still improving'
    >>> judge([Look(100 * i, {"distance": 0.4, "spread": 0.01}) for i in range(1, 8)]).kind
    'collapsed'
    """
    if len(looks) < ENOUGH:
        return None
    if copied := _copies(looks[-ENOUGH:]):
        return Finding("copies its data", copied)
    went = progress(looks, patience)
    if went.improving:
        return Finding("still improving", _fell(went))
    if len(looks) <= patience or looks[-patience].step < settled:
        return None
    won, alike, unmoved = _separated(looks[-patience:]), _alike(looks[-ENOUGH:]), _unmoved(looks[-ENOUGH:])
    kind, why = "flat", ""
    if won and unmoved:
        kind, why = "D has won", f"{won} and {unmoved}; "
    elif alike:
        kind, why = "collapsed", f"{alike}; "
    elif won:
        kind, why = "D has won", f"{won}; "
    return Finding(kind, f"{why}{stays(went)}")


def stays(went: Progress) -> str:
    """How a distance that did not improve stands."""
    return (
        f"the distance of samples to training images has not fallen below {went.before.values['distance']:.4g} (step "
        f"{went.before.step}) by more than its noise ({went.noise:.2g}) for {went.looks} looks"
    )


def _fell(went: Progress) -> str:
    return (
        f"the distance of samples to training images fell from {went.before.values['distance']:.4g} (step "
        f"{went.before.step}) to {went.now.values['distance']:.4g} within the last {went.looks} looks, by more than "
        f"its noise ({went.noise:.2g})"
    )


def _nearest(looks: Sequence[Look]) -> Look:
    return min(looks, key=lambda look: look.values["distance"])


def _copies(looks: Sequence[Look]) -> str:
    """What shows that all these looks had copies, or ""."""

    def beyond(look: Look) -> float:
        return look.values.get("copies", 0.0) - look.values.get("copies real", 0.0)

    def nearer(look: Look) -> float:
        real = look.values.get("train distance real", 0.0)
        return look.values["train distance"] / real if real > 0 and "train distance" in look.values else 1.0

    last = looks[-1].values
    if all(beyond(look) > COPIED for look in looks):
        return (
            f"{last['copies']:.0%} of samples copy a training image, and {last['copies real']:.0%} of real images that "
            f"were not trained on look so (the threshold is {COPIED:.0%} more)"
        )
    if all(nearer(look) < NEARER for look in looks):
        return (
            f"samples are {nearer(looks[-1]):.2g} times as far from the nearest training image as real images that "
            f"were not trained on (the threshold is {NEARER:g})"
        )
    return ""


def _alike(looks: Sequence[Look]) -> str:
    """What shows that samples were alike at all these looks, or ""."""
    last = looks[-1].values
    if all(look.values.get("spread", 1.0) < ALIKE for look in looks):
        return (
            f"samples are alike: they differ {last['spread']:.2g} times as much as training images (the threshold is "
            f"{ALIKE:g})"
        )
    if all(look.values.get("distinct", 1.0) < FEW for look in looks):
        return (
            f"samples are a few: they show {last['distinct']:.2g} times as many distinct images as training images do "
            f"(the threshold is {FEW:g})"
        )
    if all(
        look.values.get("precision", 0.0) >= PLAUSIBLE and look.values.get("recall", 1.0) < COVERED for look in looks
    ):
        return (
            f"samples are of a few kinds: {last['precision']:.0%} of them lie among training images, and "
            f"{last['recall']:.0%} of these among samples (the threshold is {COVERED:.0%})"
        )
    return ""


def _unmoved(looks: Sequence[Look]) -> str:
    """What shows that samples changed no more at these looks, or ""."""
    if all(look.values.get("change", 1.0) < STILL for look in looks):
        return (
            f"they no longer change (from look to look by {looks[-1].values['change']:.2g} of two training images' "
            f"distance, the threshold is {STILL:g})"
        )
    return ""


def _separated(looks: Sequence[Look]) -> str:
    """What shows that the critic separated far samples at all these looks, or ""."""
    last = looks[-1].values
    if all(look.values.get("AUROC", 0.5) >= SEPARATED and look.values["distance"] > FAR for look in looks):
        return (
            f"D told samples from training images at each of the last {len(looks)} looks (AUROC {last['AUROC']:.3f}, "
            f"the threshold is {SEPARATED}), samples are far from the images ({last['distance']:.2g}, the threshold is "
            f"{FAR:g})"
        )
    return ""
