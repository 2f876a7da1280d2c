"""A named set from the cache or from its sources, accepted by its hashes only."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.data.decoding.memory_map import map_file
from energan.data.image_set import ImageSet
from energan.data.named.published import Captions, Hashes, Named, Published
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, keep

BESIDE = {"captions": ".captions.json", "targets": ".targets.bin"}  # the images' file, each a file of its own


def load_row(name: str, row: Named, split: str) -> ImageSet:
    """A split of the set from the cache, else from the first source whose content has the right hashes.

    Raises UserError if the set has no such split, or listing every source that was tried and why it failed.
    """
    if split not in row.sha256:
        raise UserError(f"{name} has no split {split!r}: choose one of {', '.join(row.sha256)}")
    kept, wanted, failures = cache_dir() / "named" / f"{name}-{split}.bin", row.sha256[split], []
    if kept.is_file() and kept.stat().st_size:  # an empty file cannot be mapped
        content = _kept(row, kept)
        if _hashes(content) == wanted:
            return _set(name, row, content, wanted, f"{name}, {split} (cache)")
        failures.append(f"the cache ({kept} has other content than {name})")
    for source in row.sources:
        try:
            made = Published(*source.read(split))
        except UserError as error:
            failures.append(f"{source.words} ({error})")
            continue
        content = _content(row, made)
        found = _hashes(content)
        if found == wanted:
            _keep(kept, content)
            return _set(name, row, content, found, f"{name}, {split} ({source.words})")
        if row.rendered and (found.labels, found.captions) == (wanted.labels, wanted.captions) and _fits(row, made):
            warn(f"the pixels of {name} are not the published ones: this machine draws them a little differently")
            words = f"{name}, {split} ({source.words}, drawn by this machine)"
            return _set(name, row, content, found, words)
        failures.append(f"{source.words} (its content is not {name}: the hashes differ)")
    raise UserError(
        f"{name} ({split}) could not be had. Tried: {'; '.join(failures)}. Put {row.files} into "
        "a folder named by ENERGAN_DATA, or use 'digits', which needs no network"
    )


Content = dict[str, UInt8[Tensor, " bytes"]]  # what a split has, by the fields of `Hashes`


def written(captions: Captions) -> bytes:
    """Captions as they are kept and hashed."""
    return json.dumps(captions, ensure_ascii=False, separators=(",", ":")).encode()


def _content(row: Named, made: Published) -> Content:
    """The bytes of what a source had."""
    parts = {"images": made.images}
    if made.labels is not None:
        parts["labels"] = made.labels.astype(row.label)
    if made.captions:
        parts["captions"] = np.frombuffer(written(made.captions), np.uint8)
    if made.targets is not None:
        parts["targets"] = made.targets
    flat = {kind: np.require(part, requirements=["C", "W"]).reshape(-1) for kind, part in parts.items()}
    return {kind: torch.from_numpy(part.view(np.uint8)) for kind, part in flat.items()}


def _kept(row: Named, path: Path) -> Content:
    """What the cache has: a file of the images' bytes and then the labels', and beside it what else there is."""
    content = map_file(path, path.stat().st_size)
    per_image = math.prod(row.shape)
    n = len(content) // (per_image + row.label.itemsize * bool(row.classes))
    parts = {"images": content[: n * per_image], "labels": content[n * per_image :]}
    for kind, suffix in BESIDE.items():
        beside = path.with_suffix(suffix)
        if beside.is_file() and beside.stat().st_size:
            parts[kind] = map_file(beside, beside.stat().st_size)
    return {kind: part for kind, part in parts.items() if len(part)}


def _keep(path: Path, content: Content) -> None:
    """The file of the images comes last: one that is there says that all are."""
    for kind, suffix in BESIDE.items():
        if kind in content:
            keep(path.with_suffix(suffix), content[kind].numpy().tobytes())
    keep(path, b"".join(content[kind].numpy().tobytes() for kind in ("images", "labels") if kind in content))


def _hashes(content: Content) -> Hashes:
    return Hashes(**{kind: hashlib.sha256(part.numpy().data).hexdigest() for kind, part in content.items()})


def _fits(row: Named, made: Published) -> bool:
    """Whether what a source had has the set's shapes, an image of each kind for each other."""
    n = len(made.images)
    fits = made.images.shape == (n, *row.shape) and (made.labels is None or len(made.labels) == n)
    if row.target is None or made.targets is None:
        return fits and row.target is None and made.targets is None
    return fits and made.targets.shape == (n, *row.target)


def _set(name: str, row: Named, content: Content, hashes: Hashes, source: str) -> ImageSet:
    labels, captions, targets = (content.get(kind) for kind in ("labels", "captions", "targets"))
    return ImageSet(
        content["images"].view(-1, *row.shape),
        None if labels is None else torch.from_numpy(labels.numpy().view(row.label).astype(np.int64)),
        name,
        row.classes,
        source,
        hashes.images if targets is None else hashlib.sha256(f"{hashes.images} {hashes.targets}".encode()).hexdigest(),
        (),
        captions=() if captions is None else tuple(map(tuple, json.loads(captions.numpy().tobytes()))),
        targets=None if targets is None or row.target is None else targets.view(-1, *row.target),
    )
