"""calibration.json of a run folder: which energies are usual, so that one image alone gets a verdict.

format          1
checkpoint      its step, and the digest of its content: another checkpoint has other energies
images          where the normal images are from, in words
false_alarms    the rate, as text: 1/100
threshold       the energy above which an image is an outlier at that rate
energies        of the normal images, ascending
rows            a short digest of each of the images, so that an image that is judged by itself is noticed
"""

import hashlib
import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, final

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.inference.calibration import Calibration, calibration, rate_of
from energan.runs.checkpoints import read_checkpoint
from energan.runs.copies import refuse_copy
from energan.utils.console import warn
from energan.utils.errors import UserError, printable
from energan.utils.files import DIGEST, read_file, read_weights, write_json

FILE = "calibration.json"

FORMAT = 1

MOST = 10_000  # images that calibrate

LARGEST = 2**22  # bytes of a file that is read


@final
class RunCalibration(NamedTuple):
    """What calibration.json says.

    Attributes:
        normal: The energies of the normal images.
        false_alarms: The rate that was asked for.
        images: Where the images are from, in words.
        step: Of the checkpoint.
        digest: Of the checkpoint's content.
        rows: `row_digests` of the images.
    """

    normal: Calibration
    false_alarms: Fraction
    images: str
    step: int
    digest: str
    rows: tuple[str, ...] = ()

    @property
    def threshold(self) -> float:
        """The energy above which an image is an outlier."""
        return self.normal.threshold(self.false_alarms)

    def summary(self) -> dict[str, object]:
        """What is said beside scores: the threshold, the rate, and by which images."""
        return {"threshold": self.threshold, "false alarms": float(self.false_alarms), "by": self.images}

    def described(self) -> dict[str, object]:
        """The content of calibration.json."""
        return {
            "format": FORMAT,
            "checkpoint": {"step": self.step, "digest": self.digest},
            "images": self.images,
            "n": len(self.normal.energies),
            "false_alarms": str(self.false_alarms),
            "threshold": self.threshold,
            "energies": self.normal.energies.tolist(),
            "rows": list(self.rows),
        }


def row_digests(images: UInt8[Tensor, "n c h w"]) -> list[str]:
    """Twelve digits that stand for each image's pixels."""
    return [hashlib.blake2b(row.numpy().tobytes(), digest_size=6).hexdigest() for row in images]


def checkpoint_identity(path: Path) -> tuple[int, str]:
    """The step of a checkpoint, and the digest of its content."""
    return read_checkpoint(path).step, read_weights(path)[1].get(DIGEST, "")


def write_calibration(run: Path, found: RunCalibration) -> Path:
    """Writes RUN/calibration.json. UserError for too few images, and where nothing can be written."""
    refuse_copy(run, FILE)
    return write_json(run / FILE, found.described())


def read_calibration(run: Path) -> RunCalibration | None:
    """What RUN/calibration.json says; None where there is none. UserError for one that is damaged, or a link."""
    path = run / FILE
    if path.is_symlink():
        raise UserError(f"{path} is a link, which is not read: put the file there")
    try:
        said = json.loads(read_file(path, LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path) from error
    try:
        energies, checkpoint, rows = said["energies"], said["checkpoint"], said["rows"]
        sound = (
            said["format"] == FORMAT
            and _numbers(energies)
            and isinstance(said["images"], str)
            and type(checkpoint["step"]) is int
            and isinstance(checkpoint["digest"], str)
            and isinstance(rows, list)
            and all(isinstance(row, str) for row in rows)
            and isinstance(said["false_alarms"], str)
            and type(said["n"]) is int
            and said["n"] == len(energies) == len(rows)
        )
        if not sound:
            raise _damaged(path)
        normal = calibration(torch.tensor(energies, dtype=torch.float64))
        found = RunCalibration(
            normal, rate_of(said["false_alarms"]), printable(said["images"]), checkpoint["step"], checkpoint["digest"],
            tuple(rows),
        )  # fmt: skip
        if found.threshold != said["threshold"]:
            raise _damaged(path)
    except (KeyError, TypeError, OverflowError, UserError) as error:
        raise _damaged(path) from error
    return found


def calibration_of(run: Path, checkpoint: Path) -> RunCalibration | None:
    """The run's calibration, if it is of this checkpoint; else None, which is said. UserError for a damaged one."""
    stored = read_calibration(run)
    if stored is not None and (stored.step, stored.digest) != (here := checkpoint_identity(checkpoint)):
        warn(
            f"{run / FILE} is of the checkpoint of step {stored.step}, and these energies are of step {here[0]}: no "
            "verdicts; `energan score --normal` calibrates anew"
        )
        return None
    return stored


def _numbers(value: object) -> bool:
    """Whether it is a list of 1 to MOST finite numbers."""

    def is_number(each: object) -> bool:
        return isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)

    return isinstance(value, list) and 0 < len(value) <= MOST and all(map(is_number, value))


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged: delete it, and calibrate anew with `false_alarms`")


def seen_before(images: UInt8[Tensor, "n c h w"], rows: Sequence[str]) -> Tensor:
    """Which of the images have one of these `row_digests`, (n,) bool."""
    known = set(rows)
    return torch.tensor([row in known for row in row_digests(images)], dtype=torch.bool)
