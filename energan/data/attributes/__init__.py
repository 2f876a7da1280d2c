"""Attributes of images: numbers that say of each how much it has of something, as conditional generators take them.

attributes.csv      in a folder of images: file, then a column each (a CSV with a header)
lfw_attributes.txt  73 numbers of each face of Labeled Faces in the Wild, by Kumar et al. 2009, beside or in the folder
list_attr_celeba    CelebA's forty, 1 or -1 (.txt, or Kaggle's .csv)
emoji-attributes    category, style, skin tone and gender, 1 or 0 (named/emoji_attributes.py)
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from energan.data.attributes.tables import Table, table_of
from energan.data.decoding.listing import stamp
from energan.data.formats.folders import printable
from energan.data.image_set import ImageSet, rows_of
from energan.data.named import emoji_attributes
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import user_path

BANDWIDTHS = tuple(10 ** (i / 6 - 1.5) for i in range(11))  # 0.03 to 1.5 standard deviations, in equal ratios

FOLDS = 5

ROWS = 2000  # that a bandwidth is chosen by


def with_attributes(data: ImageSet, source: str | Path, names: Sequence[str] = ()) -> ImageSet:
    """The images that the source has attributes of, with them: `.attributes` (n, a) and `.attribute_names`.

    Args:
        data: images, as `load(source)` gives them.
        source: the folder, or emoji-attributes.
        names: which attributes, in their order; all by default.

    Returns:
        The set, without the images that the table does not know; a warning says how many those are. `sha256` becomes
        one of images and attributes.

    Raises:
        UserError: where there is no table, or one that is damaged, for an attribute that it lacks, and where it knows
            none of the images.
    """
    if str(source) == emoji_attributes.NAME:
        assert data.labels is not None  # the set has them
        columns, values = emoji_attributes.attributes(data.labels)
        words, kept = f"{data.name}'s attributes", torch.arange(len(data.images))
    else:
        table = table_of(user_path(source), data)
        columns, words = table.names, table.words
        kept, values = _matched(data, table)
    chosen = _columns(columns, names, words)
    values = values[:, chosen]
    columns = tuple(columns[i] for i in chosen)
    whole = data.images if len(kept) == len(data.images) else None
    return rows_of(data, kept, whole)._replace(
        source=f"{data.source}, with {len(columns)} attributes",
        sha256=stamp(data.sha256, *columns, *kept.tolist(), *values.flatten().tolist()),
        attributes=values,
        attribute_names=columns,
    )


def attribute_names(source: str | Path, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The names that `with_attributes` would give, before any image is decoded. UserError as there."""
    if str(source) == emoji_attributes.NAME:
        columns, words = emoji_attributes.NAMES, f"{source}'s attributes"
    else:
        nothing = ImageSet(torch.empty(0), None, printable(source), (), "", "", (), files=("",))
        columns, _, words = table_of(user_path(source), nothing)
    return tuple(columns[i] for i in _columns(columns, names, words))


def _matched(data: ImageSet, table: Table) -> tuple[Tensor, Float[Tensor, "k a"]]:
    """The indices of the images that the table knows, and their numbers."""
    known = [(i, row) for i, name in enumerate(data.files) if (row := table.rows.get(name)) is not None]
    if not known:
        raise UserError(f"{table.words} knows no image of {data.name}: it is of another set")
    if lacking := len(data.files) - len(known):
        warn(f"{lacking} of the {len(data.files)} images of {data.name} are left out: {table.words} has no row of them")
    return torch.tensor([i for i, _ in known]), torch.tensor([row for _, row in known], dtype=torch.float32)


def _columns(columns: Sequence[str], names: Sequence[str], words: str) -> list[int]:
    """The indices of the named attributes, of all where none is named. UserError for one that is not there."""
    if not names:
        return list(range(len(columns)))
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise UserError(f"the attribute {printable(twice[0])!r} is named twice")
    return [index_of(name, columns, words) for name in names]


def index_of(name: str, columns: Sequence[str], where: str) -> int:
    """The place of an attribute, by its name or by that in other letters, if it is the only one.

    UserError for one that is not there.

    Example:
        >>> index_of("mouth open", ["Male", "Mouth Open"], "the run")
        1
    """
    if name in columns:
        return columns.index(name)
    alike = [i for i, column in enumerate(columns) if _plain(column) == _plain(name)]
    if len(alike) == 1:
        return alike[0]
    near = get_close_matches(name, columns, n=1, cutoff=0.4)
    shown = ", ".join(columns[:10]) + ", ..." * (len(columns) > 10)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {shown}"
    raise UserError(f"{where} has no attribute {printable(name)!r}: {hint}")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def kernel_bandwidth(rows: Float[Tensor, "n a"]) -> float:
    """The bandwidth of Gaussian kernels under which held-out rows are likeliest, in standard deviations.

    By five-fold cross-validation over BANDWIDTHS on 2,000 rows at most, scikit-learn's KernelDensity and GridSearchCV.
    Numbers that are not continuous make it small: rows that are there twice are the likelier the narrower the kernels.

    Raises:
        UserError: for fewer rows than folds.

    Example:
        >>> rows = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
        >>> 0.2 < kernel_bandwidth(rows) < 0.7
        True
    """
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neighbors import KernelDensity

    if len(rows) < FOLDS:
        raise UserError(f"a density of attributes needs at least {FOLDS} images, got {len(rows)}")
    values = rows.double()
    spread = values.std(0, correction=0)
    values = ((values - values.mean(0)) / torch.where(spread > 0, spread, 1))[:, spread > 0]
    if not values.shape[1]:
        return 0.0
    some = values[torch.randperm(len(values), generator=torch.Generator().manual_seed(0))[:ROWS]]
    search = GridSearchCV(KernelDensity(), {"bandwidth": BANDWIDTHS}, cv=KFold(FOLDS))
    return float(search.fit(some.numpy()).best_params_["bandwidth"])
