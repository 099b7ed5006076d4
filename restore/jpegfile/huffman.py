"""Huffman: the codes of a JPEG file, as tables of what the next 16 bits say.

A symbol says "skip r zeros, then a value of s bits", or "the block ends" (ITU-T T.81, F.1.2 and
G.1.2). Where 16 bits hold several codes whole, their steps add up to one.
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
LONG = -32768  # no value: its bits reach beyond the 16
TOGETHER = 8  # symbols that add up to a step, at most: no field runs over


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

        Four fields of a byte, lowest first: bits to advance, coefficients to advance (1 where the
        block ends), end of the block (1 + the bits of a run's length; BAD for no code), bits of the
        value.
        """
        symbol = self.symbols.astype(np.uint32)
        size, zeros = symbol & 15, symbol >> 4
        ended = (size == 0) & (zeros < 15) & (not self.dc)
        run = np.where(ended | self.dc, 1, zeros + 1)
        end = np.where(ended, zeros + 1, np.where(self.dc & (zeros > 0), BAD, 0))
        extra = np.where(ended, zeros, size)
        return self._spread((self._lengths + extra) | run << 8 | end << 16 | size << 24, BAD << 16)

    @cached_property
    def lengths(self) -> np.ndarray:
        """The bits of the code that 16 bits start with: (65536,) uint32, BAD for none."""
        return self._spread(self._lengths, BAD)

    @cached_property
    def values(self) -> np.ndarray:
        """The value behind the code that 16 bits start with: (65536,) int16.

        0 where the code has none, LONG where it reaches beyond the 16.
        """
        step = self.steps
        end, size = (step & 255).astype(int), (step >> 24).astype(int)
        bits = np.arange(65536) >> (16 - end).clip(min=0) & (1 << size) - 1
        return np.where(end > 16, LONG, signed(bits, size)).astype(np.int16)

    @property
    def _lengths(self) -> np.ndarray:
        return np.repeat(np.arange(1, 17, dtype=np.uint32), self.counts)

    def _spread(self, of_codes: np.ndarray, other: int) -> np.ndarray:
        """What there is of each code, by all 16 bits that start with it; `other` for no code."""
        table = np.full(65536, other, np.uint32)
        found = np.repeat(of_codes.astype(np.uint32), 1 << (16 - self._lengths))
        if found.size > table.size:
            raise damaged("a Huffman table has too many codes")
        table[: found.size] = found
        return table


def chain(first: np.ndarray, after: Huffman) -> np.ndarray:
    """What a code does, its steps in `first`, with all that the 16 bits hold whole after it."""
    steps, going = first.copy(), np.flatnonzero((first & ENDED) == 0)
    for _ in range(TOGETHER - 1):
        used = steps[going] & 255
        window = going << used & 0xFFFF
        whole = used + after.lengths[window] <= 16
        going = going[whole]
        steps[going] += after.steps[window[whole]]
        going = going[(steps[going] & ENDED) == 0]
    return steps


class BitWindow:
    """The 16 bits from every bit position of a stretch of data."""

    def __init__(self, data: np.ndarray, p: int) -> None:
        byte = p // 8
        self.first = 8 * byte
        self.limit = 8 * min(byte + CHUNK, data.size - SLACK)
        some = data[byte : byte + CHUNK + SLACK].astype(np.uint32)
        words = some[:-2] << 16 | some[1:-1] << 8 | some[2:]
        shifts = np.arange(8, 0, -1, dtype=np.uint32)
        self.bits = (words[:, None] >> shifts).astype(np.uint16).ravel()

    def values_before(self, p: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The values of `size` bits that end before positions p."""
        return signed(self.bits[p - size].astype(np.int32) >> (16 - size), size)


def signed(bits: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The value that `size` bits stand for (F.1.2.1, table F.1)."""
    return np.where(bits >> np.maximum(size - 1, 0) == 0, bits - (1 << size) + 1, bits)
