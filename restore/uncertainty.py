"""Uncertainty: the spread of several draws at each pixel, as numbers and as a picture.

In levels of 8 bits, whatever the depth of the picture. The chart shows it in colour, dark where the
draws agree, above a scale whose end is a round number that hardly any pixel passes.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from restore.images import Picture
from restore.images.picture import TURNS, strips

LEVELS = 127.5  # of 8 bits in a unit of the network's range
ENDS = (1, 2, 4, 6, 8, 12, 16, 20, 30, 40, 60, 80, 128)  # of a scale
PASSED = 0.998  # share of the pixels that the scale's end is not below
LEAST_WIDTH = 320  # pixels that a scale and its title need


def as_levels(spread: Tensor, orientation: int = 1) -> np.ndarray:
    """A spread (H, W) in the network's range, as stored, as (H, W) float32 levels, upright."""
    found = spread.mul_(LEVELS).float().cpu().numpy()
    return found if orientation == 1 else np.ascontiguousarray(TURNS[orientation](found))


def chart(uncertainty: np.ndarray, samples: int) -> Picture:
    """The chart of an uncertainty (H, W) in levels of 8 bits: colours, and their scale below."""
    height, width = uncertainty.shape
    end = scale_end(uncertainty)
    legend = _legend(max(width, LEAST_WIDTH), end, samples)
    pixels = np.full((height + legend.shape[0], legend.shape[1], 3), 255, np.uint8)
    for rows in strips((width, height)):
        pixels[rows, :width] = colour(uncertainty[rows] / end)
    pixels[height:] = legend
    return Picture(pixels)


def scale_end(uncertainty: np.ndarray) -> int:
    """The round number of levels that a scale ends at."""
    counts, edges = np.histogram(uncertainty, bins=4096, range=(0, 128))
    share = np.cumsum(counts) / uncertainty.size
    reached = edges[np.searchsorted(share, PASSED * share[-1])]
    return next((end for end in ENDS if end >= reached), ENDS[-1])


def colour(share: np.ndarray) -> np.ndarray:
    """(H, W) of 0 to 1, what is more counting as 1, in colours (H, W, 3) uint8."""
    grey = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1])


def _legend(width: int, end: int, samples: int) -> np.ndarray:
    """A bar of all colours with its numbers, (h, width, 3) uint8."""
    text = max(12, min(width // 50, 48))
    font = ImageFont.load_default(text)
    margin = text
    bar = np.tile(colour(np.linspace(0, 1, width - 2 * margin)[None]), (text, 1, 1))
    image = Image.new("RGB", (width, 5 * text), "white")
    image.paste(Image.fromarray(bar), (margin, text // 2))
    draw = ImageDraw.Draw(image)
    for part in range(5):
        value = end * part / 4
        x = margin + (width - 2 * margin - 1) * part / 4
        top = text // 2 + text
        draw.line((x, top, x, top + text // 4), "black", max(1, text // 12))
        number = f"{value:g}" + ("+" if part == 4 else "")
        draw.text((x, top + text // 3), number, "black", font, anchor="ma")
    title = f"standard deviation of {samples} draws, levels of 255"
    draw.text((width / 2, 5 * text - text // 3), title, "black", font, anchor="ms")
    return np.asarray(image)
