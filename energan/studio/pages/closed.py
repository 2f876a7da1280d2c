"""Gives back what closed pages had: memory follows the pages that are open, not those that ever were."""

import gc
from typing import Any

from fastapi.dependencies import models

from energan.utils.hardware import trim_memory


def give_back() -> None:
    """Frees what closed pages have left, and returns free memory to the system.

    A place to drop files has a route, and FastAPI remembers the functions of 4,096 routes, also of those that were
    removed: by them all that was scored on a closed page would stay. What else a page had is in circles, which Python
    looks for when there are many new objects, however large these are.
    """
    for each in list(vars(models).values()):
        clear: Any = getattr(each, "cache_clear", None)
        if clear is not None:
            clear()
    gc.collect()
    trim_memory()
