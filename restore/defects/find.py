"""Find: the mask of what a scan has that the photograph did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np

from restore.defaults import FOUND, SENSITIVITY, Find
from restore.defects.candidates import find_lines, find_spots
from restore.defects.evidence import score_candidates
from restore.errors import RequestError
from restore.images import Picture
from restore.tiling import TiledBCM

Kind = Find
KINDS: tuple[Kind, ...] = get_args(Kind)
USUAL = FOUND

STRICTNESS = 1.3  # of the candidates, at sensitivity 0.5
SCORE = 5.0  # times the spread, at sensitivity 0.5
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
    picture: Picture,
    denoiser: TiledBCM,
    kinds: Sequence[Kind] = USUAL,
    sensitivity: float = SENSITIVITY,
) -> Defects:
    """What does not belong to a photograph.

    Lines and spots are sought at several scales, light and dark; the network is asked of each
    whether a photograph would have it. A clean photograph has an empty mask, or nearly.

    Args:
        picture: a scan, of any depth.
        denoiser: the model that is asked, over pictures of any size.
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
    factor = 2 ** (1 - 2 * sensitivity)
    x = picture.tensor()
    luma = (x[0].mean(dim=0).numpy() + 1) * 127.5
    lines, spots = np.zeros(luma.shape, bool), np.zeros(luma.shape, bool)
    for image in (luma, 255 - luma):
        if "scratches" in kinds:
            lines |= find_lines(image, STRICTNESS * factor)
        if "dust" in kinds:
            spots |= find_spots(image, STRICTNESS * factor)
    mask = lines | spots
    if mask.any():
        mask &= score_candidates(denoiser, x, mask) >= SCORE * factor
    found = {"scratches": lines & mask, "dust": spots & mask & ~lines}
    found["stamps"] = find_stamps(picture) if "stamps" in kinds else np.zeros(luma.shape, bool)
    mask |= found["stamps"]
    counts: dict[str, int] = {
        kind: cv2.connectedComponents(found[kind].astype(np.uint8))[0] - 1 for kind in kinds
    }
    mask = cv2.dilate(mask.astype(np.uint8), np.ones((GROWN, GROWN), np.uint8)) > 0
    return Defects(mask, float(mask.mean()), counts)


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
