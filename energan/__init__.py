"""Energan: adversarial and energy-based generative models in PyTorch.

Nothing heavy is imported until it is used: `import energan` takes milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from energan.classifiers import EBGANLadderClassifier as EBGANLadderClassifier
    from energan.classifiers import ImprovedGANClassifier as ImprovedGANClassifier
    from energan.classifiers import LadderClassifier as LadderClassifier
    from energan.errors import UserError as UserError
    from energan.estimators import DCGAN as DCGAN
    from energan.estimators import EBGAN as EBGAN
    from energan.runs import load as load

_HOME = {
    "EBGAN": "energan.estimators",
    "DCGAN": "energan.estimators",
    "LadderClassifier": "energan.classifiers",
    "EBGANLadderClassifier": "energan.classifiers",
    "ImprovedGANClassifier": "energan.classifiers",
    "load": "energan.runs",
    "UserError": "energan.errors",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'energan' has no attribute {name!r}")
