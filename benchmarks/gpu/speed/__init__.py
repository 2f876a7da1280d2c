"""How fast training is on a GPU: python -m benchmarks.gpu speed (command.py)."""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Times and prints, and returns the exit code; imported here, so that r3gan.py can be run by itself."""
    from benchmarks.gpu.speed import command

    return command.main(arguments)
