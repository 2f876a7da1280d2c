"""Which classifier guides chains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guidance:
    """Another classifier in place of the run's own."""

    classifier: str = ""
    """What guides the chains instead: a classifier's run folder, or a .safetensors file with --module."""
    module: str = ""
    """my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments."""
