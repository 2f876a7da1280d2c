"""Bounds on what files of others may make this process do: bytes that are decoded, pixels that are decoded at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from energan.utils.errors import UserError
from energan.utils.hardware import available_memory

LARGEST_FILE = 512 * 2**20  # bytes of an image file: more than any within Pillow's limit on pixels takes uncompressed

PIXELS_AT_ONCE = 2**26  # that are decoded at the same time, in all threads; a larger image is decoded alone

WAITING = 2**28  # bytes of decoded images that wait for their turn

LARGE_MEMBER = 2**24  # bytes of an archive's member; larger ones are read one at a time

RATIO, RATIO_FROM = 250, 2**28  # an array of so many bytes that was compressed more than so many times is no images

MEMORY = 0.5  # share of the free memory that an archive's array, and what is made of it, may take


@final
class Budget:
    """So many units in all for the threads that share it; one that needs more than that waits until it is alone."""

    def __init__(self, total: int) -> None:
        self._total, self._used, self._changed = total, 0, threading.Condition()

    @contextmanager
    def taken(self, units: int) -> Iterator[None]:
        """Inside, so many units are this thread's. It waits for them before; it must not hold others."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + units <= self._total)
            self._used += units
        try:
            yield
        finally:
            with self._changed:
                self._used -= units
                self._changed.notify_all()


pixels = Budget(PIXELS_AT_ONCE)

members = Budget(1)


def check_ratio(words: str, decoded: int, stored: int) -> None:
    """ValueError where `stored` bytes would grow to `decoded`, and by more than images do. words: what grows."""
    if decoded > RATIO_FROM and decoded > RATIO * max(1, stored):
        raise ValueError(f"{words} would grow from {stored} bytes to {decoded}: no images are packed so much")


def check_inflation(words: str, decoded: int, stored: int, copies: float = 1.0) -> None:
    """ValueError unless `decoded` bytes, of which `copies` are made, fit in memory and are no bomb.

    words: what has them.
    """
    check_ratio(words, decoded, stored)
    if decoded * copies > MEMORY * available_memory():
        raise ValueError(f"{words} would take {decoded} bytes, more than half of the memory")


def check_memory(words: str, needed: int) -> None:
    """UserError unless `needed` bytes of images that are held in memory are free."""
    if needed > MEMORY * available_memory():
        raise UserError(f"{words} would take {needed} bytes of memory, more than half of what is free: lower `size`")
