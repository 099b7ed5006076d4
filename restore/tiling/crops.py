"""Crops: the parts of a picture that a few small regions need, each worked on as a picture.

What a pixel of the region sees lies within a margin of it. A crop begins and ends at multiples of
an alignment or at the picture's own edges, so that whatever divides a picture into cells, windows
or the blocks of a pyramid divides the crop alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from restore.tiling.cover import cover
from restore.tiling.spans import Place

CELL = 16  # pixels


class RegionCrop(NamedTuple):
    """place: of the crop in the picture. own: the part of the picture whose region it is for."""

    place: Place
    own: Place


def find_crops(region: np.ndarray, margin: int, align: int) -> list[RegionCrop]:
    """The crops that (H, W) bool needs; their own parts hold all of it and do not overlap.

    margin: pixels around an own part that a crop holds, where the picture does. align: what the
    crops' sides are multiples of. One crop, the whole picture, where several would cost more.
    """
    height, width = region.shape
    padded = np.pad(region, ((0, -height % CELL), (0, -width % CELL)))
    blocks = padded.reshape(padded.shape[0] // CELL, CELL, -1, CELL)
    cells = np.logical_or.reduce(blocks, axis=(1, 3))
    found = []
    for box in cover(cells, -(-(margin + align // 2) // CELL), lambda rows, columns: True):
        own = Place(
            (box.top * CELL, min(box.bottom * CELL, height)),
            (box.left * CELL, min(box.right * CELL, width)),
        )
        rows = _widen(own.rows, height, margin, align)
        found.append(RegionCrop(Place(rows, _widen(own.columns, width, margin, align)), own))
    whole = Place((0, height), (0, width))
    if sum(_pixels(crop.place) for crop in found) >= height * width:
        return [RegionCrop(whole, whole)]
    return found


def _widen(span: tuple[int, int], length: int, margin: int, align: int) -> tuple[int, int]:
    first = max(span[0] - margin, 0) // align * align
    return first, min(-(-(span[1] + margin) // align) * align, length)


def _pixels(place: Place) -> int:
    (top, bottom), (left, right) = place
    return (bottom - top) * (right - left)
