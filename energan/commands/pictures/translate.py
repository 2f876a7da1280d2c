"""The command `translate`: makes pictures of pictures."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.commands.open_run import open_model
from energan.utils.checks import usable_seed
from energan.utils.console import counted, say, warn
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from numpy import ndarray as Array

    from energan.data.decoding.listing import Files, Item

FIRST = "xy"  # from the domain whose shape run.json has as the images'

EXTENSIONS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".avif",
    ".jp2",
    ".heic",
)

NAMES = 3  # files that a sentence names


class Found(NamedTuple):
    """A picture's file, and where what is made of it goes, below the folder `out`."""

    item: "Item"
    to: Path


def translate(
    images: str,
    /,
    *,
    run: str,
    out: str,
    way: str = FIRST,
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Make pictures of pictures: those of the other domain, by pix2pix or CycleGAN.

    Pictures of any size; each keeps its size (times the scale of a system that enlarges) and its name, with the ending
    .png, in the folders that it lies in. Transparent pictures are seen on white; a run that was trained with four
    channels, such as --outputs 4, reads or writes their opacity too.

    Args:
        images: A picture, a folder with folders in it, a .zip or a .tar.
        run: The run's folder.
        out: A new folder for the pictures.
        way: xy, from the first domain to the second; of a system that goes both ways yx, too.
        seed: Seed of the noise, where the system has any; each picture gets the same.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    import torch

    from energan.data.pairs.pixels import range_of
    from energan.experiment import recorded_range
    from energan.inference.pictures.translation import way_of
    from energan.runs.folder import RunFolder
    from energan.utils.files import new_folder, user_path
    from energan.utils.image_files import as_picture

    usable_seed(seed)
    model, record = open_model(Path(run), "translate", checkpoint, device), RunFolder(Path(run)).record
    way_of(model.game, way)
    files = picture_files(images)
    found = places([*files.items()])
    channels = channels_of(record, way)
    failed = [*files.skipped]
    black_to_white = recorded_range(record) or range_of([each.item for each in found], files.words)
    with new_folder(user_path(out)) as folder:
        for each, pixels in read(found, channels, black_to_white, failed, files.words):
            picture = model.translate(torch.tensor(pixels)[None], way, seed=seed)[0]
            (folder / each.to).parent.mkdir(parents=True, exist_ok=True)
            as_picture(picture).save(folder / each.to)
        if not any(folder.iterdir()):
            raise UserError(f"none of the {len(found)} pictures of {files.words} can be read: {failed[0]}")
    if failed:
        warn(f"{len(failed)} pictures cannot be read, and are left out: {'; '.join(failed[:NAMES])}")
    say(f"{sum(1 for _ in user_path(out).rglob('*.png'))} pictures in {out}")
    return 0


def picture_files(source: str) -> "Files":
    """The pictures of a file, a folder or an archive. UserError where there are none."""
    from energan.data.containers.tar import is_tar
    from energan.data.formats.archives import tar_files
    from energan.data.formats.folders import folder_files, one_file, zip_files
    from energan.data.splits import ALL
    from energan.utils.files import user_path

    path = user_path(source)
    if not path.exists():
        raise UserError(f"there is no {printable(source)}: name a picture, a folder, a .zip or a .tar")
    if path.is_dir():
        return folder_files(path, ALL)
    if path.suffix.lower() == ".zip":
        return zip_files(path, ALL)
    return tar_files(path, ALL) if is_tar(path) else one_file(path, ALL)


def places(items: "Sequence[Item]") -> list[Found]:
    """Where each picture goes: its own path with the ending .png; of several with one such path, the whole name too,
    and a number where that is another's.

    >>> from energan.data.decoding.listing import Item
    >>> names = ("a.jpg", "b/c.png", "b/c.webp")
    >>> [str(each.to) for each in places([Item(name, bytes, None) for name in names])]
    ['a.png', 'b/c.png.png', 'b/c.webp.png']
    """
    from energan.data.decoding.decode import EXTENSIONS

    paths = [_inside(item.name) for item in items]
    stems = [path.with_suffix("") if path.suffix.lower() in EXTENSIONS else path for path in paths]
    counts = Counter(str(stem).casefold() for stem in stems)
    found, taken = [], set[str]()
    for item, path, stem in zip(items, paths, stems, strict=True):
        name = stem.name if counts[str(stem).casefold()] == 1 else path.name
        there = (path.with_name(f"{name}{more}.png") for more in chain([""], (f" ({i})" for i in count(2))))
        to = next(each for each in there if str(each).casefold() not in taken)
        taken.add(str(to).casefold())
        found.append(Found(item, to))
    return found


def _inside(name: str) -> Path:
    """A name as a path that leads nowhere else."""
    return Path(*[part for part in Path(name).parts if part not in ("..", "/", "\\")])


def read(
    found: Sequence[Found], channels: int, black_to_white: tuple[float, float] | None, failed: list[str], words: str
) -> "Iterator[tuple[Found, Array]]":
    """Each picture that can be read, (c, h, w) bytes; "name: reason" of the others goes into `failed`.

    UserError where more than one value in a thousand lies outside the range, which is that of the training pictures.
    """
    from energan.data.decoding.decode import Fit
    from energan.data.pairs.pixels import decoded, said_of_range

    pictures, told = decoded([each.item for each in found], Fit(None, channels), black_to_white), []
    for each, one in zip(found, counted(pictures, len(found), "pictures"), strict=True):
        told.append(one._replace(picture=None))
        if one.picture is None:
            failed.append(f"{each.item.name}: {one.failure}")
        else:
            yield each, one.picture
    if said := said_of_range(told, black_to_white, words):
        warn(said)


def channels_of(record: Mapping[str, Any], way: str) -> int:
    """Channels of what goes in. UserError where run.json does not say it."""
    from energan.runs.reader import mapping

    data = record["data"]
    shape = data["shape"] if way == FIRST else mapping(data.get("targets")).get("shape")
    if isinstance(shape, list) and shape and shape[0] in (1, 3, 4):
        return int(shape[0])
    raise UserError("this run's run.json is damaged: it does not say how many channels its pictures have")
