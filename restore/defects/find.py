"""Find: the mask of what a scan has that the photograph did not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np

from restore.defaults import FOUND, SENSITIVITY, Find
from restore.defects.evidence import weigh_parts
from restore.defects.network import load_finder, score_pixels
from restore.errors import RequestError
from restore.images import Picture

KINDS: tuple[Find, ...] = get_args(Find)
USUAL = FOUND

# Logits of a part of the mask: of all its pixels at least, of one, and of their mean. What is sure
# is judged by the first row; around enough of it a scan is damaged, and judged by the second.
SURE, LIKELY = (-1.0, 2.5, 0.7), (-1.0, 0.5, -0.2)
ENOUGH = 4.0  # log-odds of parts that are sure, together, from which on a scan is damaged
LARGEST = 3.0  # of which one part has so many at most
NEAR, LEARNED = 769, 384  # pixels to a side of what is around, and of what that was chosen on
SLOPE = 4.0  # logits by which the last two fall from sensitivity 0 to 1
SMALLEST: dict[Find, int] = {"scratches": 24, "dust": 3}  # pixels of a part
CROWDED: dict[Find, float] = {
    "scratches": 0.12,
    "dust": 0.02,
}  # share of the pixels around: then it is texture
AROUND = 129  # pixels to a side
GROWN = 3  # pixels: what is found is grown by one to each side
ORANGE = (0, 25)  # hues of a date stamp, of 180
STAMP_SATURATION, STAMP_VALUE = 150, 170  # of 255
STAMP_SIDE = 0.25  # of the picture's shorter side, the largest mark
TINT = (255, 0, 255)


@dataclass(frozen=True, eq=False)
class Defects:
    """mask: (H, W) bool, as the picture is stored. share: of its pixels that are marked, 0 to 1.

    counts: of each kind that was looked for, the connected parts found.
    """

    mask: np.ndarray
    share: float
    counts: dict[str, int]

    def as_picture(self) -> Picture:
        """The mask as a grey picture, white where to restore."""
        return Picture(np.where(self.mask, 255, 0).astype(np.uint8)[..., None])

    def overlay(self, picture: Picture) -> Picture:
        """The picture in 8 bits, with what was found in magenta."""
        shown = picture.at_depth(8)
        pixels = shown.pixels.repeat(3 // shown.pixels.shape[2], axis=2)
        pixels = np.where(self.mask[..., None], np.array(TINT, np.uint8), pixels)
        return shown.with_pixels(np.ascontiguousarray(pixels))


def find_defects(
    picture: Picture, kinds: Sequence[Find] = USUAL, sensitivity: float = SENSITIVITY
) -> Defects:
    """What does not belong to a photograph.

    A small network, trained on drawn defects, says of each pixel how likely a line or a speck lies
    on it; parts that hold together are kept where they are likely enough. A clean photograph has an
    empty mask, or nearly. It runs on the CPU.

    Args:
        picture: a scan, of any depth.
        kinds: "scratches" (hairs and creases too), "dust", "stamps" (orange digits of a date).
        sensitivity: 0 (only what is certain) to 1 (all that may be).

    Raises:
        RequestError: another kind, or a sensitivity outside 0 to 1.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise RequestError(f"find is {kind!r}, expected some of {', '.join(KINDS)}")
    if not 0 <= sensitivity <= 1:
        raise RequestError(f"sensitivity is {sensitivity:g}, expected 0 to 1")
    found: dict[Find, np.ndarray] = {}
    if set(kinds) & set(SMALLEST):
        logits = score_pixels(load_finder(), picture.tensor())
        pixels = picture.at_depth(8).pixels
        pixels = pixels.repeat(3 // pixels.shape[2], axis=2)
        marks = find_marks(pixels, dict(zip(SMALLEST, logits, strict=True)), sensitivity)
        found = {kind: mask for kind, mask in marks.items() if kind in kinds}
    if "stamps" in kinds:
        found["stamps"] = find_stamps(picture)
    mask = np.zeros(picture.pixels.shape[:2], bool)
    counts: dict[str, int] = {}
    for name, part in found.items():
        counts[name] = cv2.connectedComponents((part & ~mask).astype(np.uint8))[0] - 1
        mask |= part
    mask = cv2.dilate(mask.astype(np.uint8), np.ones((GROWN, GROWN), np.uint8)) > 0
    return Defects(mask, float(mask.mean()), counts)


def find_marks(
    pixels: np.ndarray, scores: Mapping[Find, np.ndarray], sensitivity: float = SENSITIVITY
) -> dict[Find, np.ndarray]:
    """(H, W) bool of each kind: the likely parts where a scan is damaged.

    pixels: (H, W, 3) uint8. scores: (H, W) float32, the logits of each kind. sensitivity: as of
    `find_defects`.
    """
    ease = SLOPE * (sensitivity - SENSITIVITY)
    sure = {kind: keep_parts(one, kind, *SURE, ease) for kind, one in scores.items()}
    evidence = sum_evidence(pixels, scores, sure)
    damaged = evidence >= 2 * ENOUGH * (1 - sensitivity)
    found = {}
    for kind, one in scores.items():
        likely = sure[kind] | keep_parts(one, kind, *LIKELY, ease)
        found[kind] = keep_touched(likely, damaged)
    return found


def keep_parts(
    scores: np.ndarray, kind: Find, low: float, high: float, mean: float, ease: float = 0
) -> np.ndarray:
    """(H, W) bool: the connected parts of likely pixels that are likely as a whole.

    Stars, bricks and blades are like specks and lines, but many: parts in a crowd are left.

    scores: (H, W) float32, logits of a kind. low: of a part's pixels, the logit of each at least;
    high, of one; mean, of all together. ease: by how much high and mean are lowered; the parts are
    the same, so that more of it never finds less.
    """
    weak = scores > low
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        weak.astype(np.uint8), connectivity=8
    )
    area, inside = boxes[:, cv2.CC_STAT_AREA], labels[weak]
    crowd = cv2.blur((scores > 0).astype(np.float32), (AROUND, AROUND))
    kept = np.bincount(inside, scores[weak], count) > (mean - ease) * area
    kept &= area >= SMALLEST[kind]
    kept &= np.bincount(inside, crowd[weak], count) < CROWDED[kind] * area
    strong = np.zeros(count, bool)
    strong[np.unique(labels[scores > high - ease])] = True
    kept &= strong
    kept[0] = False
    return kept[labels]


