"""Images to train on: named sets, the user's own files, and batches of them.

data = load("mnist", split="train")     # .images uint8 (n, c, h, w), .labels int64 (n,)
batches = Batches(data.images, data.labels, batch=64, seed=0)
batches(0)["x"]                         # float32 (64, 1, 28, 28) in [-1, 1]
"""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from energan.data.batches.images import Batches
from energan.data.batches.pairs import scale_of
from energan.data.batches.torch_dataset import TorchDataset, torch_dataset
from energan.data.class_filter import only_files, only_images
from energan.data.classes import joined
from energan.data.containers.tar import is_tar
from energan.data.decoding.cache import load_files
from energan.data.decoding.failures import LONGEST, reason
from energan.data.decoding.fitting import Size, check_channels, check_side, refuse_opacity, sides, warn_if_opaque
from energan.data.decoding.listing import Files
from energan.data.decoding.values import checked_range
from energan.data.formats.archives import tar_files
from energan.data.formats.arrays import fit_again, load_arrays
from energan.data.formats.captions import cub_files, is_cub, with_captions
from energan.data.formats.celeba import celeba_files, is_celeba
from energan.data.formats.cifar import is_cifar, load_cifar
from energan.data.formats.folders import folder_files, one_file, printable, zip_files
from energan.data.formats.huggingface import hub_files, hub_splits
from energan.data.formats.imagenet import imagenet_files, is_imagenet
from energan.data.formats.listing import one_at_a_time, path_splits
from energan.data.formats.lsun import DATA, lsun_files
from energan.data.formats.parquet import is_parquet, parquet_file, parquet_folder
from energan.data.formats.saving import save
from energan.data.formats.torch_dataset import from_dataset
from energan.data.image_set import ImageSet, cut, pad
from energan.data.named.catalog import NAMED, load_named
from energan.data.pixels import to_bytes, to_unit
from energan.data.splits import ALL, TRAIN, canonical, held_out
from energan.data.splits.words import in_order
from energan.utils.checks import at_least
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import user_path

__all__ = [
    "NAMED", "Batches", "ImageSet", "TorchDataset", "from_dataset", "held_out_split", "listed", "load", "pad", "save",
    "splits_of", "to_bytes", "to_unit", "torch_dataset",
]  # fmt: skip


