"""While a run trains: a row of samples for each of a few training sentences, always the same ones."""

from energan.capabilities.conditions.kind import Asked
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.experiment import Experiment
from energan.utils.errors import printable

ROWS = 10  # sentences that a sheet has a row for
LONGEST = 160  # characters of a sentence that are shown


def asked(experiment: Experiment, training: ImageSet) -> Asked:
    """The first sentence of ten training images, as it is shown, and its code."""
    assert experiment.sentences is not None  # a system of this kind learns from words
    encode, _ = experiment.sentences
    said = [training.captions[i][0] for i in fixed_subset(len(training.captions), ROWS).tolist()]
    return Asked(tuple(shown(sentence) for sentence in said), encode(said))


def shown(sentence: str) -> str:
    """A stranger's sentence on one line: printable, and not too long."""
    text = printable(" ".join(sentence.split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
