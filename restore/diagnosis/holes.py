"""Holes: how wide they are, against what the network sees of their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

REACH = 107  # pixels across that an evaluation of the embedded network sees


@dataclass(frozen=True)
class Hole:
    """A hole to be filled.

    width: of its widest place, in pixels, as the largest circle in it has. share: of the picture.
    beyond: whether its middle sees nothing that is known. sentence: the finding in words.
    """

    width: float
    share: float
    beyond: bool
    sentence: str


def measure_hole(hole: np.ndarray, reach: int = REACH) -> Hole:
    """Of (H, W) bool, True where to restore; reach: across, in pixels, of the network."""
    padded = np.pad(hole, 1, mode="edge").astype(np.uint8)
    if padded.all():
        return _describe(float(2 * max(hole.shape)), 1.0, reach)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    return _describe(max(0.0, 2 * float(distance.max()) - 1), float(hole.mean()), reach)


def _describe(width: float, share: float, reach: int) -> Hole:
    beyond = width > reach
    said = f"The hole is {width:.0f} pixels wide at most, {100 * share:.1f} % of the picture"
    said += (
        f"; the network sees {reach} pixels across: expect its middle to be smooth and empty."
        if beyond
        else "."
    )
    return Hole(round(width, 1), round(share, 5), beyond, said)
