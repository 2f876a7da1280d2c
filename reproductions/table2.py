"""Classifiers from few labels at their papers' full length: table 2 of EBGAN's paper, and the improved GAN's MNIST.

Fifteen label seeds of a ladder are one program, which is meant for a GPU. A label seed chooses the labels, the weights
and the order of the images, as in `energan lab few-labels`, whose cells these are, for some thousand steps. The test
images are for the table alone: nothing is chosen by them.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from energan.data import load
from energan.engine import Trainer
from energan.lab.few_labels.cells import Cell, Data, Settings, watch
from energan.lab.few_labels.systems import SYSTEMS
from energan.networks.dense.ladder import HIDDEN
from reproductions.campaign.entry import Conditions, Entry, Look, Models, images_of

ERROR = "test error %"
STEPS = 120_000  # of a ladder; EBGAN-LN has half as many more
LADDERS = {  # and what the paper leaves open
    "ln": "logits without a gain; statistics in use: of 1,600 training images",
    "ebgan-ln": (
        "G: 3 layers of 500, z 100; lambda on generated images too, which take the corrupted path; the margin falls "
        "linearly; logits without a gain; statistics in use: of 1,600 training images"
    ),
}
IMPROVED = "the code's 300 epochs and averaged weights (.9999); statistics in use: of 1,600 training images"


def entries(where: Conditions) -> list[Entry]:
    """The ladder and EBGAN-LN, by the number of labels."""
    return [
        _entry(where, f"table2-{system}-{labels}", "EBGAN's table 2", system, labels, STEPS, 15, 12, said)
        for labels in (100, 200, 1000)
        for system, said in LADDERS.items()
    ]


def improved_gan(where: Conditions) -> list[Entry]:
    """The improved GAN's four numbers of labels, ten label seeds each, as its authors have them."""
    return [
        _entry(
            where,
            f"improved-gan-{labels}",
            "The improved GAN's MNIST",
            "improved-gan",
            labels,
            180_000,
            10,
            6,
            IMPROVED,
        )
        for labels in (20, 50, 100, 200)
    ]


def _entry(
    where: Conditions,
    name: str,
    table: str,
    system: str,
    labels: int,
    steps: int,
    seeds: int,
    looks: int,
    left_open: str,
) -> Entry:
    settings: dict[str, Any] = {
        "system": system, "labels": labels, "data": "mnist", "batch": 100, "hidden": list(HIDDEN), "precision": "fp32",
        "rates": list(SYSTEMS[system].paper or SYSTEMS[system].rates), **({"gain": False} if system in LADDERS else {}),
    }  # fmt: skip
    if where.toy:
        settings |= {"data": "digits", "batch": 20, "hidden": [20, 10]}
        steps, seeds, looks = 6, 2, 2
    together = system in LADDERS  # models with averaged weights are trained one by one
    return Entry(
        name=name,
        table=table,
        about=f"{SYSTEMS[system].about}, {labels} labels",
        steps=round(steps * SYSTEMS[system].length),
        seeds=tuple(range(seeds)),
        settings=settings,
        build=partial(build, settings, steps, together),
        shown=(ERROR,),
        together=together,
        looks=looks,
        alike=system,
        published=SYSTEMS[system].published.get(labels, ""),
        open=left_open,
        needs=images_of(settings["data"]),
    )


def build(settings: dict[str, Any], steps: int, together: bool, seeds: Sequence[int], device: str) -> Models:
    """The models of some label seeds, and their errors on the test images."""
    data = _data(settings["data"])
    cell = Cell(settings["system"], settings["labels"])
    shared = Settings(
        seeds=len(seeds), steps=steps, batch=settings["batch"], hidden=tuple(settings["hidden"]),
        lr=settings["rates"][0], lr_g=settings["rates"][1], published=True, looks=1, seed=seeds[0], together=together,
        precision=settings["precision"], device=device,
    )  # fmt: skip
    player = cell.build(seeds, data, shared)

    def again() -> Trainer:
        one = cell.build(seeds[:1], data, shared._replace(together=False))
        assert isinstance(one, Trainer)
        return one

    def look() -> Look:
        return Look({ERROR: watch(player, again, data, settings["batch"])["error"].tolist()})

    return Models(player, look)


@cache
def _data(name: str) -> Data:
    return load(name, "train"), load(name, "test")
