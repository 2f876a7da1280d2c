"""Anyone's classes and functions, by name."""

import importlib
import sys
from pathlib import Path
from typing import Any


def import_attribute(path: str) -> Any:
    """What `package.module:name` names, looked for in the current folder first. Raises whatever the module raises."""
    module, _, name = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        sys.path.pop(0)