def load(
    source: str | Path,
    split: str = "train",
    *,
    size: Size | None = None,
    channels: int | None = None,
    centre: int | None = None,
    only: Sequence[str] = (),
    label: str = "",
    value_range: tuple[float, float] | None = None,
    captions: bool = False,
    squares: int | None = None,
    progress: bool = True,
) -> ImageSet:
    """Loads images, by the name of a built-in set or from the user's files.

    Files are decoded once into the cache folder. Those that cannot be read are listed in `.skipped` and named on
    stderr.

    Args:
        source: a name of NAMED; an image, a folder, .zip, .tar, .tar.gz, .npz, .npy or .parquet file; the folders of
            LSUN, CelebA, ImageNet and CIFAR-10, and CIFAR-10's .tar.gz; "hf:owner/name" on the Hugging Face hub.
        split: "train", "test" or "validation", by any usual name (splits/words.py); a source has others than "train"
            only if it says so. "all": every image, where no folder is a split.
        size: resizes the largest centred square, antialiased, to size x size; two numbers are height and width, of the
            largest centred rectangle in this proportion. Without it images keep their size.
        channels: 1 (luminance), 3 (RGB), or 4: RGB as it is seen on white, and the opacity, 255 where there is none;
            without it 1 if no image has colours, else 3. Arrays of four channels are read as PNG has them, but for
            those called `images_on_white`, which `energan sample` writes. Targets keep what they have.
        centre: of image files, crops the centred square of so many pixels first (CelebA's papers: 108, 160).
        only: classes by name, or "first..last" in the classes' order; other images are left out (class_filter.py).
        label: the attribute of CelebA that is the label, such as "Smiling".
        value_range: the values that are black and white, of images of more than eight bits; without it the smallest
            usual range that holds those of all (values.py). `.source` and `.value_range` say which it was.
        captions: keeps the images that have captions, with these (formats/captions); without it, only named sets that
            have captions have them.
        squares: in place of `size`, cuts images of any size into as many squares of so many pixels a side as fit, at
            their own scale. Image files that are smaller are left out, as those that cannot be read; sets that are read
            whole stay as they are where they are smaller.
        progress: shows a bar on stderr while decoding.

    Returns:
        The images as bytes (n, c, h, w), their labels and where they came from.

    Raises:
        UserError: if there is nothing to load, if it can be read in two ways, if more than a tenth of it (and more than
            three files) cannot be read, if more than one value in a thousand lies outside a given `value_range`, or if
            the disk is full.

    Example:
        >>> digits = load("digits", split="test", size=32)
        >>> tuple(digits.images.shape), digits.images.dtype, len(digits.classes)
        ((256, 1, 32, 32), torch.uint8, 10)
    """
    _check_shape(size, channels, centre, squares)
    if squares and captions:
        raise UserError("`captions` are of whole images, not of `squares`")
    if not str(source):
        raise UserError(f"no images were named: give a folder or file, or one of {', '.join(NAMED)}")
    value_range = checked_range(value_range)
    split = canonical(split)
    if isinstance(source, str) and source in NAMED and Path(source).exists():
        warn(f"{source} is taken as the built-in set of that name; ./{source} is what lies here")
    if captions and not _has_captions(source):
        raise UserError(
            f"{printable(source)} has no captions: they lie beside the images of a folder, or belong to one of "
            f"{', '.join(name for name, row in NAMED.items() if row.captioned)}"
        )
    if split == ALL and (parts := _parts(source)):
        given: dict[str, Any] = {"size": size, "channels": channels, "centre": centre, "only": only, "label": label}
        given |= {"value_range": value_range, "captions": captions, "squares": squares, "progress": progress}
        return joined([load(source, each, **given) for each in parts])
    whole = _whole(source, split, size, channels, value_range, progress)
    if whole is not None:
        if centre or label:
            raise UserError(f"{whole.name} has no {'attributes' if label else 'image files to cut a centre out of'}")
        whole = only_images(whole, only) if only else whole
        return cut(whole, squares) if squares else whole
    files = _listed(source, split, label)
    chosen = only_files(files, only) if only else files
    data = load_files(chosen, size, channels, progress, centre, value_range, squares)
    _warn_of_empty_classes(data)
    for note in files.notes:
        warn(f"of no split of {files.name}, and left out: {note}")
    if files.left_out:
        warn(f"left out of {files.name}: {', '.join(files.left_out)}")
    said = (*files.notes, *files.left_out)
    left_out = f"; left out: {'; '.join(said)}" if said else ""
    data = data._replace(source=data.source + left_out, place=files.place)
    warn_if_opaque(data.images, data.name)
    return with_captions(data, _path(source), split) if captions else data


def _check_shape(size: Size | None, channels: int | None, centre: int | None, squares: int | None) -> None:
    """UserError for a shape that images cannot be brought to."""
    check_side(size)
    check_side(squares, "squares")
    check_channels(channels)
    if centre is not None:
        at_least(2, centre=centre)
    if squares and (size or centre):
        raise UserError("`squares` are cut out of images as they are: without `size` and `centre`")


def _has_captions(source: str | Path) -> bool:
    """Whether a source is one that may have captions: a named set with them, or a folder of image files."""
    if isinstance(source, str) and source in NAMED:
        return NAMED[source].captioned
    path = _path(source)
    hub = isinstance(source, str) and source.startswith("hf:")
    others = is_celeba(path) or is_imagenet(path) or is_cifar(path) or is_parquet(path) or (path / DATA).is_file()
    return (path.is_dir() or not path.exists()) and not hub and not others


def splits_of(source: str | Path) -> tuple[str, ...]:
    """The splits that a source has, by their usual names; () where it is all one.

    Raises:
        UserError: if there is no such source, or if it can be read in two ways.

    Example:
        >>> splits_of("digits")
        ('train', 'test')
    """
    if isinstance(source, str) and source in NAMED:
        return in_order(NAMED[source].sha256)
    if isinstance(source, str) and source.startswith("hf:"):
        return hub_splits(source.removeprefix("hf:"))
    return path_splits(_path(source))


def held_out_split(source: str | Path) -> str | None:
    """The split to measure a model on: a source's "test", else its "validation", else None. UserError as `splits_of`.

    Example:
        >>> held_out_split("digits")
        'test'
    """
    return held_out(splits_of(source))


def _path(source: str | Path) -> Path:
    """The path that is named. UserError where the system cannot even say whether something is there."""
    path = user_path(source)
    try:
        if path.is_dir():
            os.stat(f"{path}/.")  # noqa: PTH116  (whether files in it can be asked for; Path would leave out the dot)
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # said by those who need it
        return path
    except OSError as error:
        raise UserError(f"{printable(path)[:LONGEST]} cannot be read: {reason(error)}") from error
    return path


