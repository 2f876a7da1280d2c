"""The command `look`: what a set of images is, whether it is enough, and how to train on it."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energan.utils.console import as_text, complain, say
from energan.utils.errors import UserError
from energan.utils.files import user_path

TIMED = 3  # steps

SHEET = 64  # images

SHEET_SIDE = 64  # pixels


def look(images: str, /, *, split: str = "", timed: bool = True, out: str = "", json: bool = False) -> int:
    """Tell what a set of images is, whether it is enough, and how to train on it: the command to type.

    Sizes, kinds, classes, splits, broken files, the same files, pictures that look alike (also across splits).

    Args:
        images: A folder, .zip, .npz or .parquet of images, or a named set.
        split: One split alone; all: every image, where no folder is a split. By default every split.
        timed: Time a few steps of the recipe on this machine (seconds); without, nothing is said of how long.
        out: A .png: a sheet of 64 of the images as the networks will see them, 64 x 64.
        json: Print JSON instead of text.
    """
    from energan.commands.look.words import lines, warnings
    from energan.data.look import facts as facts_of
    from energan.data.look import look as look_at
    from energan.recipes.advice import advice, others, out_folder
    from energan.utils.hardware import pick_device

    if out and Path(out).suffix.lower() != ".png":
        raise UserError(f"`out` {out}: the sheet is a .png")
    if (user_path(images) / "run.json").is_file():
        raise UserError(f"{images} is a run, no set of images: `energan info {shlex.quote(images)}` tells what it is")
    facts = facts_of(look_at(images, split))
    advised = advice(facts, pick_device("auto"))
    times = _times(advised.recipe, advised.arguments) if timed and advised.recipe else {}
    command = advised.command(images, out_folder(str(facts["name"]))) if advised.recipe else ""
    warned = warnings(facts)
    if out:
        _write_sheet(images, split, Path(out), advised.arguments.get("channels", 3))
    if json:
        said = {"warnings": warned, "enough": advised.enough, "recipe": advised.recipe, "why": advised.why}
        say(as_text({**facts, **said, "time": times, "command": command}))
        return 0
    say("\n".join(lines(facts)))
    for sentence in warned:
        complain(f"warning: {sentence}")
    say(f"\nEnough? {advised.enough}")
    if not command:
        return 0
    say("\n".join(["", *advised.why, *_told(times)]))
    say("\n".join(["\nNot to draw, but to judge:\n", *others(facts, images)]))
    say(f"\nTo train, type:\n\n{command}")
    if not images.isprintable():
        complain(
            "warning: the name has letters that cannot be printed: rename the folder, or the command will not work"
        )
    return 0


def _times(recipe: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a step on this machine, and of all, on images of noise: the median of TIMED steps."""
    from functools import partial
    from statistics import median

    from energan.bench.timing import images_of, warmed_up
    from energan.recipes.build import build
    from energan.utils.hardware import environment

    complain("timing some steps of the recipe ...")
    run, data, _ = images_of(partial(build, recipe), arguments)
    bench = warmed_up(run, data)
    seconds = median(bench.seconds() for _ in range(TIMED))
    where = environment()
    machine = {"gpu": where["gpu"], "cpu": where["cpu"], "threads": where["threads"]}
    return {
        "step": seconds,
        "steps": run.steps,
        "seconds": seconds * run.steps,
        "save_every": run.save_every,
        **machine,
    }


def _told(times: Mapping[str, Any]) -> list[str]:
    from energan.html.formatting import duration

    if not times:
        return []
    first = times["step"] * times["save_every"]
    where = times["gpu"] or f"{times['threads']} threads"
    return [
        f"Here ({where}) a step takes {duration(times['step'])}: the first sheet after about {duration(first)}, all "
        f"{times['steps']:,} steps in about {duration(times['seconds'])}, and measuring besides."
    ]


def _write_sheet(source: str, split: str, path: Path, channels: int) -> None:
    """A sheet of the images as the networks see them, the same ones each time."""
    from energan.data import load
    from energan.data.image_set import fixed_subset
    from energan.utils.image_files import save_sheet

    data = load(source, split or "train", size=SHEET_SIDE, channels=channels)
    save_sheet(data.images[fixed_subset(len(data.images), SHEET)], path)
    complain(f"sheet: {path}")
