"""How well classifiers learn from few labels: table 2 of EBGAN's paper, the ladder's and the improved GAN's."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from energan.data import load
from energan.data.batches.epochs import permutation
from energan.data.few_labels import balanced_subset
from energan.data.image_set import NONE
from energan.lab.few_labels.cells import CONTEST, Cell, Data, Settings, play
from energan.lab.few_labels.systems import SYSTEMS
from energan.lab.figures import panels, save, spread
from energan.lab.study import Observations, study
from energan.networks.dense.ladder import HIDDEN
from energan.utils.checks import at_least, not_negative, usable_seed
from energan.utils.errors import UserError

COLUMNS = (
    "system",
    "labels",
    "steps",
    "test error %, half-way",
    "at the end",
    "median",
    "published, far longer",
    "seconds a seed",
)

PAIRED = ("ln", "ebgan-ln")  # compared seed by seed: the same labels


def _row(cell: Cell, observed: Observations, data: str) -> list[str]:
    errors, system = observed["error"], SYSTEMS[cell.system]
    return [
        f"{cell.system}: {system.about}",
        str(cell.labels),
        f"{int(observed['step'][-1]):,}",
        spread(errors[round((len(errors) - 1) / 2)]),
        spread(errors[-1]),
        f"{float(errors[-1].quantile(0.5)):.2f}",
        system.published.get(cell.labels, "") if data == "mnist" else "",
        f"{float(observed['seconds']):.0f}",
    ]


def paired(a: Tensor, b: Tensor) -> dict[str, float]:
    """Student's paired test of b against a, (seeds,) each: mean and deviation of b - a, t, and the two-sided p.

    Differences that are all the same, but for rounding, cannot be tested: t and p are NaN.
    """
    from scipy.stats import ttest_rel

    difference = (b - a).double()
    same = float(difference.std()) <= 1e-6 * float(difference.abs().max())
    t = None if same else ttest_rel(b.numpy(), a.numpy())
    return {
        "difference": float(difference.mean()),
        "deviation": float(difference.std()),
        "t": float(t.statistic) if t else math.nan,
        "p": float(t.pvalue) if t else math.nan,
        "seeds": float(len(a)),
    }


def _tests(observed: Mapping[Cell, Observations]) -> dict[int, dict[str, float]]:
    """By number of labels: whether EBGAN-LN errs less than its ladder, where both were played with several seeds."""
    baseline, candidate = PAIRED
    both = {c.labels for c in observed if c.system == baseline} & {c.labels for c in observed if c.system == candidate}
    ends = {c: s["error"][-1] for c, s in observed.items()}
    return {
        labels: paired(ends[Cell(baseline, labels)], ends[Cell(candidate, labels)])
        for labels in sorted(both)
        if len(ends[Cell(baseline, labels)]) > 1
    }


def _curves(folder: Path, observed: Mapping[Cell, Observations]) -> None:
    """Test error against steps: mean and the band from the least to the largest of the seeds."""
    counts = sorted({cell.labels for cell in observed})
    colours = {name: f"C{i}" for i, name in enumerate(SYSTEMS)}
    figure, axes = panels(1, len(counts), 4.6, 3.4)
    for labels, ax in zip(counts, axes, strict=True):
        for cell, one in observed.items():
            if cell.labels == labels:
                steps, errors, colour = one["step"][1:], one["error"][1:], colours[cell.system]
                ax.plot(steps, errors.mean(1), label=cell.system, color=colour, lw=1.5)
                ax.fill_between(steps, errors.amin(1), errors.amax(1), color=colour, alpha=0.15, lw=0)
        ax.set(title=f"{labels} labels", xlabel="steps", ylabel="test error, %", yscale="log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
        ax.legend(fontsize=8, frameon=False)
    save(figure, folder / "error.png")


def _contests(folder: Path, observed: Mapping[Cell, Observations]) -> None:
    """What D's energies and its hinge did while G was on, a row for each cell; means of the seeds."""
    figure, axes = panels(len(observed), 2, 4.6, 3.0)
    for (cell, one), energies, active in zip(observed.items(), axes[::2], axes[1::2], strict=True):
        for name in CONTEST:
            ax = active if name == "D/active" else energies
            ax.plot(one["step"][1:], one[name][1:].mean(1), label=name.removeprefix("D/"), lw=1.5)
        energies.set(title=f"{cell.system}, {cell.labels} labels", xlabel="steps", ylabel="energy")
        energies.set_ylim(bottom=0)
        active.set(title="share of active hinges", xlabel="steps", ylim=(-0.03, 1.03))
        energies.legend(fontsize=8, frameon=False)
    save(figure, folder / "contest.png")


