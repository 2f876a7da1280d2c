"""The command `forget`: a run's generator made to forget a class, by dropping the maps that go with it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energan.commands.open_run import open_model
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float, Int64, UInt8
    from torch import Tensor

    from energan.capabilities.conditions.classes.judge import Judge
    from energan.commands.probe.given import Given
    from energan.inference.model import Model
    from energan.inference.probes.layers import Layer

TAUGHT = 1000  # samples whose activations say which maps go with the feature
TOGETHER = 50  # of them
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)  # of the maps with a positive weight, those with the greatest
SHOWN = 8  # samples with the feature, and as many without it
JUDGED = 5000  # real images that the judge is measured on

Seen = Callable[["UInt8[Tensor, 'n c h w']"], "Int64[Tensor, ' n']"]


class Dropped(NamedTuple):
    """What is left without some maps. present: of all samples, those with the feature; forgotten: of those that had it,
    those without; kept: of the others, those of the same class as before; in %."""

    maps: int
    present: float
    forgotten: float
    kept: float


def forget(
    run: str,
    /,
    *,
    feature: str,
    layer: int = 2,
    n: int = 1000,
    out: str = "",
    seed: int = 0,
    data: str = "",
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Make a generator forget a class: drop the maps of its second-highest layer that go with it (DCGAN's experiment).

    A classifier says which samples show the class: the shipped one of digits, else one of features that is taught by
    the run's labelled images. A logistic regression tells those samples' activations from the others'; maps with a
    positive weight are set to 0, the strongest of them first. As many maps at random show what dropping alone does.

    Args:
        run: The run's folder.
        feature: The class, by name or number.
        layer: Which layer of the generator, counted from the image, 1: DCGAN's authors took the second-highest.
        n: How many samples are compared, with and without the maps.
        out: A .png: samples with the class and without it, before and after; by default in the run's folder, with the
            numbers.
        seed: Of the noise.
        data: Where the training images are now; by default where they were.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    import torch

    from energan.commands.explore.class_names import parse_classes
    from energan.commands.probe.given import checked_sheet, given, keep, step_of
    from energan.inference.critic import generator_layer
    from energan.inference.probes.forgetting import map_weights, strongest
    from energan.inference.probes.layers import without
    from energan.runs.folder import RunFolder
    from energan.runs.probes import Finding, Number

    at_least(10, n=n)
    usable_seed(seed)
    checked_sheet(out)
    folder = Path(run)
    model, record = open_model(folder, "forget", checkpoint, device), RunFolder(folder).record
    chosen_layer = generator_layer(model.game, model.nets, layer)
    had = given(folder, record, data)
    classes = had.training.classes
    if len(classes) < 2:
        raise UserError(f"the images of {folder} have no classes: there is nothing that a classifier could tell it by")
    chosen = parse_classes(feature, classes)
    if len(chosen) > 1:
        raise UserError(f"`feature` {feature}: one class is forgotten at a time")
    judge, see = judge_by(had, folder)
    generator = torch.Generator().manual_seed(seed)
    weights = map_weights(*_taught(model, chosen_layer, see, chosen[0], generator))
    before = model.sample(n, seed)
    was = see(before)
    if not bool((was == chosen[0]).any()):
        raise UserError(f"none of {n} samples show {classes[chosen[0]]}: there is nothing to forget; draw more by `n`")

    def dropped(maps: "Bool[Tensor, ' m']") -> tuple[Dropped, "Tensor"]:
        with without(chosen_layer, maps.to(model.device)):
            after = model.sample(n, seed)
        return _compared(was, see(after), chosen[0], int(maps.sum())), after

    name = classes[chosen[0]]
    steps = [dropped(strongest(weights, share))[0] for share in SHARES]
    last, after = dropped(strongest(weights, 1.0))
    order = torch.randperm(len(weights), generator=generator)
    chance, _ = dropped(torch.zeros(len(weights), dtype=torch.bool).index_fill_(0, order[: last.maps], True))
    had_it = (was == chosen[0]).nonzero().flatten()[:SHOWN]
    others = (was != chosen[0]).nonzero().flatten()[: len(had_it)]
    sheet = torch.cat([before[had_it], after[had_it], before[others], after[others]])
    first = 100 * float((was == chosen[0]).double().mean())
    says = (
        f"{first:.1f} % of {n} samples show {name}; without the {last.maps} of {len(weights)} maps that go with it "
        f"(layer {layer} from the top, {_shape(chosen_layer)}), {last.present:.1f} %. Of the other samples, "
        f"{last.kept:.1f} % still show what they showed; without as many maps at random, {chance.kept:.1f} %, and "
        f"{chance.present:.1f} % show {name}."
    )
    numbers = [Number("judge", judge.about, f"recognises {100 * judge.accuracy:.1f} % of {judge.images} {judge.where}")]
    numbers += [
        Number(f"without {each.maps} maps {how}", f"{each.present:.1f} % show {name}", _told(each, name))
        for each, how in [*((each, f"of {len(weights)}") for each in steps), (chance, "at random")]
    ]
    shown = (
        f"Above: samples that show {name}, and the same without the maps. Below: other samples, and the same without."
    )
    found = Finding(f"Forgetting {name}", says, step_of(folder, checkpoint), numbers, shown)
    place = keep(folder, "forget", found, sheet, columns=len(had_it), out=out)
    say(f"{says} The judge is {judge.about}, which recognises {100 * judge.accuracy:.1f} % of {judge.where}. {place}")
    for each in steps:
        say(f"  without {each.maps} maps: {each.present:.1f} % show {name}; {_told(each, name)}")
    return 0


def _shape(layer: "Layer") -> str:
    return " x ".join(map(str, layer.shape))


def _told(each: Dropped, name: str) -> str:
    return f"{each.forgotten:.1f} % of those with {name} lost it; {each.kept:.1f} % of the others stayed"


def judge_by(had: "Given", folder: Path) -> tuple["Judge", Seen]:
    """The judge of the run's classes, and what it sees in images. UserError where there is none."""
    from energan.capabilities.conditions.classes.judge import judge_of
    from energan.capabilities.conditions.classes.labelled import labelled_images
    from energan.data.image_set import fixed_subset, rows_of
    from energan.metrics.features.catalog import describe

    network = had.experiment.network
    if not network:
        raise UserError(f"{folder} has no feature network that a classifier could see its samples by")
    images = labelled_images(had.experiment, had.training)
    images = images._replace(real=rows_of(images.real, fixed_subset(len(images.real.images), JUDGED)))
    judge = judge_of(images, describe(images.real.images, network), network) if len(images.real.images) else None
    if judge is None:
        raise UserError(f"the images of {folder} have too few labels to teach a classifier that sees its samples")
    predict = judge.predict
    return judge, lambda some: predict(describe(some, network))


