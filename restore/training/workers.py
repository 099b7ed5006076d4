"""Workers: parts of a step, shared out among threads of one core each.

One thread an operation's half waits at every operation for the other; threads that take whole
parts of a batch from one queue wait once a step, whatever else the machine does meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Mapped = TypeVar("Mapped")


class Workers:
    """`count` threads, each of one core; with a count of 1, the calling thread itself."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._pool = (
            ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
            if count > 1
            else None
        )

    def map(self, function: Callable[[Item], Mapped], items: Iterable[Item]) -> list[Mapped]:
        """function(item) of each item, in the order of the items, taken up in that order."""
        if self._pool is None:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))
