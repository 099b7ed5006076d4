"""Span: along one axis, a window and the part that is kept of it.

Kept parts follow one another and cover the axis once; each lies a halo away from its window's ends,
so that a network whose receptive field is no wider gives there what it gives of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Range = tuple[int, int]  # first, and past the last


@dataclass(frozen=True)
class Span:
    """Along one axis: the window [start, stop) and the part [first, last) that is kept of it."""

    start: int
    stop: int
    first: int
    last: int


class Place(NamedTuple):
    """Of a window in its image: the rows [top, bottom) and the columns [left, right)."""

    rows: Range
    columns: Range

    def shift(self, down: int, right: int) -> Place:
        """The same window in an image that begins so many pixels earlier."""
        (top, bottom), (left, end) = self
        return Place((top + down, bottom + down), (left + right, end + right))


def spans(length: int, window: int, halo: int, stride: int) -> list[Span]:
    """Windows of one size, aligned to `stride`, whose kept parts cover [0, length) once.

    A kept part is at least `halo` away from each end of its window that is not the image's own.
    """
    if window >= length:
        return [Span(0, length, 0, length)]
    kept = window - 2 * halo
    assert kept >= stride
    found, first = [], 0
    while first < length:
        start = min(max(first - halo, 0) // stride * stride, length - window)
        stop = start + window
        last = length if stop == length else (stop - halo) // stride * stride
        found.append(Span(start, stop, first, last))
        first = last
    return found


def up_to(length: int, stride: int) -> int:
    """The least multiple of `stride` that is not below `length`."""
    return -(-length // stride) * stride
