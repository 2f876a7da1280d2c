"""Many models as one program against the same models one by one, in milliseconds of one model's step."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count as numbers
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import TOY_BATCH, Toy, batches, toy
from benchmarks.gpu.speed.jobs import ALONE, COMPILED, SUBJECTS, Here, Job, Row, kept, played, timed
from benchmarks.gpu.speed.turns import Player
from energan.bench.timing import images_of
from energan.engine import Ensemble, Trainer
from energan.engine.game import Source
from energan.recipes.build import build

Models = Callable[[int, bool, torch.device], tuple[list[Any], list[Source], int]]


def many(what: str, n: int, models: Models, settings: Sequence[str], needs: float, small: bool) -> Job:
    n = max(2, n // 32) if small else n
    names = [f"{way}, {setting}" for setting in settings for way in ("one by one", "as one program")]
    if settings is COMPILED:  # compiling each of the models one by one is nobody's alternative
        names = ["as one program, eager", "as one program, compiled", "as one program, compiled graph"]
    return Job("ensembles", f"{what}, {n} models", names, needs, partial(_together, what, n, models, names, small))


def _together(what: str, n: int, models: Models, names: Sequence[str], small: bool, here: Here) -> Iterator[Row]:
    batch = models(1, small, here.device)[2]
    row = {"table": "ensembles", "what": what, "models": n, "precision": "fp32", "batch": batch}
    makers = {name: partial(_models_player, name, n, models, small, here.device) for name in names}
    for made in timed({**row, "images": batch}, makers, here):
        if "seconds" in made:  # of one model
            models_of = {name: min(n, ALONE) if name.startswith("one by one") else n for name in names}
            stepped, others = models_of[made["setting"]], models_of[made["compared_with"]]
            made["seconds"] = tuple(s / stepped for s in made["seconds"])
            made["images_per_second"] = batch / made["seconds"][1]
            made["times_as_fast"] = tuple(r * stepped / others for r in made["times_as_fast"])
            made["stepped"] = stepped
        yield made


def _models_player(name: str, n: int, models: Models, small: bool, device: torch.device) -> Player:
    setting = name.rpartition(", ")[2]
    together = name.startswith("as one program")
    games, sources, _ = models(n if together else min(n, ALONE), small, device)
    if together:
        many = Ensemble(games, sources, seeds=range(n), device=device.type, compile="compiled" in setting)
        return played(many, setting)
    ones = [Trainer(g, s, seed=i, device=device.type) for i, g, s in zip(numbers(), games, sources, strict=False)]
    players = [played(one, setting) for one in ones]

    def step() -> None:
        for player in players:
            player.step()

    def weights() -> list[Tensor]:
        return [torch.stack(same) for same in zip(*(player.weights() for player in players), strict=True)]

    return Player(step, weights, players[0].why)


def ladders(n: int, small: bool, device: torch.device) -> tuple[list[Any], list[Source], int]:
    """Ladder networks with all costs, as the table of few labels has them: each with its own seed."""
    subject = SUBJECTS["ladder"]
    arguments = {**subject.arguments, **(subject.toy if small else {}), "precision": "fp32"}
    make = partial(build, subject.recipe, device=device.type)
    run, data, _ = images_of(make, arguments)
    runs = [make(**arguments, data=run.source, seed=seed) for seed in range(n)]
    return [run.game for run in runs], [kept(run.batches(data), device) for run in runs], run.batch


def toys(setting: Toy, n: int, small: bool, device: torch.device) -> tuple[list[Any], list[Source], int]:
    """EBGAN-PTs of small MLPs, each with its own weights, data and margin (benchmarks.engine)."""
    setting = setting._replace(size=4) if small else setting
    sources = [kept(batches(setting.shape, TOY_BATCH, seed), device) for seed in range(n)]
    return [toy(setting, i) for i in range(n)], sources, TOY_BATCH
