"""Band: a matrix whose rows have entries near the diagonal alone, as dense blocks along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 32  # of a block
STRIP = 1 << 21  # numbers worked on at once


@dataclass(frozen=True)
class Band:
    """A matrix as blocks of its rows: for each, which rows, which columns, and the dense block."""

    blocks: tuple[tuple[slice, slice, Tensor], ...]

    def to(self, x: Tensor) -> Band:
        """The band on the device and in the dtype of x."""
        return Band(tuple((rows, columns, block.to(x)) for rows, columns, block in self.blocks))

    def times(self, x: Tensor, columns: Band) -> Iterator[tuple[slice, Tensor]]:
        """self @ x @ columnsᵀ for x (..., n, m), as strips of rows, one after the other."""
        width = max(x.shape[-1], columns.blocks[-1][0].stop)
        group = max(1, STRIP // (math.prod(x.shape[:-2]) * width * ROWS))
        for n in range(0, len(self.blocks), group):
            some = self.blocks[n : n + group]
            strip = torch.cat([block @ x[..., at, :] for _, at, block in some], dim=-2)
            wide = torch.cat([strip[..., at] @ block.mT for _, at, block in columns.blocks], dim=-1)
            yield slice(some[0][0].start, some[-1][0].stop), wide


@torch.inference_mode(False)  # it is kept, and a gradient may come later
def make_band(height: int, rows: Callable[[int, int], tuple[int, int, Tensor]]) -> Band:
    """The band of so many rows: `rows` gives those from a to b as (first column, column after the
    last, dense block).
    """
    blocks = []
    for a in range(0, height, ROWS):
        b = min(a + ROWS, height)
        start, stop, block = rows(a, b)
        blocks.append((slice(a, b), slice(start, stop), block))
    return Band(tuple(blocks))
