"""python -m benchmarks.gpu check, or speed: each one's own --help says more."""

import importlib
import sys

COMMANDS = {  # name -> the module whose main(arguments) returns the exit code
    "check": "benchmarks.gpu.check",
    "speed": "benchmarks.gpu.speed",
}


def main(arguments: list[str]) -> int:
    """Runs the command that comes first. Returns its exit code; 2 where there is none of that name."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print(f"python -m benchmarks.gpu: say which, {' or '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return int(importlib.import_module(COMMANDS[name]).main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
