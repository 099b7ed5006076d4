"""Lines: scratches, hairs and creases, by how long strokes differ from both their sides.

    a_θ = mean of x along a stroke of direction θ,   r = a_θ - max(a_θ shifted by ±d across)

which the edge of anything broader than d does not raise, and which texture of both signs averages
out. Of all directions and distances the largest counts: in levels of 8 bits, and as a number of
times the texture around, the middle one of the means of neighbouring blocks. So brick and grass,
lines all over, are measured by their own lines.
"""

from __future__ import annotations

import cv2
import numpy as np

STROKE = 31  # pixels
DIRECTIONS = 20
ACROSS = (2, 3)  # pixels from a stroke to its sides
BLOCK, BLOCKS = 16, 5  # pixels of a block of texture, and to a side how many are compared
FLOOR = 0.8  # levels of texture that are always there: noise, rounding


def measure_lines(image: np.ndarray) -> np.ndarray:
    """(H, W) float32: how far the lightest line through each pixel stands out, in levels.

    image: (H, W) float32 luma, 0 to 255; 255 less it for dark lines.
    """
    best = np.zeros_like(image)
    for angle in np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        kernel = draw_stroke(angle, STROKE).astype(np.float32)
        kernel /= kernel.sum()
        along = cv2.filter2D(image, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
        for distance in ACROSS:
            down = round(distance * float(np.cos(angle)))
            right = round(-distance * float(np.sin(angle)))
            sides = np.maximum(_shift(along, down, right), _shift(along, -down, -right))
            np.maximum(best, along - sides, out=best)
    return best


def measure_texture(response: np.ndarray) -> np.ndarray:
    """(H, W): of the mean responses of blocks around a pixel, the middle one, and the floor."""
    height, width = response.shape
    size = -(-width // BLOCK), -(-height // BLOCK)
    means = cv2.resize(response, size, interpolation=cv2.INTER_AREA)
    middle = cv2.medianBlur(means, BLOCKS)
    return cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR) + FLOOR


def draw_stroke(angle: float, length: int, value: int = 255) -> np.ndarray:
    """(length, length) uint8: a line through the middle at an angle, smooth where it is 255."""
    middle = length // 2
    across, down = middle * np.cos(angle), middle * np.sin(angle)
    kernel = np.zeros((length, length), np.uint8)
    start = round(middle - across), round(middle - down)
    end = round(middle + across), round(middle + down)
    cv2.line(kernel, start, end, value, lineType=cv2.LINE_AA if value == 255 else cv2.LINE_8)
    return kernel


def _shift(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image so many pixels further down and right, its edge repeated."""
    height, width = image.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[rows[:, None], columns]
