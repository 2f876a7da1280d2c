"""Loads pictures of two domains: named sets, and the user's own folders."""

from pathlib import Path

import torch

from energan.data import NAMED, load, splits_of
from energan.data.decoding.fitting import refuse_opacity, warn_if_opaque
from energan.data.decoding.values import Range, checked_range
from energan.data.formats.arrays import fit_all
from energan.data.image_set import ImageSet, rows_of
from energan.data.pairs.arrays import load_npz
from energan.data.pairs.domains import Domains, both, held_out, split_of, turned
from energan.data.pairs.folders import listed
from energan.data.pairs.own import load_own
from energan.data.pairs.pixels import check_large
from energan.data.pairs.tables import holds_tables, listed_columns
from energan.data.splits import TRAIN
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.files import user_path

AS_THEY_ARE = Domains()


def load_domains(
    source: str | Path,
    split: str,
    *,
    target: str | Path = "",
    domains: Domains = AS_THEY_ARE,
    value_range: Range | None = None,
) -> ImageSet:
    """Loads pictures of two domains: what images are, and what they are to become.

    A source that holds out nothing for validation loses a tenth of its training pictures to it, 100 at most, chosen by
    their names; one without a test split is tested on the same. Unpaired sets are told apart where their pairs are
    known: to measure by (`paired` of the result), never to train on.

    Args:
        source: A named set of pairs, or any named set or folder of the first domain; a folder (folders.py), an .npz
            (arrays.py) or parquet files (tables.py) of both.
        split: "train", "validation" or "test".
        target: The second domain: a named set or a folder; "": it is in `source`.
        domains: How they are read.
        value_range: The values that are black and white in images of more than eight bits of either domain.

    Returns:
        images and targets, bytes; files, of the images; `.place` says which split was taken.

    Raises:
        UserError: The domains cannot be told apart, pictures have no partner of the same name or size, too few are
            left, or too many cannot be read.
    """
    if domains.reverse:  # channels are of what images and targets are then
        domains = domains._replace(channels=domains.outputs, outputs=domains.channels)
    if domains.resize is not None:
        at_least(2, resize=domains.resize)
    at_least(2, crop=domains.crop)
    data = _loaded(source, split, target, domains, value_range)
    assert data.targets is not None
    for images in (data.images, data.targets):
        warn_if_opaque(images, data.name)
    check_large(min(*data.images.shape[2:], *data.targets.shape[2:]), domains.crop)
    return data


def _loaded(
    source: str | Path, split: str, target: str | Path, domains: Domains, value_range: Range | None
) -> ImageSet:
    if str(source) in NAMED or str(target) in NAMED:
        return _named(str(source), split, str(target), domains)
    path, black_to_white = user_path(source), checked_range(value_range)
    if path.suffix.lower() == ".npz" and path.is_file():
        if target:
            raise UserError(f"{source} is one file of both domains: leave out `target`")
        return load_npz(path, split, domains, black_to_white)
    parts = listed_columns(path) if not target and holds_tables(path) else listed(path, target)
    return load_own(parts, split, domains, black_to_white)


def _named(source: str, split: str, target: str, domains: Domains) -> ImageSet:
    """A named set that has targets, or two named sets, unpaired."""
    one = _of_split(source, split, domains.resize, domains.channels)
    if not target:
        if one.targets is None:
            raise UserError(f"{source} has one domain: name the other one as `target`")
        refuse_opacity(source, domains.outputs)
        data = one._replace(targets=fit_all(one.targets, None, domains.outputs, source, progress=False))
        return turned(data._replace(paired=domains.paired or split != TRAIN), domains.reverse)
    if domains.paired:
        raise UserError(
            f"{source} and {target} are no pairs: choose a named set of pairs, or a system for unpaired ones"
        )
    other = _of_split(target, split, domains.resize, domains.outputs)
    return turned(both(one, other, paired=False), domains.reverse)


def _of_split(source: str, split: str, resize: int | None, channels: int) -> ImageSet:
    """One domain's part for a split. UserError for what is no named set."""
    if source not in NAMED:
        raise UserError(f"{source} is no named set, and the other domain is one: give two folders, or two named sets")
    chosen, out = split_of(splits_of(source), split)
    data = load(source, chosen, size=resize, channels=channels)
    if out is None:
        return data
    names = [f"{i}" for i in range(len(data.images))]
    kept = held_out(names)
    rows = torch.tensor([i for i in range(len(names)) if (i in kept) == out])
    return rows_of(data, rows)._replace(place=f"{data.place}, {'a tenth held out' if out else 'without a tenth'}")
