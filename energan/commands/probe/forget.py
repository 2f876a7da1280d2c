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
    from jaxtyping import Bool, Float
    from torch import Tensor

    from energan.inference.model import Model
    from energan.inference.probes.layers import Layer

TAUGHT = 1000  # samples whose activations say which maps go with the feature
TOGETHER = 50  # of them
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)  # of the maps with a positive weight, those with the greatest
SHOWN = 8  # samples with the feature, and as many without it


class Dropped(NamedTuple):
    """What is left without some maps, in %.

    present: of all samples, those with the feature. forgotten: of those that had it, those without. kept: of the
    others, those of the same class as before. rest: of all else that those with it showed, what stayed; None: nothing.
    """

    maps: int
    present: float
    forgotten: float
    kept: float
    rest: float | None = None


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
    the run's labelled images; of worded digits, their judge sees each word. A logistic regression tells those samples'
    activations from the others'; maps with a positive weight are set to 0, the strongest of them first. As many maps at
    random show what dropping alone does.

    Args:
        run: The run's folder.
        feature: The class, by name or number; of worded digits a word, such as red or thick.
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

    from energan.commands.probe.given import checked_sheet, given, keep, step_of
    from energan.commands.probe.observer import observer_of
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
    observer = observer_of(given(folder, record, data), feature, folder)
    name, value, see = observer.name, observer.value, observer.see
    generator = torch.Generator().manual_seed(seed)
    weights = map_weights(*_taught(model, chosen_layer, see, value, generator))
    before = model.sample(n, seed)
    was = see(before)
    had_it, others = ((was[:, 0] == value).nonzero().flatten(), (was[:, 0] != value).nonzero().flatten())
    if not len(had_it):
        raise UserError(f"none of {n} samples show {name}: there is nothing to forget; draw more by `n`")

    def dropped(maps: "Bool[Tensor, ' m']") -> tuple[Dropped, "Tensor"]:
        with without(chosen_layer, maps.to(model.device)):
            after = model.sample(n, seed)
        return _compared(was, see(after), value, int(maps.sum())), after

    order, none = torch.randperm(len(weights), generator=generator), torch.zeros(len(weights), dtype=torch.bool)
    steps: list[tuple[Dropped, Dropped]] = []  # without the strongest maps, and without as many at random
    for share in SHARES:
        last, after = dropped(strongest(weights, share))
        steps.append((last, dropped(none.index_fill(0, order[: last.maps], True))[0]))
    last, chance = steps[-1]
    columns = min(SHOWN, len(had_it))
    sheet = torch.cat([images[rows[:columns]] for rows in (had_it, others) for images in (before, after)])
    first = 100 * len(had_it) / n
    says = (
        f"{first:.1f} % of {n} samples show {name}; without the {last.maps} of {len(weights)} maps that go with it "
        f"(layer {layer} from the top, {_shape(chosen_layer)}), {last.present:.1f} %. Of the other samples, "
        f"{last.kept:.1f} % still show what they showed; without as many maps at random, {chance.kept:.1f} %, and "
        f"{chance.present:.1f} % show {name}."
    )
    if last.rest is not None:
        says += (
            f" Of what else was seen in samples of {name}, {last.rest:.1f} % stayed ({chance.rest:.1f} % at random)."
        )
    numbers = [Number("judge", observer.about, observer.trusted)]
    numbers += [
        Number(f"without {each.maps} maps {how}", f"{each.present:.1f} % show {name}", _told(each, name))
        for pair in steps
        for each, how in zip(pair, (f"of {len(weights)}", "at random"), strict=True)
    ]
    shown = (
        f"Above: samples that show {name}, and the same without the maps. Below: other samples, and the same without."
    )
    found = Finding(f"Forgetting {name}", says, step_of(folder, checkpoint), numbers, shown)
    place = keep(folder, "forget", found, sheet, columns=columns, out=out)
    say(f"{says} The judge is {observer.about}, which {observer.trusted}. {place}")
    for each, random in steps:
        say(f"  without {each.maps} maps: {each.present:.1f} % show {name}; {_told(each, name)}")
        say(f"    as many at random: {random.present:.1f} % show {name}; {_told(random, name)}")
    return 0


def _shape(layer: "Layer") -> str:
    return " x ".join(map(str, layer.shape))


def _told(each: Dropped, name: str) -> str:
    rest = "" if each.rest is None else f"; of what else they showed, {each.rest:.1f} % stayed"
    return f"{each.forgotten:.1f} % of those with {name} lost it{rest}; {each.kept:.1f} % of the others stayed"


def _taught(
    model: "Model", layer: "Layer", see: "Callable[[Tensor], Tensor]", feature: int, generator: "torch.Generator"
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
            parts.append(places(outputs[-1].cpu().float(), see(images)[:, 0] == feature, generator))
    rows, present = (torch.cat([part[i] for part in parts]) for i in (0, 1))
    return rows, present


def _compared(was: "Tensor", now: "Tensor", feature: int, maps: int) -> Dropped:
    """What is left, of facts before and after, (n, facts); 100 of what there is none of."""
    had, here = was[:, 0] == feature, now[:, 0] == feature
    shares = [100 * float(x.double().mean()) if len(x) else 100.0 for x in (here, ~here[had], (now == was)[~had, 0])]
    rest = 100 * float((now == was)[had, 1:].double().mean()) if was.shape[1] > 1 else None
    return Dropped(maps, shares[0], shares[1], shares[2], rest)
