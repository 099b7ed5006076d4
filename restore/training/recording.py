"""Recording: what a step launches on a card, launched again at once.

A step of a small network is some thousand short kernels, which Python launches more slowly than a
card runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import torch

Results = TypeVar("Results")
WARM = 3  # calls before it is recorded, in which convolutions choose their algorithms


class Recording(Generic[Results]):
    """A CUDA graph of `call`, which must not wait for the card, nor change what it reads.

    generators: all that it draws from. A replay draws from the states that they have then.
    """

    def __init__(
        self, call: Callable[[], Results], generators: Iterable[torch.Generator] = ()
    ) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM):
                call()
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            self._results = call()

    def __call__(self) -> Results:
        """Its results, in the memory of those of the call before."""
        self._graph.replay()
        return self._results
