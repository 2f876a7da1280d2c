"""The engine plays a game in two ways, from the same definition.

`Trainer`   one model, as fast as a hand-written PyTorch loop: players are the modules themselves, gradients come
            from backward(), optimizers are fused and in place.
`Ensemble`  models that differ in weights, seeds and hyperparameters (margin, learning rate, ...) as one batched
            program: torch.func under vmap. Model i does what it would have done alone.

Both have a state that is a plain tree of tensors: who saves it can resume from it. The engine knows nothing of any one
game, of data, of files or of flags.

torch is imported on first use: the command line reads a rank from `energan.engine.distributed` before it needs torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energan.engine.ensemble import Ensemble
    from energan.engine.state import State, leaves, tree
    from energan.engine.trainer import Trainer

__all__ = ["Ensemble", "State", "Trainer", "leaves", "tree"]

_MODULES = {"Ensemble": "ensemble", "State": "state", "Trainer": "trainer", "leaves": "state", "tree": "state"}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"energan.engine.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'energan.engine' has no attribute {name!r}")
