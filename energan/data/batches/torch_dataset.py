"""Any of Energan's sources as a torch.utils.data.Dataset."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, SupportsIndex, final

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import Dataset

from energan.data.decoding.fitting import Size
from energan.data.image_set import NONE, ImageSet
from energan.utils.errors import UserError

UNIT = (0.0, 1.0)


@final
class TorchDataset(Dataset[Any]):
    """The images of an ImageSet, one by one; `torch_dataset` makes it of a source.

    Worker processes get the bytes of the images once each, by fork or by spawn; transforms must then be functions that
    can be pickled (no lambdas).

    Args:
        data: The images. Those of an unpaired set of two domains have no partners and are refused.
        scale: Black and white of the images that are given out, float32; None: bytes from 0 to 255.
        transform: Called with each image, a tensor (c, h, w).
        target_transform: Called with each label.

    Raises:
        UserError: The scale is none; the set is of two domains whose pictures have no partners.
    """

    def __init__(
        self,
        data: ImageSet,
        *,
        scale: tuple[float, float] | None = UNIT,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        if data.targets is not None and not data.paired:
            raise UserError(f"{data.name} has pictures of two domains without partners: load each as a set of its own")
        self.data, self.scale = data, None if scale is None else _checked(scale)
        self.transform, self.target_transform = transform, target_transform

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, by label; () where there are no labels."""
        return self.data.classes

    @property
    def targets(self) -> Int64[Tensor, " n"]:
        """The label of each image, as samplers want them: -1 for an image without one."""
        labels = self.data.labels
        return torch.full((len(self),), NONE, dtype=torch.int64) if labels is None else labels

    def __len__(self) -> int:
        return len(self.data.images)

    def __getitem__(self, index: SupportsIndex) -> tuple[Any, ...]:
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.data.name} has {len(self)} images, and no image {i}")
        i %= len(self)
        image, label = self._scaled(self.data.images[i]), int(self.targets[i])
        item = (
            self.transform(image) if self.transform else image,
            self.target_transform(label) if self.target_transform else label,
        )
        if self.data.targets is not None:
            return *item, self._scaled(self.data.targets[i])
        return (*item, self.data.captions[i][0]) if self.data.captions else item

    def _scaled(self, image: Tensor) -> Tensor:
        if self.scale is None:
            return image.clone()  # a transform may write to it, and the set's own stays
        low, high = self.scale
        return image.float().mul_((high - low) / 255).add_(low)

    def __getstate__(self) -> dict[str, Any]:
        """The images as arrays: tensors would go through shared memory, of which containers have 64 MB."""
        data = self.data
        arrays: dict[str, Any] = {name: part.numpy() for name in TENSORS if (part := getattr(data, name)) is not None}
        return {**self.__dict__, "data": data._replace(**arrays)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        data: ImageSet = state["data"]
        tensors: dict[str, Any] = {
            name: torch.from_numpy(part) for name in TENSORS if (part := getattr(data, name)) is not None
        }
        self.__dict__.update({**state, "data": data._replace(**tensors)})


TENSORS = ("images", "labels", "attributes", "targets")  # of an ImageSet


def torch_dataset(
    source: str | Path | ImageSet,
    split: str = "train",
    *,
    size: Size | None = None,
    channels: int | None = None,
    scale: tuple[float, float] | None = UNIT,
    transform: Callable[[Tensor], Any] | None = None,
    target_transform: Callable[[int], Any] | None = None,
    captions: bool = False,
    **options: Any,
) -> TorchDataset:
    """Any source of `energan.data.load` as a torch.utils.data.Dataset, for a DataLoader of your own.

    An item is (image, label): a float32 tensor (c, h, w) in [0, 1] or in `scale`, and a whole number, -1 where the
    image has no label. With captions it is (image, label, caption), the first of the image's sentences; of a set of
    pairs (image, label, target), where the target is the picture that the image is to become, in the same scale.

    Args:
        source: A named set, a folder, .zip, .tar, .npz, .npy, .parquet, LSUN's LMDB, "hf:owner/name"; or an ImageSet.
        split: "train", "test", "validation" or "all"; an ImageSet is one already.
        size: Resizes the largest centred square to size x size, or to a height and a width. Without it all images must
            have one size.
        channels: 1, 3, or 4 (RGB on white, and the opacity); without it 1 if no image has colours, else 3.
        scale: Black and white of the items: (0, 1), (-1, 1), ...; None: they are bytes (uint8) from 0 to 255.
        transform: Called with each image's tensor.
        target_transform: Called with each label.
        captions: Keeps the images of a folder that have captions, with these.
        options: Further arguments of `energan.data.load`, such as `only`.

    Returns:
        A dataset with `.classes` (names by label), `.targets` (all labels) and `.data` (the ImageSet).

    Raises:
        UserError: As `energan.data.load`; the scale is no two finite numbers.

    Example:
        >>> digits = torch_dataset("digits", split="test", size=16)
        >>> image, label = digits[0]
        >>> image.shape, image.dtype, digits.classes[label]
        (torch.Size([1, 16, 16]), torch.float32, '6')
        >>> images, labels = next(iter(torch.utils.data.DataLoader(digits, batch_size=32)))
        >>> images.shape, labels.dtype
        (torch.Size([32, 1, 16, 16]), torch.int64)
    """
    from energan.data import load

    loading = {"size": size, "channels": channels, "captions": captions, **options}
    if isinstance(source, ImageSet):
        if given := [name for name, value in {"split": split != "train", **loading}.items() if value]:
            raise UserError(f"`{given[0]}` is for sources that are loaded: these images are in memory already")
        data = source
    else:
        data = load(source, split, **loading)
    return TorchDataset(data, scale=scale, transform=transform, target_transform=target_transform)


def _checked(scale: Any) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in [*scale] if not isinstance(value, str))
    except (TypeError, ValueError):
        raise UserError(f"`scale` {scale!r} is not two numbers, such as (0, 1) or (-1, 1)") from None
    if not -float("inf") < low < high < float("inf"):
        raise UserError(f"`scale` {scale!r} must be two finite numbers, the lower one first")
    return low, high
