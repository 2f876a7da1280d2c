"""The command `walk`: through noise, between classes, or between sentences."""

from pathlib import Path

from tyro.conf import OmitArgPrefixes

from energan.commands.explore.flag_types import ChainLength, Texts
from energan.commands.open_run import open_model
from energan.explore.guidance import Guidance
from energan.utils.checks import at_least, usable_seed
from energan.utils.errors import UserError


def walk(
    run: str,
    /,
    *,
    pairs: int | None = None,
    loop: bool = False,
    classes: str = "",
    text: Texts = (),
    to: str = "",
    frames: int = 24,
    n: int | None = None,
    out: str = "",
    seed: int = 0,
    network: str = "",
    data: str = "",
    checkpoint: str = "",
    device: str = "auto",
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
    chain: OmitArgPrefixes[ChainLength] = ChainLength(),
) -> int:
    """Walk through noise, between classes or between sentences: a sheet and a film.

    What is named twice is walked between: two classes or more, two sentences or more. Otherwise the noise moves, from
    one sample to another, and one class or one sentence holds for all of it. Between classes, a system that draws by
    chains takes one guided chain; others keep their noise.

    Args:
        run: The run's folder.
        pairs: Rows of a walk through noise (8), each from one sample of the seed to the next: along a great circle
            where the noise is normal, else straight; what a pair is asked for, and a category of its noise, stay those
            of its first sample.
        loop: A walk through noise as one film that ends where it began: from sample to sample, `pairs` of them.
        classes: Classes by name or number, with commas between, such as 3,8,0; one class is held.
        text: The sentence to start from, of a run that was trained with captions, and again for sentences on the way;
            without --to, the sentence that is held.
        to: The sentence to end with.
        frames: Frames from one end to the other, with both.
        n: Rows of a walk at fixed noise (4), each of other noise; a chain is one.
        out: A .png is a sheet, with the GIF beside it, a .gif or an .mp4 the film alone; by default walk.png, of a walk
            through noise in the run's folder, in probes/. The sheet has a row for each pair, or noise; of a chain, for
            each leg, and one for the line between its codes.
        seed: Of the start code and the noise.
        network: Feature network that measures the steps of a walk through noise: mnist or mobilenetv2; the run's by
            default.
        data: Where the training images are now, if they were moved; their fades are compared with.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
        guidance: Another classifier to guide the chain.
        chain: Settings of the chain for each class; by default the system's own.
    """
    from energan.commands.walk.between import walk_at_fixed_noise, walk_by_a_chain
    from energan.commands.walk.through_noise import NoiseWalk, walk_through_noise
    from energan.explore.class_names import parse_classes
    from energan.explore.guided_run import open_guided_run
    from energan.explore.held import asked_rows
    from energan.runs.folder import RunFolder
    from energan.utils.films import usable_film

    usable_seed(seed)
    at_least(1, **{name: value for name, value in (("n", n), ("pairs", pairs)) if value is not None})
    folder, film = Path(run), usable_film(Path(out or "walk.png"))
    model = open_model(folder, "walk", checkpoint, device)
    if to and not text:
        raise UserError("a walk between sentences, by --text and --to, starts from --text")
    if text and classes:
        raise UserError("a walk goes between classes, by --classes, or between sentences, by --text and --to")
    if len(text) > 1 and not to:
        raise UserError("a walk between sentences, by --text and --to, ends at --to")
    of_noise = {"pairs": pairs is not None, "loop": loop, "network": bool(network), "data": bool(data)}
    idle = [name for name, given in of_noise.items() if given]
    if model.game.codes is not None:
        if text or not classes:
            raise UserError(f"{folder} draws by chains, which classes guide: name them by --classes")
        if idle or n is not None:
            raise UserError(f"{folder} draws by chains, of which there is one: `{[*idle, 'n'][0]}` does nothing")
        s = open_guided_run(model, folder, guidance, chain.settings())
        return walk_by_a_chain(s, parse_classes(classes, s.classes), frames, seed, film)
    if guidance != Guidance() or chain.settings():
        raise UserError(f"{folder} draws without chains: `classifier` and a chain's settings do nothing")
    record = RunFolder(folder).record
    stops, names = asked_rows(model, folder, record, classes, (*text, to) if to else text)
    if len(names) > 1:
        if idle:
            raise UserError(f"`{idle[0]}` is for a walk through noise, and this one is from {' to '.join(names)}")
        return walk_at_fixed_noise(model, stops, names, frames, 4 if n is None else n, seed, film)
    if n is not None:
        raise UserError("`n` is for a walk between classes or sentences; through noise, `pairs` says how many rows")
    settings = NoiseWalk(8 if pairs is None else pairs, frames, loop, seed, network, data, checkpoint)
    return walk_through_noise(model, folder, record, stops if names else None, settings, film if out else None)