def few_labels(
    *,
    systems: str = "supervised,full,bottom,ln,ebgan-ln",
    labels: str = "100",
    data: str = "mnist",
    seeds: int = 5,
    steps: int = 3000,
    batch: int = 100,
    hidden: tuple[int, ...] = HIDDEN,
    lr: float = 0.0,
    lr_g: float = 0.0,
    published_rates: bool = False,
    looks: int = 12,
    seed: int = 0,
    validate: bool = False,
    together: bool = False,
    part: str = "1/1",
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    device: str = "auto",
    out: str = "",
    quiet: bool = False,
) -> None:
    """Classifiers from few labels: ladder networks, EBGAN-LN, the improved GAN, a baseline; over many label seeds.

    Args:
        systems: Which ones, with commas between.
        labels: How many there are, balanced over the classes; several numbers with commas between.
        data: A named set with a test split: mnist, fashion-mnist, digits.
        seeds: Label seeds of each cell; a seed is also that of the weights and the order of the data.
        steps: Of a classifier; EBGAN-LN has half as many more, its first third with its generator. The paper's are
            120,000 and 180,000.
        batch: Labelled images a step, and as many unlabelled ones.
        hidden: Units of the hidden layers.
        lr: Adam's learning rate for all classifiers; 0 for each system's own (docs/results/few-labels.md).
        lr_g: That of their generators; 0 for each system's own, in its ratio to D's.
        published_rates: Take the papers' rates as each system's own: they are for far longer runs.
        looks: How often models are tested.
        seed: The first label seed; the others follow.
        validate: Measure on 10,000 training images (a sixth where that is less), which then give no labels, instead of
            on the test images: for choosing settings.
        together: Train all seeds of a cell as one program (for GPUs: on a processor one by one is faster).
        part: "2/3" plays every third model, from the second; the table is written when all are there. So that
            several processes, or machines with a common folder, share a study.
        precision: bf16 (autocast), fp32, or auto; models trained together are in fp32.
        device: cpu, cuda, cuda:1, or auto.
        out: The study's folder; lab/few-labels by default. The same command goes on where it stopped.
        quiet: No progress bar.
    """
    at_least(1, seeds=seeds, looks=looks)
    at_least(2, batch=batch)
    at_least(3, steps=steps)
    not_negative(lr=lr, lr_g=lr_g)
    usable_seed(seed)
    settings = Settings(
        seeds, steps, batch, hidden, lr, lr_g, published_rates, looks, seed, together, precision, device
    )
    cells = _cells(systems, labels, together, steps)
    both = _data(data, max(cell.labels for cell in cells), validate)
    asked = {"systems": systems, "labels": labels, "data": data, "validate": validate, **settings._asdict()}
    asked["rates"] = {cell.system: cell.rates(settings) for cell in cells}  # another version's may be others
    mine = _share(part)
    with study("few-labels", asked, out, quiet) as s:
        played = {cell: play(s, cell, both, settings, mine) for cell in cells}
        observed = {cell: one for cell, one in played.items() if one is not None}
        (s.folder / "table.md").unlink(missing_ok=True)  # another part may have written meanwhile
        if len(observed) < len(cells):
            waiting = [f"{c.system}, {c.labels} labels" for c in cells if c not in observed]
            s.table("other parts have not finished", ("waiting for",), [[name] for name in waiting])
            return
        measured = f"{len(both[1].images)} {'held-out training' if validate else 'test'} images"
        notes = (
            f"Label seeds {seed} to {seed + seeds - 1}, batch {batch} + {batch}; mean ± standard deviation over seeds, "
            f"of {measured}."
        )
        s.table(f"few labels of {data}", COLUMNS, [_row(cell, one, data) for cell, one in observed.items()], notes)
        tests = _tests(observed)
        if tests:
            rows = [
                [str(n), f"{t['difference']:+.2f} ± {t['deviation']:.2f}", f"{t['p']:.2g}"] for n, t in tests.items()
            ]
            s.table("EBGAN-LN against its ladder, seed by seed", ("labels", "difference, %", "p (paired t)"), rows)
        errors = {
            f"{c.system}-{c.labels}": {"error": one["error"].tolist(), "step": one["step"].tolist()}
            for c, one in observed.items()
        }
        s.results({"cells": errors, "paired": {str(n): t for n, t in tests.items()}})
        _curves(s.folder, observed)
        contests = {cell: one for cell, one in observed.items() if not one["D/margin"].isnan().all()}
        if contests:
            _contests(s.folder, contests)


def _cells(systems: str, labels: str, together: bool, steps: int) -> list[Cell]:
    chosen = [part.strip() for part in systems.split(",")]
    if unknown := [part for part in chosen if part not in SYSTEMS]:
        raise UserError(f"`systems`: there is no {unknown[0]!r}; there are {', '.join(SYSTEMS)}")
    try:
        counts = [int(part) for part in labels.split(",")]
    except ValueError:
        raise UserError(f"`labels` are whole numbers with commas between, such as 100,1000, not {labels!r}") from None
    at_least(1, labels=min(counts))
    if together and (averaged := [name for name in chosen if SYSTEMS[name].ema(steps)]):
        raise UserError(f"{averaged[0]} uses averaged weights, which models trained as one lack: drop `together`")
    return [Cell(system, count) for count in counts for system in chosen]


def _data(name: str, most: int, validate: bool) -> Data:
    """Images and labels to train on and to test on. UserError for a set without labels, or with too few.

    validate: the second are some of the first, whose labels are hidden from those that train.
    """
    from energan.data import NAMED

    if name not in NAMED:
        raise UserError(f"`data` {name}: this study needs a named set with a test split: {', '.join(sorted(NAMED))}")
    train, test = load(name, "train"), load(name, "test")
    if train.labels is None or test.labels is None:
        raise UserError(f"`data` {name} has no labels")
    if validate:
        order = permutation(len(train.images), 0, 0)[: min(10000, len(train.images) // 6)]
        test = train._replace(images=train.images[order], labels=train.labels[order])
        hidden = train.labels.clone()
        hidden[order] = NONE
        train = train._replace(labels=hidden)
    assert train.labels is not None
    balanced_subset(train.labels, most, classes=len(train.classes), seed=0)  # refused before anything is written
    return train, test


def _share(part: str) -> Callable[[], bool]:
    """Whose turn the next model is, called once for each model. UserError unless "i/n", 1 <= i <= n."""
    first, _, count = part.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise UserError(f'`part` is "i/n", the i-th of n parts, such as 1/2, not {part!r}')
    asked = iter(range(1 << 62))
    return lambda: next(asked) % int(count) == int(first) - 1
