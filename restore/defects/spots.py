"""Spots: dust and specks, small on all sides.

    r = x - max over θ of open_θ(x),   open_θ the opening by a stroke of direction θ

has the whole contrast of what is shorter than the stroke in every direction; the edges and the
lines of a picture, longer in one, have none.
"""

from __future__ import annotations

import cv2
import numpy as np

from restore.defects.lines import draw_stroke

STROKE = 13  # pixels, more than the largest spot
DIRECTIONS = 8


def measure_spots(image: np.ndarray) -> np.ndarray:
    """(H, W) float32: how far the lightest spot at each pixel stands out, in levels.

    image: (H, W) float32 luma, 0 to 255; 255 less it for dark spots.
    """
    opened = np.full_like(image, -np.inf)
    for angle in np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        kernel = draw_stroke(angle, STROKE, 1)
        np.maximum(opened, cv2.morphologyEx(image, cv2.MORPH_OPEN, kernel), out=opened)
    return image - opened
