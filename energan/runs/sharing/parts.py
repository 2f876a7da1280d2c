"""The files of a model that travels. Nothing else is packed, uploaded, unpacked or downloaded.

run.json          the record, without what is private
model.safetensors the weights: slim, or with all that training goes on from
config.json       for programs that look for one: what the model is
README.md         the model card
samples.png, asked.png   what it draws
calibration.json, temperature.json, evaluation.json   what was measured of these weights
"""

from energan.runs.checkpoints import SHARED
from energan.runs.record import LARGEST as LARGEST_JSON
from energan.utils.errors import UserError

PARTS: dict[str, int] = {  # name -> bytes at most, in the order in which they are packed
    "README.md": 2**20,
    "config.json": 2**20,
    "run.json": LARGEST_JSON,
    "calibration.json": 2**22,
    "temperature.json": 2**20,
    "evaluation.json": LARGEST_JSON,
    "samples.png": 2**26,
    "asked.png": 2**26,
    SHARED: 2**34,
}


def is_part(name: str) -> bool:
    """Whether a file of this name is a part of a model."""
    return name in PARTS


def check_part(name: str, size: int, where: str) -> None:
    """UserError where a part has more bytes than one of its name may have. where: what holds it."""
    if size > PARTS[name]:
        raise UserError(f"{where} has a {name} of {size:,} bytes, and {PARTS[name]:,} at most are taken")
