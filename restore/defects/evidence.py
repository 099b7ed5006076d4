"""Evidence: how much speaks for a likely line or speck being a defect of the scan.

What the network takes for defects in clean photographs are wires, masts, stems, frames and lights.
They are seen as the picture is: coloured, shaded, no lighter or darker than all else. What lies on
a photograph is grey, near white or black, and the lightest or darkest of all around it. So each
part is measured, and the log-odds of a defect are linear in its measures: logistic regression, as
`examples/weigh_defects.py` has it, on parts of 562 clean pictures and 192 damaged ones. A line of
one colour across a photograph is no part of it, whatever its tone: nothing that a camera took is so
even.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from restore.defaults import Find

# Log-odds: the constant, and the weight of each measure in the order of `measure_parts`.
WEIGHTS: dict[Find, tuple[float, ...]] = {
    "scratches": (-4.55, 0.66, 0.92, 0.34, -2.79, -2.91, -2.48),
    "dust": (10.14, 1.18, 0.64, -3.09, -4.12, -5.3, -6.38),
}
AROUND = 31  # pixels to a side
EVEN, LONG, MOST_OF = 2, 100, 0.75  # levels that a colour may differ by, pixels, and their share
DRAWN = 0.3  # the share of equal neighbours from which on a picture is no photograph


def weigh_parts(
    pixels: np.ndarray, scores: np.ndarray, labels: np.ndarray, kind: Find
) -> np.ndarray:
    """(N,) float64: the log-odds that each part is a defect; arguments as of `measure_parts`.

    kind: of the parts. Those of label 0, which is no part, are 0; infinite are those of one colour.
    """
    constant, *weights = WEIGHTS[kind]
    odds = constant + measure_parts(pixels, scores, labels) @ np.array(weights)
    odds[find_even(pixels, scores, labels)] = np.inf
    odds[0] = 0
    return odds


def find_even(pixels: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) bool: the parts of one colour, in a photograph; arguments as of `measure_parts`."""
    most, rows, columns, inner = _find_cores(scores, labels)
    even = np.zeros(len(most), bool)
    equal = (np.diff(pixels.astype(np.int16), axis=1) == 0).all(axis=2)[labels[:, 1:] == 0]
    if equal.sum() > DRAWN * equal.size:
        return even
    seen = pixels[rows, columns].astype(np.int16)
    for which in np.flatnonzero(np.bincount(inner, minlength=len(most)) >= LONG):
        colours = seen[inner == which]
        off = np.abs(colours - np.median(colours, axis=0)).max(axis=1)
        even[which] = (off <= EVEN).mean() >= MOST_OF
    return even


def _find_cores(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """The largest logit of each part (N,), and the pixels that are more likely a defect than not:
    their rows, columns and parts.
    """
    rows, columns = np.nonzero(labels)
    part, score = labels[rows, columns], scores[rows, columns]
    most = np.full(int(labels.max()) + 1, -np.inf)
    np.maximum.at(most, part, score)
    core = score > np.minimum(0, most[part] - 1)
    return most, rows[core], columns[core], part[core]


def measure_parts(pixels: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 6) float64: the measures of each part 0 to N - 1; those of label 0 mean nothing.

    They are the mean and the largest of its logits, the logarithm of its pixels, and three shares
    of all that a pixel can be: how far its colour is from grey, its tone from white and from the
    lightest tone around, or, where it is darker than what is around, from black and the darkest.
    Colour and tone are medians of the pixels that are more likely a defect than not.

    Args:
        pixels: (H, W, 3) uint8.
        scores: (H, W) float32, the logits of the parts' kind.
        labels: (H, W) int32, 0 where there is no part.
    """
    most, rows, columns, inner = _find_cores(scores, labels)
    count = len(most)
    within = labels > 0
    number = np.bincount(labels[within], minlength=count).clip(1)
    total = np.bincount(labels[within], scores[within], count)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    square = np.ones((AROUND, AROUND), np.uint8)
    around = cv2.erode(grey, square), cv2.dilate(grey, square), cv2.blur(grey, square.shape)
    seen = np.column_stack([pixels[rows, columns], *(one[rows, columns] for one in around)])
    median = np.zeros((count, seen.shape[1]))
    order = np.argsort(inner, kind="stable")
    ends = np.searchsorted(inner[order], np.arange(1, count + 1))
    for which, (first, end) in enumerate(itertools.pairwise(ends), 1):
        median[which] = np.median(seen[order[first:end]], axis=0)
    colour, (lowest, highest, mean) = median[:, :3], median[:, 3:].T
    tone = colour.mean(axis=1)
    light = tone > mean
    return np.stack(
        [
            total / number,
            most,
            np.log(number),
            np.ptp(colour, axis=1) / 255,
            np.where(light, 255 - tone, tone) / 255,
            np.where(light, highest - tone, tone - lowest) / 255,
        ],
        axis=1,
    )
