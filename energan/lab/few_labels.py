"""How well classifiers learn from few labels: table 2 of EBGAN's paper, the ladder's and the improved GAN's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from energan.data import Images, load
from energan.data.labelled import LabelledBatches, balanced_subset
from energan.errors import UserError
from energan.game import Game
from energan.lab.classifiers import SYSTEMS, Task
from energan.lab.figures import panels, save, spread
from energan.lab.study import Seen, Study, study
from energan.machine import pick_device, pick_precision
from energan.model import Model, ready
from energan.noise import seeded
from energan.play import Many, One
from energan.recipes.common import at_least, usable_seed

COLUMNS = (
    "system",
    "labels",
    "test error %, half-way",
    "at the end",
    "median",
    "published, far longer",
    "seconds a seed",
)
PAIRED = ("ln", "ebgan-ln")  # compared seed by seed: the same labels, weights and batches
Data = tuple[Images, Images]  # to train on, to test on


class Settings(NamedTuple):
    """What all cells of the table share."""

    seeds: int
    steps: int
    batch: int
    hidden: tuple[int, ...]
    lr: float
    looks: int
    seed: int
    together: bool
    precision: Literal["auto", "bf16", "fp32"]
    device: str


class Cell(NamedTuple):
    system: str
    labels: int

    def build(self, seeds: Sequence[int], data: Data, settings: Settings) -> One | Many:
        """The cell's models of these label seeds: one, or all as one program. A seed is of the weights too."""
        train, _ = data
        sources, games = [], []
        for seed in seeds:
            kept = balanced_subset(_labels(train), self.labels, classes=len(train.classes), seed=seed).labels
            sources.append(
                LabelledBatches(
                    train.images, kept, classes=len(train.classes), labelled=settings.batch,
                    unlabelled=settings.batch, seed=seed,
                )
            )  # fmt: skip
            games.append(self.game(seed, train, settings))
        device = pick_device(settings.device)
        if settings.together:
            return Many(games, sources, seeds=seeds, device=device)
        decay = SYSTEMS[self.system].average(settings.steps)
        return One(
            games[0], sources[0], seed=seeds[0], precision=pick_precision(settings.precision, device), device=device,
            average={"D": decay} if decay else {},
        )  # fmt: skip

    def game(self, seed: int, train: Images, settings: Settings) -> Game:
        system = SYSTEMS[self.system]
        _, c, h, w = train.images.shape
        task = Task((c, h, w), len(train.classes), self.labels, settings.steps, settings.hidden)
        with seeded(seed):
            return system.game(task, settings.lr or system.lr)


def _labels(images: Images) -> Tensor:
    assert images.labels is not None  # `few_labels` has looked
    return images.labels


def _models(player: One | Many, again: Callable[[], One], images: Tensor, batch: int) -> Iterator[Model]:
    """Every model of the player, ready for use. again: a fresh One of the same game, for the weights of one of many."""
    if isinstance(player, One):
        yield ready(player, images, batch)
        return
    for i in range(len(player)):
        one = again()
        for name, net in one.nets.items():
            net.load_state_dict({k: w.to(one.device) for k, w in player.players(i).weights(name).items()}, strict=False)
        yield ready(one, images, batch)


def watch(player: One | Many, again: Callable[[], One], data: Data, batch: int) -> Mapping[str, Tensor]:
    """predicted (models, n): the class of each test image; error (models,): the share that is wrong, in %."""
    train, test = data
    models = _models(player, again, train.images, batch)
    predicted = torch.stack([model.probabilities(test.images).argmax(1) for model in models])
    return {"predicted": predicted.to(torch.uint8), "error": 100 * (predicted != _labels(test)).double().mean(1)}


