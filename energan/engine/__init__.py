"""The engine plays a game in two ways, from the same definition.

`Trainer`   one model, as fast as a hand-written PyTorch loop: players are the modules themselves, gradients come
            from backward(), optimizers are fused and in place.
`Ensemble`  models that differ in weights, seeds and hyperparameters (margin, learning rate, ...) as one batched
            program: torch.func under vmap. Model i does what it would have done alone.

Both have a state that is a plain tree of tensors: who saves it can resume from it. The engine knows nothing of any one
game, of data, of files or of flags.
"""

from energan.engine.ensemble import Ensemble
from energan.engine.state import State, leaves, tree
from energan.engine.trainer import Trainer

__all__ = ["Ensemble", "State", "Trainer", "leaves", "tree"]
