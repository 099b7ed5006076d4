"""Patches: a guess for the pixels of a thick hole, taken from elsewhere in the picture.

What is too far from all that is known to follow from it can still look like the rest. PatchMatch
(the library pypatchmatch) completes the hole's surroundings in 8 bits; of its result we keep which
known pixel each is most like (`correspondence`), and take that one at the picture's full depth.
Surroundings of more than half a megapixel are completed at a smaller size first.
"""

from __future__ import annotations

import math
import threading

import cv2
import numpy as np
from torch import Tensor

from restore.errors import ResourceError
from restore.holes.correspondence import Correspondence, correspond, sources, transfer
from restore.tiling import Place

MOST_PIXELS = 500_000  # of surroundings that are completed at once
LEAST_AROUND, MOST_AROUND = 64, 512  # pixels around a hole that it is completed from
NEAR = 16  # pixels between holes that are completed together
LEAST_SOURCES = 256  # known pixels with a patch, below which nothing can be taken
RADIUS = 3  # of PatchMatch's own patches
LEVELS = 127.5  # of 8 bits in a unit of the network's range

_LOCK = threading.Lock()  # the library has one seed for the whole process


def patches_available() -> bool:
    """Whether the library pypatchmatch is here, with its native part."""
    try:
        import patchmatch
    except ImportError:
        return False
    return bool(patchmatch.patchmatch_available)


def fill_by_patches(
    x: Tensor, known: Tensor, which: np.ndarray, seed: int, usable: np.ndarray | None = None
) -> Tensor:
    """x (1, 3, H, W) in [-1, 1] with some unknown pixels taken from known ones, in place.

    known: (1, 1, H, W) bool. which: (H, W) bool, the unknown pixels to guess; x holds a guess of
    all the others. seed: the same seed gives the same pixels. usable: (H, W) bool, the known pixels
    that may be taken, None for all. Where there is too little to take from, x stays as it is.
    ResourceError without the native part of pypatchmatch.
    """
    if not patches_available():
        raise ResourceError(
            "filling by patches needs the library pypatchmatch with its native part, which does "
            "not load here: pip install --force-reinstall pypatchmatch, or fill smoothly"
        )
    good = known[0, 0].numpy()
    if usable is not None:
        good = good & usable
    labels, boxes = group_holes(which)
    for number, box in enumerate(boxes, 1):
        rows, columns = find_surroundings(box, which.shape)
        at = slice(*rows), slice(*columns)
        image = x[0, :, at[0], at[1]].permute(1, 2, 0).numpy()
        wanted = which[at] & (labels[at] == number)
        _complete(image, ~known[0, 0].numpy()[at], good[at], wanted, seed)
    return x


def group_holes(which: np.ndarray) -> tuple[np.ndarray, list[Place]]:
    """Which pixels of (H, W) bool are completed together.

    Labels (H, W) int32, 0 far from all of them, and the box of each label from 1 on.
    """
    kernel = np.ones((NEAR + 1, NEAR + 1), np.uint8)
    near = cv2.dilate(which.astype(np.uint8), kernel)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    places = [
        Place((top, top + height), (left, left + width))
        for left, top, width, height, _ in boxes[1:].tolist()
    ]
    return labels, places


def find_surroundings(box: Place, shape: tuple[int, ...]) -> Place:
    """What a group of holes in a box is completed from, in a picture of (height, width)."""
    (top, bottom), (left, right) = box
    around = min(max(bottom - top, right - left, LEAST_AROUND), MOST_AROUND)
    return Place(
        (max(top - around, 0), min(bottom + around, shape[0])),
        (max(left - around, 0), min(right + around, shape[1])),
    )


def _complete(
    image: np.ndarray, hole: np.ndarray, good: np.ndarray, which: np.ndarray, seed: int
) -> None:
    """image (H, W, 3) in [-1, 1] with the pixels `which` of its hole taken from good ones."""
    source = sources(good)
    if source.sum() < LEAST_SOURCES:
        return
    generator = np.random.default_rng(seed & (2**64 - 1))
    guide = (image + 1) * LEVELS
    scale = math.sqrt(hole.size / MOST_PIXELS)
    start = None
    if scale > 1:
        start = _matches_of_smaller(guide, hole, good, which, scale, seed, generator)
    if start is None:
        guide[hole] = _patchmatch(guide, ~good, seed)[hole]
    else:
        guide[which] = guide[start]
    found = correspond(guide, which, source, generator, start)
    image[which] = transfer(image, found)


def _patchmatch(guide: np.ndarray, hole: np.ndarray, seed: int) -> np.ndarray:
    import patchmatch

    pixels = np.rint(guide.clip(0, 255)).astype(np.uint8)
    with _LOCK:
        patchmatch.set_random_seed(seed % 2**32)
        return patchmatch.inpaint(pixels, hole, patch_size=RADIUS)


def _matches_of_smaller(
    guide: np.ndarray,
    hole: np.ndarray,
    good: np.ndarray,
    which: np.ndarray,
    scale: float,
    seed: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows and columns that the pixels `which` come from, by the picture reduced by `scale`.

    None where the reduced picture has too little to take from.
    """
    height, width = hole.shape
    size = max(1, round(width / scale)), max(1, round(height / scale))

    def reduce(a: np.ndarray) -> np.ndarray:
        return cv2.resize(a.astype(np.float32), size, interpolation=cv2.INTER_AREA)

    small_hole, small_good, small_which = reduce(hole) > 0, reduce(good) == 1, reduce(which) > 0
    source = sources(small_good)
    if source.sum() < LEAST_SOURCES:
        return None
    small = reduce(guide)
    small[small_hole] = _patchmatch(small, ~small_good, seed)[small_hole]
    found = correspond(small, small_which, source, generator)
    return _enlarge(found, which, size)


def _enlarge(
    found: Correspondence, which: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels `which` come from, by the matches of a picture reduced to a size."""
    height, width = which.shape
    rows, columns = np.nonzero(which)
    index = np.zeros(size[::-1], int)
    index[found.rows, found.columns] = np.arange(len(found.rows))
    down, right = height / size[1], width / size[0]
    near = index[
        np.minimum(rows / down, size[1] - 1).astype(int),
        np.minimum(columns / right, size[0] - 1).astype(int),
    ]
    from_rows = rows + np.rint((found.from_rows - found.rows)[near] * down).astype(int)
    from_columns = columns + np.rint((found.from_columns - found.columns)[near] * right).astype(int)
    return from_rows.clip(0, height - 1), from_columns.clip(0, width - 1)