def _play(s: Study, cell: Cell, data: Data, settings: Settings, mine: Callable[[], bool]) -> Seen | None:
    """What was seen of all seeds of a cell, (looks + 1, seeds); None while another part has not finished it."""
    seeds = range(settings.seed, settings.seed + settings.seeds)
    groups = [list(seeds)] if settings.together else [[seed] for seed in seeds]
    found: list[Seen] = []
    for group in groups:
        name = f"{cell.system}-{cell.labels}" + ("" if settings.together else f"-{group[0]}")
        if not mine() and not s.done(name):
            continue
        alone = settings._replace(together=False)

        def again(first: int = group[0], alone: Settings = alone) -> One:
            one = cell.build([first], data, alone)
            assert isinstance(one, One)
            return one

        found.append(
            s.trial(
                name,
                partial(cell.build, group, data, settings),
                partial(watch, again=again, data=data, batch=settings.batch),
                steps=settings.steps,
                looks=settings.looks,
            )
        )
    if len(found) < len(groups):
        return None
    joined = {k: torch.cat([one[k] for one in found], 1) for k in ("error", "predicted")}
    seconds = torch.stack([one["seconds"][-1] for one in found]).sum() / settings.seeds
    return {**joined, "step": found[0]["step"], "seconds": seconds}


