"""python -m benchmarks.gpu check|speed [flags]"""

import sys
from importlib import import_module

MODULES = {"check": "benchmarks.gpu.check", "speed": "benchmarks.gpu.speed"}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in MODULES:
        print(f"usage: python -m benchmarks.gpu {'|'.join(MODULES)} [flags]", file=sys.stderr)
        sys.exit(2)
    sys.exit(import_module(MODULES[sys.argv[1]]).main(sys.argv[2:]))
