"""Trained models that are open: read once, used by one thread at a time, the longest unused closed first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, final

if TYPE_CHECKING:
    from energan.inference.model import Model

T = TypeVar("T")

OPEN = 6  # models at a time


class Opened(NamedTuple):
    """A model, and what it was read from: the checkpoint's file, and when that was written, in ns."""

    model: "Model"
    checkpoint: Path
    written: int


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
        self._open: OrderedDict[tuple[Path, str, int], tuple[threading.Lock, Opened]] = OrderedDict()

    @contextmanager
    def use(self, run: Path, checkpoint: str = "") -> Iterator[Opened]:
        """The model of a run's checkpoint ("best", a step, a path; "" for the newest), for this thread alone.

        A run that trains may save meanwhile: `checkpoint` of what is returned is the file that the model is of.

        Raises:
            UserError: The folder is no sound run, or has no such checkpoint.
        """
        with self._turns:
            while True:
                own, opened = self._opened(run, checkpoint)
                with own:
                    if _written(opened.checkpoint) == opened.written:  # else it was replaced while this one waited
                        yield opened
                        return

    def with_model(self, run: Path, work: "Callable[[Model], T]", checkpoint: str = "") -> T:
        """What the work gives, of the run's model."""
        with self.use(run, checkpoint) as opened:
            return work(opened.model)

    def _opened(self, run: Path, checkpoint: str) -> tuple[threading.Lock, Opened]:
        from energan.runs.folder import RunFolder
        from energan.runs.rebuild import load

        path = RunFolder(run).checkpoint(checkpoint)
        written = _written(path)
        key = run, str(path), written
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
            else:
                model = load(run, checkpoint=path, device=self.device)
                self._open[key] = threading.Lock(), Opened(model, path, written)
                while len(self._open) > OPEN:
                    self._open.popitem(last=False)
            return self._open[key]


def _written(path: Path) -> int:
    """When a file was written, in ns; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
