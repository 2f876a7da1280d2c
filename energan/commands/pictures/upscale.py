"""The command `upscale`: makes pictures larger, of any size, in tiles."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.commands.open_run import open_model
from energan.commands.pictures.translate import NAMES, Found, channels_of, picture_files, places
from energan.utils.checks import not_negative
from energan.utils.console import counted, say, warn
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from PIL.Image import Image

    from energan.data.transparency import Apart
    from energan.inference.model import Model


def upscale(
    pictures: tuple[str, ...],
    /,
    *,
    run: str,
    out: str,
    tile: int = 128,
    checkpoint: str = "",
    device: str = "auto",
) -> int:
    """Make pictures larger, by SRResNet or SRGAN: as many times as the run was trained for.

    Pictures of any size. Grey ones stay grey; opacity is kept, and is enlarged bicubically. Pictures are turned as
    their EXIF data say, and keep their colour profile. A net of grey pictures enlarges the brightness of coloured ones,
    whose colours are enlarged bicubically. Large pictures go through the net in tiles that overlap as far as it sees.

    Args:
        pictures: Pictures, folders with folders in them, .zip or .tar files.
        run: The run's folder.
        out: Of one picture a .png; of several a new folder, in which they keep their names, with the ending .png.
        tile: Pixels a side of a tile of the small picture; less takes less memory. 0: each picture as a whole.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto.
    """
    from energan.experiment import recorded_range
    from energan.inference.pictures.translation import FIRST, way_of
    from energan.runs.folder import RunFolder
    from energan.utils.files import new_folder, user_path, write

    not_negative(tile=tile)
    if not pictures:
        raise UserError("no pictures were named: give one, or a folder")
    model, record = open_model(Path(run), "upscale", checkpoint, device), RunFolder(Path(run)).record
    scale = way_of(model.game, FIRST).scale
    if scale < 2:
        raise UserError("what this run makes of pictures is no larger than they are: `energan translate` makes it")
    sources = [picture_files(source) for source in pictures]
    found = places([item for files in sources for item in files.items()])
    black_to_white, channels = recorded_range(record), channels_of(record, FIRST)
    if channels == 4:
        raise UserError(
            "this run's nets take four channels, and `energan upscale` needs 1 or 3: it keeps the opacity beside them"
        )
    single = len(pictures) == 1 and user_path(pictures[0]).is_file() and len(found) == 1
    if single:
        picture = _made(found[0], model, tile, channels, black_to_white)
        if isinstance(picture, str):
            raise UserError(f"{printable(pictures[0])} cannot be read: {picture}")
        target = user_path(out)
        if target.suffix.lower() != ".png":
            raise UserError(f"`out` {printable(out)}: an enlarged picture is written as a .png")
        write(target, partial(picture.save, format="PNG"))
        say(f"{printable(out)}, {picture.width} x {picture.height}")
        return 0
    failed = []
    with new_folder(user_path(out)) as folder:
        for each in counted(found, len(found), "pictures"):
            picture = _made(each, model, tile, channels, black_to_white)
            if isinstance(picture, str):
                failed.append(f"{each.item.name}: {picture}")
                continue
            (folder / each.to).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / each.to, format="PNG")
        if len(failed) == len(found):
            raise UserError(f"none of the {len(found)} pictures can be read: {printable(failed[0])}")
    if failed:
        warn(f"{len(failed)} pictures cannot be read, and are left out: {printable('; '.join(failed[:NAMES]))}")
    say(f"{len(found) - len(failed)} pictures in {printable(out)}, {scale} times as large")
    return 0


def _made(
    each: Found, model: "Model", tile: int, channels: int, black_to_white: tuple[float, float] | None
) -> "Image | str":
    """The enlarged picture, or why the file cannot be read."""
    import warnings

    from energan.data.decoding.failures import UNREADABLE, reason
    from energan.data.transparency import decode_apart

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        try:
            apart = decode_apart(each.item.read(), black_to_white)
        except UNREADABLE as error:
            return reason(error)
    return enlarged(apart, model, tile, channels, each.item.name)


def enlarged(apart: "Apart", model: "Model", tile: int, channels: int, name: str = "the picture") -> "Image":
    """The picture, enlarged by a net of so many channels. UserError for one that memory does not hold."""
    import torch
    from PIL import Image

    from energan.data.decoding.bounds import check_memory
    from energan.data.resampling import enlarged as bicubic
    from energan.data.transparency import without_holes
    from energan.inference.pictures.translation import FIRST, way_of
    from energan.inference.tiles import translated_in_tiles

    scale = way_of(model.game, FIRST).scale
    c, h, w = apart.colours.shape
    check_memory(f"{printable(name)}, {scale} times as large,", 3 * 4 * h * w * scale**2)
    colours = apart.colours if apart.opacity is None else without_holes(apart.colours, apart.opacity)
    shown = Image.fromarray(colours[0] if c == 1 else colours.transpose(1, 2, 0))
    seen = shown.convert("RGB" if channels == 3 else "L")
    made = _picture(translated_in_tiles(model, _tensor(seen), tile))
    if c == 1:
        made = made.convert("L")
    elif channels == 1:
        _, cb, cr = shown.convert("YCbCr").split()
        rest = [_picture(bicubic(_tensor(plane)[None], scale)[0]) for plane in (cb, cr)]
        made = Image.merge("YCbCr", (made, *rest)).convert("RGB")
    if apart.opacity is not None:
        made.putalpha(_picture(bicubic(torch.from_numpy(apart.opacity)[None, None], scale)[0]))
    if apart.profile:
        made.info["icc_profile"] = apart.profile
    return made


def _tensor(picture: "Image") -> Any:
    import numpy as np
    import torch

    pixels = np.array(picture)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _picture(pixels: Any) -> "Image":
    from PIL import Image

    planes = pixels.numpy()
    return Image.fromarray(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0))
