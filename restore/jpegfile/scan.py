"""Scan: one entropy-coded pass of a JPEG file over the blocks of its components.

An interleaved scan goes by the MCU, a v × h patch of blocks of each of its components; a scan of
one component goes by the block (ITU-T T.81, A.2). Restart markers cut its data into pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from restore.jpegfile.huffman import SLACK, Huffman, damaged


@dataclass
class Plane:
    """A component while its scans are read."""

    number: int  # the component's identifier in the file
    factors: tuple[int, int]  # vertical and horizontal sampling factor
    blocks: tuple[int, int]  # rows and columns of blocks that hold some of the image
    coefficients: np.ndarray  # (rows, columns, 64) int16, whole MCUs, natural order
    selector: int  # which of the file's tables of steps is its own
    table: np.ndarray  # (8, 8) that table as it stands at the component's first scan
    precision: np.ndarray = field(default_factory=lambda: np.full(64, -1))
    # bit down to which each zigzag coefficient is read; -1: unread


@dataclass(frozen=True)
class Scan:
    """One scan: its components with their Huffman tables, its band of coefficients and bits."""

    planes: tuple[Plane, ...]
    dc: tuple[Huffman | None, ...]
    ac: tuple[Huffman | None, ...]
    band: tuple[int, int]  # first and last zigzag coefficient
    bits: tuple[int, int]  # approximation, high (0: first pass) and low
    progressive: bool
    restart: int  # MCUs between restart markers; 0: none
    pieces: tuple[bytes, ...]  # entropy-coded data between the restart markers, unstuffed

    def slots(self) -> list[int]:
        """For each slot of an MCU, the number of its plane."""
        if len(self.planes) == 1:
            return [0]
        return [n for n, plane in enumerate(self.planes) for _ in range(math.prod(plane.factors))]

    def order(self) -> np.ndarray:
        """The block of its plane that each MCU puts into each slot: (MCUs, slots)."""
        if len(self.planes) == 1:
            (plane,) = self.planes
            rows, columns = plane.blocks
            stride = plane.coefficients.shape[1]
            return (np.arange(rows)[:, None] * stride + np.arange(columns)).reshape(-1, 1)
        order = []
        for plane in self.planes:
            rows, columns = plane.coefficients.shape[:2]
            grid = np.arange(rows * columns).reshape(rows, columns)
            v, h = plane.factors
            order += [grid[i::v, j::h].ravel() for i in range(v) for j in range(h)]
        return np.stack(order, axis=1)

    def buffer(self) -> tuple[np.ndarray, np.ndarray]:
        """All pieces in one array with zeros after, and the first and last bit (n, 2) of each."""
        edges = 8 * np.cumsum([0, *map(len, self.pieces)])
        data = np.frombuffer(b"".join(self.pieces) + bytes(2 * SLACK), np.uint8)
        return data, np.stack([edges[:-1], edges[1:]], axis=1)

    def intervals(self, mcus: int) -> list[int]:
        """MCUs in each piece."""
        length = self.restart or mcus
        counts = [min(length, mcus - n) for n in range(0, mcus, length)]
        if len(counts) != len(self.pieces):
            raise damaged(f"{len(self.pieces)} restart intervals where {len(counts)} belong")
        return counts
