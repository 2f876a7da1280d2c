"""Maps a function over many images by threads, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from energan.data.decoding.bounds import WAITING

A = TypeVar("A")

B = TypeVar("B")


def in_order(
    function: Callable[[A], B], items: Iterable[A], size: Callable[[B], int] = lambda result: 0
) -> Iterator[B]:
    """`map(function, items)` on all cores, with few results waiting: by their `size` in bytes, of which the last tells.

    Threads, because Pillow lets go of the interpreter while it decodes and resizes. Measured on two cores: 60
    photos of 1600 x 1200 in 0.65 s, in processes 0.68 s, one after another 1.31 s; 3,000 files of 100 pixels
    a side in 0.98 s, in processes 0.68 s, but starting those takes longer than they save.
    """
    workers = os.cpu_count() or 1
    most = workers  # before anything is known of the results
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            while len(waiting) > most:
                result = waiting.popleft().result()
                most = max(1, min(8 * workers, WAITING // max(1, size(result))))
                yield result
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
