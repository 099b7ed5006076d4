"""Huffman: the codes of a JPEG file, as tables of what the next 16 bits say.

A symbol says "skip r zeros, then a value of s bits", or "the block ends" (ITU-T T.81, F.1.2 and
G.1.2). Looked up at every bit position of a stretch of data at once, such steps add up to leaps
over several symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from restore.errors import ImageError

# ZIGZAG[k] is the place, 8 × vertical + horizontal frequency, of the k-th coefficient of a scan.
ZIGZAG = np.array(
    sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
)

CHUNK = 1 << 16  # bytes whose bit positions get tables at once
SLACK = 1 << 10  # bytes a block that starts in a chunk may reach beyond it, with room to spare
ENDED = 0xFF0000  # the end field of a step
BAD = 255  # the end field of a bit pattern that is no code


def damaged(what: str) -> ImageError:
    return ImageError(f"the JPEG data are damaged ({what}); take the file from its source again")


@dataclass(frozen=True)
class Huffman:
    """A Huffman table as it stands in the file: codes per length 1 to 16, and their symbols."""

    counts: np.ndarray  # (16,)
    symbols: np.ndarray
    dc: bool

    @cached_property
    def steps(self) -> np.ndarray:
        """What a code does, by the 16 bits that start with it: (65536,) uint32.

        Four fields of a byte, lowest first: bits to advance, coefficients to advance, end of
        the block (1 + the bits of a run's length; BAD for no code), bits of the value.
        """
        symbol = self.symbols.astype(np.uint32)
        length = np.repeat(np.arange(1, 17, dtype=np.uint32), self.counts)
        size, zeros = symbol & 15, symbol >> 4
        ended = (size == 0) & (zeros < 15) & (not self.dc)
        run = np.where(ended, 0, 1 if self.dc else zeros + 1)
        end = np.where(ended, zeros + 1, np.where(self.dc & (zeros > 0), BAD, 0))
        extra = np.where(ended, zeros, size)
        step = (length + extra) | run << 8 | end << 16 | size << 24
        table = np.full(65536, BAD << 16, np.uint32)
        codes = np.repeat(step.astype(np.uint32), 1 << (16 - length))
        if codes.size > table.size:
            raise damaged("a Huffman table has too many codes")
        table[: codes.size] = codes
        return table


class BitWindow:
    """The 16 bits from every bit position of a stretch of data, and the leap of eight symbols."""

    def __init__(self, data: np.ndarray, p: int, tables: list[np.ndarray | None]) -> None:
        byte = p // 8
        self.first = 8 * byte
        self.limit = 8 * min(byte + CHUNK, data.size - SLACK)
        some = data[byte : byte + CHUNK + SLACK].astype(np.uint32)
        words = some[:-2] << 16 | some[1:-1] << 8 | some[2:]
        shifts = np.arange(8, 0, -1, dtype=np.uint32)
        self.window = (words[:, None] >> shifts).astype(np.uint16).ravel()
        distinct = {id(table): table for table in tables if table is not None}
        leaps = {key: self._leap(table) for key, table in distinct.items()}
        self.leaps = [None if table is None else leaps[id(table)] for table in tables]

    def _leap(self, table: np.ndarray) -> np.ndarray:
        """Sums of up to eight steps, which stop at an end: the fields add without a carry."""
        size = self.window.size
        leap = np.zeros(size + 1, np.uint32)
        leap[:size] = table[self.window]
        there = (leap & 255).astype(np.intp)  # where the next step starts; `size` for nowhere
        there += np.arange(size + 1)
        there[(leap & ENDED) != 0] = size
        np.minimum(there, size, out=there)
        for more in (True, True, False):
            leap += leap[there]
            if more:
                there = there[there]
        return leap


def extend(window: np.ndarray, p: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The value of `size` bits that ends before position p (F.1.2.1, table F.1)."""
    size = size.astype(np.int32)
    bits = window[p - size].astype(np.int32) >> (16 - size)
    return np.where(bits >> np.maximum(size - 1, 0) == 0, bits - (1 << size) + 1, bits)
