"""Parts: a hole split by how its pixels are guessed, each part with the crops that it needs.

Thin holes are guessed smoothly, thick ones by patches; each part of a picture is worked on by
itself, so that what is computed grows with the hole, not with the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from restore.holes.fill import How, has_texture, measure_depth, thick_holes
from restore.holes.patches import find_surroundings, group_holes, patches_available
from restore.tiling import Place, find_crops, up_to

SMALLEST_ALIGN = 256  # pixels: the windows of the smooth guess
SEEN = 12  # times its depth that the smooth guess of a hole's pixel sees


@dataclass(frozen=True)
class HolePart:
    """place: of the crop in the picture. region: (h, w) bool of it, the pixels it is solved for.

    depth: mean distance of all such pixels of its kind to the known ones. patch: whether they are
    guessed by patches.
    """

    place: Place
    region: np.ndarray
    depth: float
    patch: bool


def split_hole(
    hole: np.ndarray, how: How, field: int | None, stride: int, pixels: np.ndarray | None = None
) -> list[HolePart]:
    """The parts of a hole (H, W) bool that has some pixel.

    Args:
        hole: True where the picture is not known.
        how: as for `fill`.
        field: pixels that one evaluation of the network sees to each side; None for all of them,
            where every crop is the whole picture.
        stride: of the network; crops are aligned to it.
        pixels: (H, W, C) of the picture. Where it is smooth around a thick hole, "auto" guesses
            that smoothly too.
    """
    thick = find_patched(hole, how, pixels)
    depth = measure_depth(hole)
    parts: list[HolePart] = []
    for patch, which in ((False, hole & ~thick), (True, thick)):
        if not which.any():
            continue
        mean, deepest = float(depth[which].mean()), float(depth[which].max())
        if field is None:
            whole = Place((0, hole.shape[0]), (0, hole.shape[1]))
            regions: Iterator[tuple[Place, np.ndarray]] = iter([(whole, which)])
        elif patch:
            regions = _split_thick(which, up_to(field, stride), stride)
        else:
            regions = _split_thin(which, up_to(field, stride), stride, deepest)
        parts.extend(HolePart(place, region, mean, patch) for place, region in regions)
    return parts


def find_patched(hole: np.ndarray, how: How, pixels: np.ndarray | None = None) -> np.ndarray:
    """(H, W) bool: what of a hole is guessed by patches; arguments as of `split_hole`."""
    if how == "patch":
        return hole
    if how == "smooth" or not patches_available():
        return np.zeros_like(hole)
    thick = thick_holes(hole)
    if pixels is not None and thick.any():
        thick &= has_texture(pixels, hole, thick)
    return thick


def _split_thin(
    which: np.ndarray, halo: int, stride: int, deepest: float
) -> Iterator[tuple[Place, np.ndarray]]:
    """Crops in whose own part the smooth guess and the network give what they give of the whole."""
    align = up_to(SMALLEST_ALIGN, stride)
    while align < 4 * deepest + 4:  # the pyramid's coarsest cells that are not known
        align *= 2
    margin = up_to(max(halo, int(SEEN * deepest) + 1), stride)
    for place, own in find_crops(which, margin, align):
        (top, bottom), (left, right) = own
        region = np.zeros_like(which)
        region[top:bottom, left:right] = which[top:bottom, left:right]
        yield place, np.ascontiguousarray(region[slice(*place.rows), slice(*place.columns)])


def _split_thick(which: np.ndarray, halo: int, stride: int) -> Iterator[tuple[Place, np.ndarray]]:
    """A crop for each group of holes, with all that it is completed from."""
    labels, boxes = group_holes(which)
    for number, box in enumerate(boxes, 1):
        around = find_surroundings(box, which.shape)
        (top, bottom), (left, right) = (
            _widen(span, near, length, halo, stride)
            for span, near, length in zip(box, around, which.shape, strict=True)
        )
        inside = slice(top, bottom), slice(left, right)
        region = which[inside] & (labels[inside] == number)
        yield Place((top, bottom), (left, right)), region


def _widen(
    span: tuple[int, int], around: tuple[int, int], length: int, halo: int, stride: int
) -> tuple[int, int]:
    first = min(max(span[0] - halo, 0), around[0]) // stride * stride
    return first, min(up_to(max(span[1] + halo, around[1]), stride), length)
