"""The engine plays a game two ways, from the same definition.

`One`   a single model, as fast as a hand-written PyTorch loop: players are the modules themselves, gradients come
        from backward(), optimizers are fused and in place.
`Many`  models that differ in weights, seeds and numbers (margin, learning rate, ...) as one batched program:
        torch.func under vmap. Model i does what it would have done alone.

Both keep a state that is a plain tree of tensors; saving it is resuming it.
"""

from energan.play.many import Many
from energan.play.one import One
from energan.play.state import State, leaves, tree

__all__ = ["Many", "One", "State", "leaves", "tree"]