def _parts(source: str | Path) -> tuple[str, ...]:
    """The splits that "all" stands for, of a source whose splits are read one at a time; () for others."""
    path = _path(source)
    named = isinstance(source, str) and source in NAMED
    return splits_of(source) if named or one_at_a_time(path) else ()


def _warn_of_empty_classes(data: ImageSet) -> None:
    """Says which classes have lost all their images, where files could not be read."""
    if data.skipped and data.labels is not None:
        present = set(data.labels.unique().tolist())
        if lost := [name for index, name in enumerate(data.classes) if index not in present]:
            warn(f"no image of the class {', '.join(lost[:5])}{', ...' * (len(lost) > 5)} of {data.name} can be read")


def _whole(
    source: str | Path,
    split: str,
    size: Size | None,
    channels: int | None,
    value_range: tuple[float, float] | None,
    progress: bool,
) -> ImageSet | None:
    """The images of a source that is read whole: named sets, arrays, CIFAR-10. None for image files."""
    if isinstance(source, str) and source in NAMED:
        refuse_opacity(source, channels)
        data = load_named(source, split)
        data = data._replace(place=f"{source}, {split}")
        return _fitted(data, size, channels, progress)
    path = _path(source)
    if path.suffix.lower() in (".npz", ".npy") and path.is_file():
        return load_arrays(path, split, size, channels, progress, value_range)
    if is_cifar(path):
        refuse_opacity(printable(path), channels)
        return load_cifar(path, split, size, channels, progress)
    return None


def _fitted(data: ImageSet, size: Size | None, channels: int | None, progress: bool) -> ImageSet:
    """A named set's images of this size and with these channels; targets are as many times larger as they were."""
    images = fit_again(data.images, size, channels, data.name, progress, data.sha256)
    changes = [] if images is data.images else [f"as {' x '.join(map(str, images.shape[1:]))}"]
    targets = data.targets
    if targets is not None:
        scale = scale_of(data.images, targets)
        larger = None if size is None else (scale * sides(size)[0], scale * sides(size)[1])
        targets = fit_again(targets, larger, None, f"{data.name}'s targets", progress, data.sha256)
        changes += [] if targets is data.targets else [f"targets as {' x '.join(map(str, targets.shape[1:]))}"]
    return data._replace(images=images, targets=targets, source=", ".join((data.source, *changes)))


def listed(source: str | Path, split: str = "train") -> Files | None:
    """The image files of a split, not yet opened; None for what has none: named sets, arrays, CIFAR-10.

    Raises:
        UserError: if there is no such source or split, or if it can be read in two ways.

    Example:
        >>> listed("digits") is None
        True
    """
    if isinstance(source, str) and source in NAMED:
        return None
    path = _path(source)
    arrays = path.suffix.lower() in (".npz", ".npy") and path.is_file()
    return None if arrays or is_cifar(path) else _listed(source, canonical(split), "")


def _listed(source: str | Path, split: str, label: str) -> Files:
    if isinstance(source, str) and source.startswith("hf:"):
        return hub_files(source.removeprefix("hf:"), split)
    return _files(_path(source), split, label)


def _files(path: Path, split: str, label: str) -> Files:
    if path.is_dir() and is_celeba(path):
        return celeba_files(path, split, label)
    if label:
        raise UserError(f"{printable(path)} has no attributes to take {label!r} from: they are CelebA's")
    if path.is_dir():
        return _folder(path, split)
    if path.suffix.lower() == ".parquet" and path.is_file():
        return parquet_file(path, split)
    if path.suffix.lower() == ".zip" and path.is_file():
        return zip_files(path, split)
    if is_tar(path):
        return tar_files(path, split)
    if path.is_file():
        return one_file(path, split)
    near = difflib.get_close_matches(str(path), NAMED, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"give a folder or file, or one of {', '.join(NAMED)}"
    raise UserError(f"there is no {printable(path)}: {hint}")


def _folder(path: Path, split: str) -> Files:
    if (path / DATA).is_file():
        return lsun_files(path, TRAIN if split == ALL else split)
    if is_imagenet(path):
        return imagenet_files(path, split)
    if is_cub(path):
        return cub_files(path, split)
    return parquet_folder(path, split) if is_parquet(path) else folder_files(path, split)
