"""Candidates: pixels that stand out enough to be a scratch or dust, before the network is asked.

Both an absolute and a relative strength are needed, and no share of the pixels is ever taken, so
that a clean photograph has hardly any.
"""

from __future__ import annotations

import cv2
import numpy as np

from restore.defects.lines import measure_lines, measure_texture
from restore.defects.spots import measure_spots

SHRINKS = (1, 2)  # lines are sought at this scale and at half of it, where wide ones are thin
LINE_LOW, LINE_HIGH = (5.0, 5.0), (9.0, 9.0)  # levels, times the texture: of all, of the strongest
LINE_LENGTH = 24  # pixels at the scale
LINE_SHARE = 0.35  # of a line's own strength that its pixels have
COMMON, COMMON_SHARE = 0.95, 0.4  # what the picture is full of: this share of that quantile
SPOT_LOW, SPOT_HIGH = (12.0, 6.0), (25.0, 20.0)
SPOT_SIDE = 14  # pixels, the largest
COMPANY, NEAR = 3, 60  # spots at least half as strong within so many pixels: then it is texture


def find_lines(image: np.ndarray, strictness: float) -> np.ndarray:
    """(H, W) bool, the pixels of light lines in luma (H, W) float32, 0 to 255."""
    found = np.zeros(image.shape, bool)
    for shrink in SHRINKS:
        size = max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink)
        small = image if shrink == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        strength = measure_lines(small)
        kept = _keep_strong(strength, LINE_LOW, LINE_HIGH, strictness)
        kept = _drop_short(kept, LINE_LENGTH)
        if not kept.any():
            continue
        size = image.shape[1], image.shape[0]
        near = cv2.dilate(np.where(kept, strength, 0).astype(np.float32), np.ones((3, 3), np.uint8))
        near = cv2.resize(near, size, interpolation=cv2.INTER_NEAREST)
        side = 6 * shrink + 1
        contrast = image - cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
        found |= (near > 0) & (contrast > np.maximum(LINE_SHARE * near, LINE_LOW[0] * strictness))
    return found


def find_spots(image: np.ndarray, strictness: float) -> np.ndarray:
    """(H, W) bool, the pixels of light spots in luma (H, W) float32, 0 to 255."""
    strength = measure_spots(image)
    kept = _keep_strong(strength, SPOT_LOW, SPOT_HIGH, strictness)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(
        kept.astype(np.uint8), connectivity=8
    )
    if count < 2:
        return kept
    small = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) <= SPOT_SIDE
    small[0] = False
    peak = np.zeros(count, np.float32)
    np.maximum.at(peak, labels[kept], strength[kept])
    for number in np.flatnonzero(small):
        away = np.abs(centres - centres[number]).max(axis=1)
        company = (away < NEAR) & (peak >= peak[number] / 2)
        small[number] = company[1:].sum() - 1 <= COMPANY
    return small[labels]


def _keep_strong(
    strength: np.ndarray, low: tuple[float, float], high: tuple[float, float], strictness: float
) -> np.ndarray:
    """The pixels above `low` that hang together with one above `high`."""
    common = COMMON_SHARE * float(np.quantile(strength[::2, ::2], COMMON))
    times = strength / np.maximum(measure_texture(strength), common)
    weak = (strength > low[0] * strictness) & (times > low[1] * strictness)
    strong = (strength > high[0] * strictness) & (times > high[1] * strictness)
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[strong & weak])] = True
    kept[0] = False
    return kept[labels]


def _drop_short(kept: np.ndarray, length: int) -> np.ndarray:
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(kept.astype(np.uint8), connectivity=8)
    long = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= length
    long[0] = False
    return long[labels]
