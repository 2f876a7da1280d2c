"""Which images are known to be normal, by the names of their folders, and where the others are odd, by masks.

test/good, test/<defect>, ground_truth/<defect>/*_mask.png     MVTec AD's layout
test/ok, test/ko, ground_truth/ko/*                            BTAD's
good, ok or normal beside other folders                        anyone's
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from energan.data.image_set import NONE, ImageSet
from energan.utils.errors import UserError

NORMAL = ("good", "ok", "normal")  # names of classes of normal images, in any case

MASKS = "ground_truth"  # the folder of masks, beside the images' split


class Truth(NamedTuple):
    """What is known of n images.

    Attributes:
        kinds: The class of each, such as "good" or "scratch"; "" for one whose class nobody knows.
        normal: The classes that are normal, as they are spelled.
    """

    kinds: tuple[str, ...]
    normal: tuple[str, ...]

    @property
    def known(self) -> Bool[Tensor, " n"]:
        """Which images have a class."""
        return torch.tensor([kind != "" for kind in self.kinds], dtype=torch.bool)

    @property
    def anomalous(self) -> Bool[Tensor, " n"]:
        """Which images are of a class that is not normal."""
        return torch.tensor([kind not in ("", *self.normal) for kind in self.kinds], dtype=torch.bool)

    @property
    def defects(self) -> list[str]:
        """The classes that are not normal, sorted."""
        return sorted({kind for kind in self.kinds if kind not in ("", *self.normal)})

    def told(self, where: str) -> str:
        """How the folders were read, a sentence."""
        counts = Counter(self.kinds)
        normal = ", ".join(f"{name} ({counts[name]})" for name in self.normal) or "none of them"
        others = ", ".join(f"{name} ({counts[name]})" for name in self.defects)
        unknown = f"; of {counts['']} nobody knows" if counts[""] else ""
        return f"{where}: normal is {normal}" + (f", not normal {others}" if others else "") + unknown


def truth_of(data: ImageSet, normal_class: Sequence[str] = ()) -> Truth | None:
    """What the names of classes or folders say; None where they say nothing.

    Args:
        data: The images. Their kinds are their classes; without those, the folders that their files lie in.
        normal_class: The classes that are normal; () for those called good, ok or normal, in any case.

    Raises:
        UserError: The images have no such class.

    Example:
        >>> images, labels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0])
        >>> data = ImageSet(images, labels, "parts", ("bent", "Good"), "made here", "", ())
        >>> truth_of(data).anomalous.tolist()
        [True, False, True]
    """
    kinds = _kinds(data)
    there = sorted(set(filter(None, kinds)))
    if normal_class:
        if missing := [name for name in normal_class if name not in there]:
            raise UserError(
                f"`normal_class` {missing[0]}: {data.name} has no such class, it has {', '.join(there) or 'none'}"
            )
        return Truth(kinds, tuple(normal_class))
    normal = tuple(name for name in there if name.casefold() in NORMAL)
    return Truth(kinds, normal) if normal else None


def _kinds(data: ImageSet) -> tuple[str, ...]:
    if data.labels is not None:
        return tuple("" if i == NONE else data.classes[i] for i in data.labels.tolist())
    return tuple(PurePosixPath(file).parent.name for file in data.files) or ("",) * len(data.images)


def normal_rows(data: ImageSet, normal_class: Sequence[str] = ()) -> Tensor:
    """Rows of the images that calibrate: the normal ones, where names tell which these are, else all. int64 (k,).

    normal_class: the classes that are normal; images of no class at all need not have them. UserError for one that
        there is not.
    """
    truth = truth_of(data, normal_class if any(_kinds(data)) else ())
    return torch.arange(len(data.images)) if truth is None else (truth.known & ~truth.anomalous).nonzero().flatten()


def masks_folder(source: str | Path) -> Path | None:
    """The folder of masks of a folder of images, or of the split of one; None where there is none."""
    path = Path(source)
    return next((p for p in (path / MASKS, path.parent / MASKS) if path.is_dir() and p.is_dir()), None)


class Masks(NamedTuple):
    """Where images are odd.

    Attributes:
        rows: The images whose masks are known: normal ones, and those with a file. int64 (k,).
        masks: Which of their pixels are odd, (k, h, w) bool.
        without: How many images that are not normal have no mask.
        black: How many images that are not normal have a mask without any odd pixel.
    """

    rows: Tensor
    masks: Bool[Tensor, "k h w"]
    without: int
    black: int


def masks_of(
    data: ImageSet, truth: Truth, folder: Path, load: Callable[[str, str], ImageSet], source: str | Path = ""
) -> Masks:
    """The masks in `folder`, <kind>/<name of the image>.png or <kind>/<name>_mask.png, as the images were fitted.

    Args:
        data: The images, with their files.
        truth: What they are.
        folder: Of masks, as `masks_folder` gives it.
        load: (source, split) -> images as the networks see them: masks are cut and shrunk as the images were.
        source: The folder that the names of the images' files start from; with it, masks are as large as their images.

    Raises:
        UserError: No file there is the mask of an image, an image has two, or one is of another size than its image.
    """
    drawn = load(str(folder), "all")
    known: dict[tuple[str, str], int] = {}
    for i, file in enumerate(drawn.files):
        if (other := known.setdefault(_key(file), i)) != i:
            raise UserError(f"{folder} has two masks of one image: {drawn.files[other]} and {file}: remove one")
    h, w = data.images.shape[2:]
    rows, masks, without, black = [], [], 0, 0
    for row, (file, kind) in enumerate(zip(data.files, truth.kinds, strict=True)):
        if kind in truth.normal:
            rows.append(row)
            masks.append(torch.zeros(h, w, dtype=torch.bool))
        elif (kind, PurePosixPath(file).stem) in known:
            at = known[kind, PurePosixPath(file).stem]
            if source:
                _check_size(Path(source) / file, folder / drawn.files[at])
            grey = drawn.images[at].float().amax(0)
            rows.append(row)
            masks.append((grey > 0) & (grey >= grey.max() / 2))  # a shrunken edge is grey
            black += not masks[-1].any()
        elif kind:
            without += 1
    if not any(bool(mask.any()) for mask in masks):
        raise UserError(
            f"{folder} holds no mask of these images: masks are called <kind>/<image>_mask.png, or as the image"
        )
    return Masks(torch.tensor(rows), torch.stack(masks), without, black)


def _check_size(image: Path, mask: Path) -> None:
    """UserError where the two files have another width or height."""
    from energan.data.decoding.decode import open_image
    from energan.data.look.seen import upright_size

    if not image.is_file() or not mask.is_file():  # a page of a file
        return
    with open_image(image) as one, open_image(mask) as other:
        (w, h), (mask_w, mask_h) = upright_size(one), upright_size(other)
    if (w, h) != (mask_w, mask_h):
        raise UserError(f"{mask} has {mask_w} x {mask_h} pixels, and its image {image} {w} x {h}: they must be alike")


def _key(file: str) -> tuple[str, str]:
    path = PurePosixPath(file)
    return path.parent.name, path.stem.removesuffix("_mask")