def sum_evidence(
    pixels: np.ndarray, scores: Mapping[Find, np.ndarray], sure: Mapping[Find, np.ndarray]
) -> np.ndarray:
    """(H, W) float64: how much speaks for damage around each pixel.

    One part may be anything; what speaks for a damaged scan is that there are several. Each counts
    as the log-odds that it is a defect, from 0 to LARGEST, spread over its pixels.
    Of a large picture more is asked, for it holds more that may be taken for a defect: by the root
    of its pixels around, as chance adds up.

    pixels: (H, W, 3) uint8. scores: (H, W) float32, logits of each kind. sure: (H, W) bool, parts.
    """
    evidence = np.zeros(pixels.shape[:2])
    for kind, parts in sure.items():
        count, labels = cv2.connectedComponents(parts.astype(np.uint8), connectivity=8)
        area = np.bincount(labels.ravel(), minlength=count)
        odds = weigh_parts(pixels, scores[kind], labels, kind).clip(0, LARGEST)
        evidence += (odds / np.maximum(area, 1))[labels]
    border = cv2.BORDER_CONSTANT
    total = cv2.boxFilter(evidence, cv2.CV_64F, (NEAR, NEAR), normalize=False, borderType=border)
    height, width = pixels.shape[:2]
    around = min(height, NEAR) * min(width, NEAR) / LEARNED**2
    return (total / max(1.0, math.sqrt(around))).clip(0)


def keep_touched(mask: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(H, W) bool: the connected parts of a mask that have a pixel in `where`, (H, W) bool."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[where])] = True
    kept[0] = False
    return kept[labels]


def find_stamps(picture: Picture) -> np.ndarray:
    """(H, W) bool: marks of a date stamp's glowing orange, in a corner of the picture."""
    pixels = picture.at_depth(8).pixels
    if pixels.shape[2] == 1:
        return np.zeros(pixels.shape[:2], bool)
    hue, saturation, value = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))
    glowing = (hue >= ORANGE[0]) & (hue <= ORANGE[1])
    glowing &= (saturation >= STAMP_SATURATION) & (value >= STAMP_VALUE)
    height, width = glowing.shape
    _, labels, boxes, centres = cv2.connectedComponentsWithStats(glowing.astype(np.uint8))
    side = STAMP_SIDE * min(height, width)
    kept = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) <= side
    kept &= np.abs(centres[:, 0] / width - 0.5) > 0.15  # to the left or the right,
    kept &= np.abs(centres[:, 1] / height - 0.5) > 0.3  # and above or below
    kept[0] = False
    return kept[labels]
