"""Trained models that are open: read once, used by one thread at a time, the longest unused closed first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final

if TYPE_CHECKING:
    from energan.inference.model import Model

T = TypeVar("T")

OPEN = 6  # models at a time


@final
class Models:
    """Models by run and checkpoint.

    Args:
        device: Where they compute.
        at_once: How many threads compute at a time, each with another model.
    """

    def __init__(self, device: str = "cpu", at_once: int = 1) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(at_once)
        self._open: OrderedDict[tuple[Path, str, int], tuple[threading.Lock, Model]] = OrderedDict()

    @contextmanager
    def use(self, run: Path, checkpoint: str = "") -> "Iterator[Model]":
        """The model of a run's checkpoint ("best", a step; "" for the newest), for this thread alone.

        Raises:
            UserError: The folder is no sound run, or has no such checkpoint.
        """
        with self._turns:
            own, model = self._opened(run, checkpoint)
            with own:
                yield model

    def with_model(self, run: Path, work: "Callable[[Model], T]", checkpoint: str = "") -> T:
        """What the work gives, of the run's model."""
        with self.use(run, checkpoint) as model:
            return work(model)

    def _opened(self, run: Path, checkpoint: str) -> "tuple[threading.Lock, Model]":
        from energan.runs.folder import RunFolder
        from energan.runs.rebuild import load

        path = RunFolder(run).checkpoint(checkpoint)
        key = run, str(path), path.stat().st_mtime_ns
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
            else:
                self._open[key] = threading.Lock(), load(run, checkpoint=path, device=self.device)
                while len(self._open) > OPEN:
                    self._open.popitem(last=False)
            return self._open[key]
