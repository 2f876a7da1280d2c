"""What every page is given."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

from energan.studio.models import Models
from energan.studio.runs import Runs
from energan.studio.trainings import Trainings

if TYPE_CHECKING:
    from energan.inference.model import Model

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Studio:
    """The runs, the trainings and the models of a server, and the threads that work for its pages.

    runs, trainings, models: as their classes say; data: folders below which a page may name images; uploads: where
    dropped files are kept while the server runs; workers: threads for what takes moments; computing: those that
    models compute in, so that a long piece of work keeps nobody from a list or a button.
    """

    runs: Runs
    trainings: Trainings
    models: Models
    data: tuple[Path, ...]
    uploads: Path
    workers: ThreadPoolExecutor
    computing: ThreadPoolExecutor

    async def work(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the function returns, in a thread while the server answers others. It takes moments, such as reading."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, partial(function, *args, **kwargs))

    async def compute(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the function returns, which takes seconds: who asks first is served first, trainings before."""
        return await asyncio.get_running_loop().run_in_executor(self.computing, partial(function, *args, **kwargs))

    async def with_model(self, run: str, work: "Callable[[Model], T]", checkpoint: str = "") -> T:
        """What the work gives, of the model of a run. UserError where there is no such run, or it is damaged."""
        return await self.compute(self.models.with_model, self.runs.path(run), work, checkpoint)