def _taught(
    model: "Model", layer: "Layer", see: Seen, feature: int, generator: "torch.Generator"
) -> "tuple[Float[Tensor, 'p m'], Bool[Tensor, ' p']]":
    """Activations of 1,000 samples at some places, and whether the sample shows the feature."""
    import torch

    from energan.data.pixels import to_bytes
    from energan.engine.isolation import isolated
    from energan.inference.probes.forgetting import places
    from energan.inference.probes.layers import reading

    drawn, parts = torch.Generator(model.device).manual_seed(generator.initial_seed()), []
    with isolated(gradients=False):
        for _ in range(0, TAUGHT, TOGETHER):
            with reading(layer) as outputs:
                images = to_bytes(model.generator(*model.noise(TOGETHER, drawn))).cpu()
            parts.append(places(outputs[-1].cpu().float(), see(images) == feature, generator))
    rows, present = (torch.cat([part[i] for part in parts]) for i in (0, 1))
    return rows, present


def _compared(was: "Tensor", now: "Tensor", feature: int, maps: int) -> Dropped:
    """Shares in %; kept is 100 where there are no others."""
    had = was == feature
    share = [(now == feature), (now != feature)[had], (now == was)[~had]]
    present, forgotten, kept = (100 * float(x.double().mean()) if len(x) else 100.0 for x in share)
    return Dropped(maps, present, forgotten, kept)
