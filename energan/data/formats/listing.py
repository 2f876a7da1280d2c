"""Which splits the user's files have, without opening an image."""

from collections.abc import Callable
from pathlib import Path

from energan.data.containers.tar import is_tar
from energan.data.formats.archives import tar_splits
from energan.data.formats.arrays import npz_splits
from energan.data.formats.captions.cub import cub_splits, is_cub
from energan.data.formats.celeba import celeba_splits, is_celeba
from energan.data.formats.cifar import STEMS, is_cifar
from energan.data.formats.folders import folder_splits, zip_splits
from energan.data.formats.imagenet import imagenet_splits, is_imagenet
from energan.data.formats.lsun import DATA, lsun_splits
from energan.data.formats.parquet import is_parquet, parquet_splits

Splits = tuple[str, ...]

# which format a path has, in the order in which `energan.data.load` asks, and the splits of such a path
FORMATS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Splits]], ...] = (
    (lambda path: path.suffix.lower() == ".npz" and path.is_file(), npz_splits),
    (is_cifar, lambda path: tuple(STEMS)),
    (lambda path: path.suffix.lower() == ".zip" and path.is_file(), zip_splits),
    (is_tar, tar_splits),
    (lambda path: not path.is_dir(), lambda path: ()),
    (is_celeba, celeba_splits),
    (lambda path: (path / DATA).is_file(), lsun_splits),
    (is_imagenet, imagenet_splits),
    (is_cub, cub_splits),
    (is_parquet, parquet_splits),
    (lambda path: True, folder_splits),
)


def path_splits(path: Path) -> Splits:
    """The splits of a file or folder, by their usual names; () where it is all one, and where it is not there.

    UserError for what can be read in two ways.
    """
    return next(splits for fits, splits in FORMATS if fits(path))(path)


def one_at_a_time(path: Path) -> bool:
    """Whether splits of this format are read by themselves, so that all of them are put together afterwards."""
    return is_cifar(path) or is_imagenet(path) or (path / DATA).is_file()
