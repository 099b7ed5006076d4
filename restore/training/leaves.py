"""Dead leaves: synthetic pictures of discs that hide one another, an endless supplement.

Discs fall at random until they cover the picture, their radii of density r^-3 between two bounds,
so that the picture looks alike at every scale (Lee, Mumford and Huang 2001); their colours are
those of real pixels. Known to train restoration networks (Achddou et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def dead_leaves(
    pictures: Sequence[np.ndarray], size: int, seed: int, radii: tuple[float, float] = (2, 300)
) -> np.ndarray:
    """A picture (size, size, 3) uint8 of discs coloured from one of the (H, W, 3) `pictures`.

    Drawn twice as large and shrunk, so that the edges are as soft as a camera's.
    """
    random = np.random.default_rng(seed)
    source = pictures[int(random.integers(len(pictures)))].reshape(-1, 3)
    low, high = (2.0 * radius for radius in radii)
    side = 2 * size
    count = 12 * size
    share = random.random(count)
    radius = (low**-2 - share * (low**-2 - high**-2)) ** -0.5
    radius[: count // 8] = np.sort(radius[: count // 8])[::-1] * 4  # large ones cover the ground
    centre = random.integers(0, side, (count, 2))
    colour = source[random.integers(0, len(source), count)].astype(int)
    picture = np.full((side, side, 3), source.mean(axis=0), np.uint8)
    for (x, y), r, c in zip(centre.tolist(), radius, colour.tolist(), strict=True):
        cv2.circle(picture, (x, y), round(float(r)), c, thickness=-1, lineType=cv2.LINE_AA)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
