"""--batch auto: the fastest batch that memory allows."""

from collections.abc import Callable

import torch

from energan.bench.timing import warmed_up
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.hardware import available_memory, peak_memory

GAIN = 0.05  # by which images/s must grow for a batch to be doubled

FIRST = 16  # images of the first batch that is tried


def room(device: torch.device) -> bool:
    """Whether the memory still free is at least the peak so far, enough for twice the batch."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held, most = torch.cuda.memory_reserved(device), torch.cuda.max_memory_reserved(device)
        return free + held > 2 * most
    return available_memory() > peak_memory()


def best_batch(make: Callable[[int], Experiment], data: ImageSet, *, first: int = FIRST, repeats: int = 3) -> int:
    """The fastest batch size here, found by doubling `first` while images/s grow by more than GAIN and memory allows.

    make(n) is the experiment with batches of n; `data` its training images, which no batch outnumbers. Each trial is
    printed. UserError if not even the first fits.
    """
    best, rate, n = 0, 0.0, min(first, len(data.images))
    while n <= len(data.images):
        run = make(n)
        try:
            now = n / _fewest(run, data, repeats)
        except torch.OutOfMemoryError:
            say(f"--batch {n}: does not fit in memory")
            break
        say(f"--batch {n}: {now:.0f} images/s")
        if now < rate * (1 + GAIN):
            break
        best, rate, n = n, now, 2 * n
        if not room(torch.device(run.device)):
            say(f"--batch {n}: there may be too little memory")
            break
    if not best:
        raise UserError(f"`batch` auto: not even {n} images fit in the memory of {run.device}; give a smaller `batch`")
    say(f"--batch {best} is used")
    return best


def _fewest(run: Experiment, data: ImageSet, repeats: int) -> float:
    """Seconds of the fastest of `repeats` steps."""
    if run.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(run.device)
    bench = warmed_up(run, data)
    return min(bench.seconds() for _ in range(repeats))
