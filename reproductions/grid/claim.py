"""Whether EBGANs of the grid are better than its GANs, and how sure a sample of them can be.

A model that diverged drew nothing: its score I is taken as 0, the least there is, so that it counts, and as the worst.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, final

import numpy as np

SCORE = "MNIST-I"
GOOD = (2.0, 4.0, 6.0, 8.0)  # scores that shares are given above
DRAWS = 1000  # of the bootstrap
LIKELY = (5, 95)  # per cent: what a band holds
STATES = ("finished", "diverged")  # that are results

Row = dict[str, Any]


@final
class Scores(NamedTuple):
    """The scores I of the models of each system."""

    ebgan: np.ndarray
    gan: np.ndarray


def scores(rows: Iterable[Row], of: Callable[[Row], bool] = lambda setting: True) -> Scores:
    """The scores of the trials whose setting `of` takes."""
    found: dict[str, list[float]] = {"ebgan": [], "gan": []}
    for row in rows:
        if row["state"] in STATES and of(row["setting"]):
            found[row["setting"]["system"]].append(row["metrics"].get(SCORE) or 0.0)
    return Scores(*(np.array(found[name]) for name in Scores._fields))


def layers(most: int) -> Callable[[Row], bool]:
    """The paper's restriction: models of at most so many layers in each net."""
    return lambda setting: max(setting["layers_g"], setting["layers_d"]) <= most


def optimised(optim_d: str, optim_g: str, lr: float) -> Callable[[Row], bool]:
    """GANs of these optimizers and this rate, beside all EBGANs, as in the paper's figure 3."""
    chosen = (optim_d, optim_g, lr)
    return lambda setting: (
        setting["system"] == "ebgan" or tuple(map(setting.get, ("optim_d", "optim_g", "lr"))) == chosen
    )


@final
class Claim(NamedTuple):
    """EBGANs beside GANs.

    medians   of I
    above     the share of each that has a score above each of GOOD
    better    how likely an EBGAN at random is better than a GAN at random; a tie is half
    p         of Mann and Whitney's test, two-sided, that neither tends to be the better
    """

    n: tuple[int, int]
    medians: tuple[float, float]
    above: tuple[tuple[float, float], ...]
    better: float
    p: float


def claim(found: Scores) -> Claim | None:
    """The claim on these models; None where a system has none.

    >>> claim(Scores(np.array([3.0, 4.0]), np.array([1.0, 2.0]))).better
    1.0
    """
    from scipy.stats import mannwhitneyu

    if not len(found.ebgan) or not len(found.gan):
        return None
    test = mannwhitneyu(found.ebgan, found.gan, alternative="two-sided")
    return Claim(
        (len(found.ebgan), len(found.gan)),
        (float(np.median(found.ebgan)), float(np.median(found.gan))),
        tuple((float((found.ebgan > score).mean()), float((found.gan > score).mean())) for score in GOOD),
        float(test.statistic) / (len(found.ebgan) * len(found.gan)),
        float(test.pvalue),
    )


def shares(values: np.ndarray, edges: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Per cent of the values in each bin, and the band of that (2, bins): over trials drawn again with replacement."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    again = np.random.default_rng(0).multinomial(len(values), counts / len(values), DRAWS)
    return 100 * counts / len(values), np.percentile(100 * again / len(values), LIKELY, axis=0)


def table(rows: Sequence[Row]) -> str:
    """Markdown: the claim on all models, on those of few layers, and on the GANs of each optimisation."""
    from reproductions.grid.table1 import GAN, OPTIMIZERS, configuration, size

    rates = {name: GAN[name] for name in OPTIMIZERS}
    which = [("all", layers(5)), ("4 layers or fewer", layers(4)), ("3 layers or fewer", layers(3))]
    for i in range(size(rates)):
        each = configuration(rates, i)
        which.append((f"D {each['optim_d']}, G {each['optim_g']}, {each['lr']:g}", optimised(**each)))
    head = ["models", "EBGANs", "GANs", "median I", "of GANs", *(f"I > {s:g}" for s in GOOD), "EBGAN better", "p"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, of in which:
        if made := claim(scores(rows, of)):
            above = (f"{100 * a:.0f} / {100 * b:.0f} %" for a, b in made.above)
            medians = (f"{median:.2f}" for median in made.medians)
            cells = [name, *map(str, made.n), *medians, *above, f"{100 * made.better:.0f} %", f"{made.p:.2g}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
