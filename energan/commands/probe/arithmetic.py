"""The command `arithmetic`: sums of samples' and images' noise, and turn vectors (DCGAN's vector arithmetic)."""

from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from energan.commands.explore.flag_types import Class, Texts
from energan.commands.open_run import open_model
from energan.utils.checks import at_least, not_negative, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

EACH = 3  # samples of a class, in a sum
TURNED = 4  # of a class, in a turn vector

Plus = Annotated[UseAppendAction[tuple[str, ...]], arg(name="plus")]
Minus = Annotated[UseAppendAction[tuple[str, ...]], arg(name="minus")]
PlusClass = Annotated[UseAppendAction[tuple[str, ...]], arg(name="plus-class")]
MinusClass = Annotated[UseAppendAction[tuple[str, ...]], arg(name="minus-class")]
Turn = Annotated[tuple[str, str] | None, arg(name="turn")]
TurnClass = Annotated[tuple[str, str] | None, arg(name="turn-class")]


def arithmetic(
    run: str,
    /,
    *,
    plus: Plus = (),
    minus: Minus = (),
    plus_class: PlusClass = (),
    minus_class: MinusClass = (),
    turn: Turn = None,
    turn_class: TurnClass = None,
    spread: float = 0.25,
    steps: int = 200,
    class_: Class = "",
    text: Texts = (),
    out: str = "",
    seed: int = 0,
    data: str = "",
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Add and subtract the noise of samples or images, as "smiling woman - woman + man"; or turn samples to a new look.

    Each --plus and --minus is the mean of the noise of a few samples, or of images of your own, whose noise is looked
    for as `project` does: of three or more, as single ones are unstable. A turn vector is the mean of some less that of
    others; it is added in steps to samples that had no part in it. What all images are asked for is held: --class or
    --text, else what the first one was asked for. A category of the noise becomes the one that the sum has most of.

    Args:
        run: The run's folder.
        plus: Numbers of samples with commas between, as `sample` of this seed numbers them from 0: 3,17,29; or images,
            or folders of them: a.png,b.png,c.png. Again for what else is added.
        minus: What is taken away, likewise.
        plus_class: A class instead: the first three samples that a classifier sees it in. It is the run's own; else the
            shipped one of digits, or one that the run's labelled images teach.
        minus_class: What is taken away, likewise.
        turn: Samples or images to turn from, and those to turn to, likewise; four each, in the paper.
        turn_class: Two classes instead, of which a classifier finds four samples each.
        spread: How far the numbers of the eight neighbours of a sum are from its own, at most.
        steps: Steps of gradient descent towards each image.
        class_: A class that all images are asked for, by name or number.
        text: A sentence that all images are asked for.
        out: A .png; by default arithmetic.png in the run's folder, in probes/. A row for each mean, then the sum in the
            middle of its neighbours; or, a row each, samples on their way along the turn vector.
        seed: Of the samples' noise, and of the neighbours.
        data: Where the training images are now, if they were moved.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
    """
    from energan.commands.probe.exemplars import concept, exemplars, finder
    from energan.commands.probe.given import checked_sheet, keep, step_of
    from energan.explore.combined import Drawn
    from energan.explore.held import held_row
    from energan.explore.tiles import laid_out
    from energan.runs.folder import RunFolder
    from energan.runs.probes import Finding

    usable_seed(seed)
    not_negative(spread=spread)
    at_least(0, steps=steps)
    checked_sheet(out)
    turns = turn is not None or turn_class is not None
    sums = bool(plus or minus or plus_class or minus_class)
    if turns == sums or (turn is not None and turn_class is not None):
        raise UserError("say what is added, by --plus or --plus-class, or what is turned, by --turn or --turn-class")
    if sums and not (plus or plus_class):
        raise UserError("something must be added before anything is taken away: name it by --plus or --plus-class")
    flags = {"plus": plus, "minus": minus, "turn": turn or ()}
    named = {flag: [exemplars(each, flag) for each in values] for flag, values in flags.items()}
    folder = Path(run)
    model, record = open_model(folder, "arithmetic", checkpoint, device), RunFolder(folder).record
    held, _ = held_row(model, folder, record, class_, text)
    drawn = Drawn(model, seed, held)
    concepts = {flag: [concept(drawn, each, record, steps) for each in rows] for flag, rows in named.items()}
    if plus_class or minus_class or turn_class:
        find = finder(model, folder, record, seed, held, data)
        concepts["plus"] += [find(each, EACH, "plus-class") for each in plus_class]
        concepts["minus"] += [find(each, EACH, "minus-class") for each in minus_class]
        concepts["turn"] += [find(each, TURNED, "turn-class") for each in turn_class or ()]
    made = drawn.turned(*concepts["turn"]) if turns else drawn.summed(concepts["plus"], concepts["minus"], spread)
    sheet, columns = laid_out(made.rows)
    about = Finding(made.title, made.says, step_of(folder, checkpoint), made.numbers, made.picture)
    say(f"{keep(folder, 'arithmetic', about, sheet, columns, out)}: {made.says}")
    return 0
