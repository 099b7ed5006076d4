"""Detail: how steep a picture's steepest edges are, and by how much they overshoot.

Across an edge between two plateaus that differ by C, a picture that is blurred by a Gaussian of
deviation s has a steepest step of C / (s √(2π)). What goes beyond the plateaus, as a share of C, is
what a reduction by bicubic leaves, about 0.05, or a sharpening filter, more.

Small pictures have too few plateaus. In all of them the steps beside the steepest ones tell how
much they were sharpened: they go the same way, by a share that a reduction leaves at 0.08 or so, a
camera's lens at 0.3 and more, and an unsharp mask lowers by 0.13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from restore.diagnosis.blocks import luma

CONTRAST = 40  # levels
FLATNESS = 0.1  # of the contrast: a plateau's largest difference
REACH, PLATEAU = 4, 3  # pixels from the edge to its plateaus, and their length
FEWEST = 50  # edges
SHARPENED = 0.12  # overshoot
BLURRED = 1.5  # pixels: the deviation of a blur that is worth a remark
STEEPEST = 90  # percentile
SCALES = 3  # each half of the one before
MOST = 4_000_000  # pixels
STEEP, STEEP_LEVELS = 97, 8.0  # percentile of all steps, and the least: the steepest ones
BESIDE = 0.08  # of the steepest step, that beside it where a picture was not sharpened
AMOUNT, LARGEST = 5.0, 0.8  # of an unsharp mask: for each unit below that, and at most


@dataclass(frozen=True)
class Detail:
    """The edges of a picture.

    blur: the deviation, in pixels, of the Gaussian that would make its steepest edges as they are;
    0.4 or so is sharp. None where it has too few edges. overshoot: the median share of the contrast
    by which they go beyond their plateaus. sharpened: whether that is more than a reduction leaves.
    sentence: a remark, or "". amount: of the unsharp mask of one pixel, a in x + a (x - blurred),
    that is the likeliest by the steepest steps.
    """

    blur: float | None
    overshoot: float
    sharpened: bool
    sentence: str
    amount: float = 0.0


def find_detail(pixels: np.ndarray) -> Detail:
    """Of (H, W, C) in levels of 8 bits."""
    plane = luma(pixels)
    plane = plane[: max(1, MOST // plane.shape[1])]
    return replace(_find_edges(plane), amount=_measure_sharpening(plane))


def _find_edges(plane: np.ndarray) -> Detail:
    for scale in range(SCALES):
        edges = [_edges(one) for one in (plane, plane.T)]
        slope, over = (np.concatenate(both) for both in zip(*edges, strict=True))
        if len(slope) >= FEWEST:
            blur = 2**scale / (math.sqrt(2 * math.pi) * float(np.percentile(slope, STEEPEST)))
            return _describe(blur, float(np.median(over)) if scale == 0 else 0.0)
        height, width = (side // 2 * 2 for side in plane.shape)
        if min(height, width) < 32:
            break
        plane = plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return Detail(None, 0.0, False, "")


def _describe(blur: float, overshoot: float) -> Detail:
    sharpened = overshoot > SHARPENED
    said = ""
    if sharpened:
        said = f"Sharpened: edges overshoot by {100 * overshoot:.0f} % of their height."
    elif blur > BLURRED:
        said = (
            f"Blurred, as by a Gaussian of {blur:.1f} pixels: deblur undoes it where the kernel is "
            "known."
        )
    return Detail(round(blur, 2), round(overshoot, 3), sharpened, said)


def _edges(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steepest step and the overshoot, as shares of the contrast, of each edge along rows."""
    reach = REACH + PLATEAU - 1
    width = plane.shape[1] - 2 * reach
    if width < 1:
        return np.zeros(0), np.zeros(0)

    def shifted(by: int) -> np.ndarray:
        return plane[:, reach + by : reach + by + width]

    left = np.stack([shifted(-by) for by in range(REACH, reach + 1)])
    right = np.stack([shifted(by) for by in range(REACH, reach + 1)])
    contrast = np.abs(right.mean(axis=0) - left.mean(axis=0))
    between = np.stack([shifted(by) for by in range(-REACH + 1, REACH)])
    steps = np.abs(np.diff(between, axis=0))
    middle = steps[len(steps) // 2 - 1 : len(steps) // 2 + 1].max(axis=0)
    uneven = np.maximum(np.ptp(left, axis=0), np.ptp(right, axis=0))
    edge = (contrast > CONTRAST) & (uneven < FLATNESS * contrast) & (middle >= steps.max(axis=0))
    c = contrast[edge]
    ends = np.stack([left.mean(axis=0)[edge], right.mean(axis=0)[edge]])
    beyond = np.maximum(
        between[:, edge].max(axis=0) - ends.max(axis=0),
        ends.min(axis=0) - between[:, edge].min(axis=0),
    )
    return steps.max(axis=0)[edge] / c, beyond.clip(min=0) / c


def _measure_sharpening(plane: np.ndarray) -> float:
    """The amount of an unsharp mask of one pixel, 0 where none is likely."""
    beside, steepest, count = 0.0, 0.0, 0
    for steps in (np.diff(plane, axis=1), np.diff(plane, axis=0).T):
        if steps.shape[1] < 3:
            continue
        before, middle, after = steps[:, :-2], steps[:, 1:-1], steps[:, 2:]
        size = np.abs(middle)
        steep = size >= max(float(np.percentile(size, STEEP)), STEEP_LEVELS)
        steep &= (size >= np.abs(before)) & (size > np.abs(after))
        beside += float((np.sign(middle) * (before + after) / 2)[steep].sum())
        steepest += float(size[steep].sum())
        count += int(steep.sum())
    if count < FEWEST:
        return 0.0
    return round(min(max(AMOUNT * (BESIDE - beside / steepest), 0.0), LARGEST), 2)
