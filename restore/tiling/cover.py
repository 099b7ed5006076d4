"""Cover: few rectangles that hold every marked cell, so that a network is called there alone.

A window costs its rectangle and a halo all around it, (h + 2 halo) (w + 2 halo) cells. A rectangle
that is too large is cut in two, and so is one whose halves, each shrunk to what is marked in it,
cost less together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Fits = Callable[[int, int], bool]
"""Whether a rectangle of so many rows and columns of cells can be one window."""


class Rectangle(NamedTuple):
    """The rows [top, bottom) and columns [left, right) of a grid of cells."""

    top: int
    bottom: int
    left: int
    right: int


def cover(marked: np.ndarray, halo: int, fits: Fits) -> list[Rectangle]:
    """Disjoint rectangles that hold all marks of (rows, columns) bool, from the top down.

    halo: cells around a rectangle that its window takes too. A single cell always fits.
    """
    found, waiting = [], [Rectangle(0, marked.shape[0], 0, marked.shape[1])]
    while waiting:
        box = _shrink(marked, waiting.pop())
        if box is None:
            continue
        halves, cost = _cut(marked, box, halo)
        single = box.bottom - box.top == 1 == box.right - box.left
        whole = single or fits(box.bottom - box.top, box.right - box.left)
        if whole and cost >= _cost(box.bottom - box.top, box.right - box.left, halo):
            found.append(box)
        else:
            waiting.extend(halves)
    return sorted(found)


def _cost(height: int, width: int, halo: int) -> float:
    return (height + 2 * halo) * (width + 2 * halo)


def _shrink(marked: np.ndarray, box: Rectangle) -> Rectangle | None:
    """The least rectangle that holds the marks in a box; None where there are none."""
    inside = marked[box.top : box.bottom, box.left : box.right]
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    return Rectangle(
        box.top + int(rows[0]),
        box.top + int(rows[-1]) + 1,
        box.left + int(columns[0]),
        box.left + int(columns[-1]) + 1,
    )


def _cut(marked: np.ndarray, box: Rectangle, halo: int) -> tuple[list[Rectangle], float]:
    """The two parts of a box that cost least, across or along, and what they cost."""
    inside = marked[box.top : box.bottom, box.left : box.right]
    (row, across), (column, along) = _cheapest(inside, halo), _cheapest(inside.T, halo)
    if across <= along:
        at = box.top + row
        return [box._replace(bottom=at), box._replace(top=at)], across
    at = box.left + column
    return [box._replace(right=at), box._replace(left=at)], along


def _cheapest(inside: np.ndarray, halo: int) -> tuple[int, float]:
    """Before which row to cut, and the cost of both parts; of equal cuts the middlemost."""
    height, width = inside.shape
    if height == 1:
        return 0, np.inf
    some = np.logical_or.reduce(inside, axis=1)
    first = np.where(some, inside.argmax(axis=1), width)
    last = np.where(some, width - inside[:, ::-1].argmax(axis=1), 0)
    above = _running(some, first, last, halo)[:-1]
    below = _running(some[::-1], first[::-1], last[::-1], halo)[-2::-1]
    costs = above + below
    cheap = np.flatnonzero(costs == costs.min())
    at = int(cheap[np.abs(cheap - (height - 2) / 2).argmin()])
    return at + 1, float(costs[at])


def _running(some: np.ndarray, first: np.ndarray, last: np.ndarray, halo: int) -> np.ndarray:
    """What the first 1, 2, … rows cost, shrunk to their marks; the first row has some."""
    rows = np.maximum.accumulate(np.where(some, np.arange(len(some)), 0)) + 1
    columns = np.maximum.accumulate(last) - np.minimum.accumulate(first)
    return (rows + 2 * halo) * (columns + 2 * halo)
