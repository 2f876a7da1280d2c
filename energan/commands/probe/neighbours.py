"""The command `neighbours`: whether a run's samples are copies of training images."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energan.commands.open_run import open_model
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say

if TYPE_CHECKING:
    from energan.metrics.neighbours import Copies
    from energan.runs.probes import Finding

SHOWN = 12  # samples most like a training image

CHANCE = 0.01  # a difference of shares that comes by chance more often than this is none


class Compared(NamedTuple):
    """Samples and other images in one space: which of them are copies of training images."""

    space: str
    samples: "Copies"
    others: "Copies"

    @property
    def shares(self) -> tuple[float, float]:
        """The shares of copies in %."""
        return tuple(100 * float(side.copies.double().mean()) for side in (self.samples, self.others))  # type: ignore[return-value]


def neighbours(
    run: str,
    /,
    *,
    n: int = 1000,
    out: str = "",
    seed: int = 0,
    network: str = "",
    data: str = "",
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Find each sample's nearest training images, in pixels and in features: are samples copies of them?

    A copy is less than half as far from its nearest training image as from its 50 nearest ones on average. The same
    share of held-out images says how often images that were never trained on seem to be copies.

    Args:
        run: The run's folder.
        n: How many samples, and held-out images at most.
        out: A .png: the samples most like a training image, each beside its nearest ones in pixels and in features; by
            default in the run's folder, with what was found.
        seed: Of the samples' noise.
        network: Feature network, mnist or mobilenetv2; by default the run's. A run without one is compared by pixels.
        data: Where the training images are now; by default where they were.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    import torch

    from energan.commands.probe.given import checked_sheet, given, keep, step_of
    from energan.data import held_out_split
    from energan.data.image_set import fixed_subset
    from energan.metrics.features.catalog import describe
    from energan.metrics.neighbours import copies
    from energan.runs.folder import RunFolder

    at_least(1, n=n)
    usable_seed(seed)
    checked_sheet(out)
    folder = Path(run)
    model, record = open_model(folder, "neighbours", checkpoint, device), RunFolder(folder).record
    experiment, training = given(folder, record, data)
    held_out = held_out_split(experiment.source) is not None
    real = experiment.test_set().images if held_out else training.images
    real, samples, train = real[fixed_subset(len(real), n)], model.sample(n, seed), training.images
    itself = not held_out  # a training image is its own nearest
    spaces = [Compared("pixels", copies(samples, train), copies(real, train, itself=itself))]
    if network := network or experiment.network:
        a, b, c = (describe(x, network).features for x in (samples, real, train))
        spaces.append(Compared(f"{network} features", copies(a, c), copies(b, c, itself=itself)))
    others = "held-out images" if held_out else "training images (among the others: none are held out)"
    says = _sentence(spaces, len(samples), len(real), others)
    likest = torch.stack([space.samples.ratios for space in spaces]).amin(0).argsort()[:SHOWN]
    rows = [samples[likest], *(train[space.samples.nearest.indices[likest, 0]] for space in spaces)]
    sheet = torch.stack(rows, 1).flatten(0, 1)
    found = _finding(spaces, says, step_of(folder, checkpoint), others, len(train))
    place = keep(folder, "neighbours", found, sheet, columns=3 * len(rows), out=out)
    say(f"{says} The likest are in {place}.")
    return 0


def _sentence(spaces: list[Compared], n: int, m: int, others: str) -> str:
    """Memorised or not, in a sentence."""
    from scipy.stats import fisher_exact

    told, memorised = [], False
    for space in spaces:
        a, b = (int(side.copies.sum()) for side in (space.samples, space.others))
        chance = float(fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue)
        memorised |= chance < CHANCE
        told.append(f"{a} of {n} samples ({space.shares[0]:.2g} %) and {b} of {m} {others} by {space.space}")
    verdict = "It has memorised training images" if memorised else "Nothing says that it has memorised training images"
    return f"{verdict}: copies of one are {', and '.join(told)}."


def _finding(spaces: list[Compared], says: str, step: int | None, others: str, searched: int) -> "Finding":
    from energan.runs.probes import Finding, Number

    numbers = []
    for space in spaces:
        for what, side, share in zip(("samples", others), (space.samples, space.others), space.shares, strict=True):
            numbers.append(Number(f"copies among {what}, {space.space}, %", share, f"of {len(side.copies)}"))
            scale = 255 if space.space == "pixels" else 1
            middle = float(side.nearest.distances[:, 0].median()) / scale
            told = f"{'pixels from 0 to 1; ' if scale > 1 else ''}{searched} training images were searched"
            numbers.append(Number(f"median distance of {what} to the nearest, {space.space}", middle, told))
    shown = "The samples most like a training image, each followed by the nearest one in " + " and in ".join(
        space.space for space in spaces
    )
    return Finding("Neighbours: memorised or not", says, step, numbers, f"{shown}.")