def _row(cell: Cell, seen: Seen) -> list[str]:
    errors, system = seen["error"], SYSTEMS[cell.system]
    return [
        f"{cell.system}: {system.about}",
        str(cell.labels),
        spread(errors[len(errors) // 2]),
        spread(errors[-1]),
        f"{float(errors[-1].quantile(0.5)):.2f}",
        system.published.get(cell.labels, ""),
        f"{float(seen['seconds']):.0f}",
    ]


def paired(a: Tensor, b: Tensor) -> dict[str, float]:
    """Student's paired test of b against a, (seeds,) each: mean and deviation of b - a, t, and the two-sided p."""
    from scipy.stats import ttest_rel

    t = ttest_rel(b.numpy(), a.numpy())
    difference = (b - a).double()
    return {
        "difference": float(difference.mean()),
        "deviation": float(difference.std()),
        "t": float(t.statistic),
        "p": float(t.pvalue),
        "seeds": float(len(a)),
    }


def _tests(seen: Mapping[Cell, Seen]) -> dict[int, dict[str, float]]:
    """By number of labels: whether EBGAN-LN errs less than its ladder, where both were played with several seeds."""
    baseline, candidate = PAIRED
    both = {c.labels for c in seen if c.system == baseline} & {c.labels for c in seen if c.system == candidate}
    ends = {c: s["error"][-1] for c, s in seen.items()}
    return {
        labels: paired(ends[Cell(baseline, labels)], ends[Cell(candidate, labels)])
        for labels in sorted(both)
        if len(ends[Cell(baseline, labels)]) > 1
    }


def _curves(folder: Path, seen: Mapping[Cell, Seen]) -> None:
    """Test error against steps: mean and the band from the least to the largest of the seeds."""
    counts = sorted({cell.labels for cell in seen})
    colours = {name: f"C{i}" for i, name in enumerate(SYSTEMS)}
    figure, axes = panels(1, len(counts), 4.6, 3.4)
    for labels, ax in zip(counts, axes, strict=True):
        for cell, one in seen.items():
            if cell.labels == labels:
                steps, errors, colour = one["step"][1:], one["error"][1:], colours[cell.system]
                ax.plot(steps, errors.mean(1), label=cell.system, color=colour, lw=1.5)
                ax.fill_between(steps, errors.amin(1), errors.amax(1), color=colour, alpha=0.15, lw=0)
        ax.set(title=f"{labels} labels", xlabel="steps", ylabel="test error, %", yscale="log")
        ax.legend(fontsize=8, frameon=False)
    save(figure, folder / "error.png")


def few_labels(
    *,
    systems: str = "supervised,full,bottom,ln,ebgan-ln",
    labels: str = "100",
    data: str = "mnist",
    seeds: int = 5,
    steps: int = 3000,
    batch: int = 100,
    hidden: tuple[int, ...] = (1000, 500, 250, 250, 250),
    lr: float = 0.0,
    looks: int = 12,
    seed: int = 0,
    together: bool = False,
    part: str = "1/1",
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    device: str = "auto",
    out: str = "",
    quiet: bool = False,
) -> None:
    """Classifiers from few labels: ladder networks, EBGAN-LN and the supervised baseline, over many label seeds.

    Args:
        systems: Which ones, with commas between.
        labels: How many there are, balanced over the classes; several numbers with commas between.
        data: A named set with a test split: mnist, fashion-mnist, digits.
        seeds: Label seeds of each cell; a seed is also that of the weights and the order of the data.
        steps: Of every system, EBGAN-LN's first third with its generator. The paper's are 120,000 and 180,000.
        batch: Labelled images a step, and as many unlabelled ones.
        hidden: Units of the hidden layers.
        lr: Adam's learning rate for all systems; 0 for each system's own, chosen for some thousand steps.
        looks: How often models are tested.
        seed: The first label seed; the others follow.
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
    usable_seed(seed)
    settings = Settings(seeds, steps, batch, hidden, lr, looks, seed, together, precision, device)
    cells = _cells(systems, labels)
    both = _data(data, max(cell.labels for cell in cells))
    asked = {"systems": systems, "labels": labels, "data": data, **settings._asdict()}
    mine = _share(part)
    with study("few-labels", asked, out, quiet) as s:
        played = {cell: _play(s, cell, both, settings, mine) for cell in cells}
        seen = {cell: one for cell, one in played.items() if one is not None}
        notes = (
            f"{seeds} label seeds (0 is the first label set that seed {seed} draws), {steps} steps, batch {batch} + "
            f"{batch}; mean ± standard deviation over seeds, of {len(both[1].images)} test images."
        )
        s.table(f"few labels of {data}", COLUMNS, [_row(cell, one) for cell, one in seen.items()], notes)
        tests = _tests(seen)
        if tests:
            rows = [
                [str(n), f"{t['difference']:+.2f} ± {t['deviation']:.2f}", f"{t['p']:.3f}"] for n, t in tests.items()
            ]
            s.table("EBGAN-LN against its ladder, seed by seed", ("labels", "difference, %", "p (paired t)"), rows)
        errors = {
            f"{c.system}-{c.labels}": {"error": one["error"].tolist(), "step": one["step"].tolist()}
            for c, one in seen.items()
        }
        s.results({"cells": errors, "paired": {str(n): t for n, t in tests.items()}})
        if seen:
            _curves(s.folder, seen)


def _cells(systems: str, labels: str) -> list[Cell]:
    chosen = [part.strip() for part in systems.split(",")]
    if unknown := [part for part in chosen if part not in SYSTEMS]:
        raise UserError(f"--systems: there is no {unknown[0]!r}; there are {', '.join(SYSTEMS)}")
    try:
        counts = [int(part) for part in labels.split(",")]
    except ValueError:
        raise UserError(f"--labels are whole numbers with commas between, such as 100,1000, not {labels!r}") from None
    at_least(1, labels=min(counts))
    return [Cell(system, count) for count in counts for system in chosen]


def _data(name: str, most: int) -> Data:
    """Images and labels to train on and to test on. UserError for a set without labels, or with too few."""
    from energan.data import NAMED

    if name not in NAMED:
        raise UserError(f"--data {name}: this study needs a named set with a test split: {', '.join(sorted(NAMED))}")
    train, test = load(name, "train"), load(name, "test")
    if train.labels is None or test.labels is None:
        raise UserError(f"--data {name} has no labels")
    balanced_subset(train.labels, most, classes=len(train.classes), seed=0)  # refused before anything is written
    return train, test


def _share(part: str) -> Callable[[], bool]:
    """Whose turn the next model is, called once for each model. UserError unless "i/n", 1 <= i <= n."""
    first, _, count = part.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise UserError(f'--part is "i/n", the i-th of n parts, such as 1/2, not {part!r}')
    asked = iter(range(1 << 62))
    return lambda: next(asked) % int(count) == int(first) - 1
