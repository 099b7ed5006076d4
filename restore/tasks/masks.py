"""Masks: which pixels of a picture to restore.

White means restore: a pixel above 127 of 255. A mask that nobody can have meant is refused with a
sentence rather than read as empty or full.
"""

from __future__ import annotations

import cv2
import numpy as np

from restore.errors import ImageError, RequestError
from restore.images import Picture, as_array, as_picture
from restore.images.picture import TURNS
from restore.result import ImageLike

THRESHOLD = 127  # of 255
DARK, LIGHT = 32, 224  # of 255: between them is neither black nor white
COLOURED = 0.1  # from such a share of coloured pixels on a mask is a coloured one
BETWEEN_COLOURED, BETWEEN_GREY = 0.25, 0.6  # more of it than that, and it is a photograph
FEW_LEVELS = 16  # which no photograph has


def hole_of(
    mask: ImageLike, picture: Picture, *, invert: bool = False, dilate: int = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The hole (H, W) bool, True where to restore, and warnings.

    `mask` is a picture (path, bytes, PIL image, array) of the same size, an (H, W) bool array, or
    "alpha": the fully transparent pixels of the picture itself. A mask of one colour speaks by its
    alpha. `dilate` grows the hole by so many pixels to each side. ImageError for a mask of another
    size, empty, full, of 0 and 1, or that is a photograph.
    """
    if not isinstance(dilate, int) or dilate < 0:
        raise RequestError(f"dilate is {dilate!r}, expected 0 or more pixels")
    warnings: tuple[str, ...] = ()
    given = as_array(mask)
    if isinstance(mask, str) and mask == "alpha":
        if picture.alpha is None:
            raise ImageError("mask 'alpha' needs a picture with transparency; this one has none")
        hole = picture.alpha == 0
    elif isinstance(given, np.ndarray) and given.dtype == bool:
        hole = given[..., 0] if given.ndim == 3 and given.shape[2] == 1 else given
        if hole.ndim != 2:
            raise RequestError(f"a mask (H, W) of bool was expected, found {given.shape}")
    else:
        found = as_picture(given)
        hole, warnings = _threshold(found)
        hole, more = _turn_as(hole, found, picture)
        warnings += more
    if hole.shape != picture.pixels.shape[:2]:
        raise ImageError(
            f"the mask has {hole.shape[1]}×{hole.shape[0]} pixels, "
            f"the picture {picture.size[0]}×{picture.size[1]}"
        )
    if invert:
        hole = ~hole
    if dilate and hole.any():
        away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_C, 3)
        hole = away <= dilate  # in the maximum norm: a square
    if not hole.any():
        raise ImageError("the mask is empty: no pixel is white (white = restore)")
    if hole.all():
        raise ImageError("the mask covers the whole picture: nothing is known to restore it from")
    return np.ascontiguousarray(hole), warnings


def _threshold(mask: Picture) -> tuple[np.ndarray, tuple[str, ...]]:
    """The white pixels of a mask (H, W) bool, and warnings on how it was read."""
    warnings = [f"mask: {warning}" for warning in mask.warnings]
    values, note = _values(mask)
    warnings += note
    hole = values > THRESHOLD
    if mask.alpha is not None and not _speaks_by_alpha(mask):
        # What hides under transparency is not the mask's own: `bleed` has painted it over.
        hole &= mask.alpha > 0
        warnings.append(
            "the mask's transparency was ignored, but where it is full, which counts as black; "
            "--mask alpha takes the picture's own"
        )
    return hole, tuple(warnings)


def _values(mask: Picture) -> tuple[np.ndarray, list[str]]:
    """What a mask says of each pixel, (H, W) uint8, and warnings.

    ImageError for values of 0 and 1, and for a photograph.
    """
    warnings = []
    samples = mask.pixels
    if _speaks_by_alpha(mask):
        assert mask.alpha is not None
        samples = mask.alpha[..., None]
        warnings.append(
            "the mask is of one colour, and transparency tells its parts apart: what is opaque is "
            "restored; --invert-mask turns that round"
        )
    brightest = int(samples.max())
    if 0 < brightest <= 1:
        raise ImageError(
            "the mask's values are 0 and 1, which is black to the eye: save it with 0 and 255"
        )
    if samples.dtype == np.uint16:
        if brightest <= 255:
            warnings.append("the mask holds 0 to 255 in 16 bits, and was read so")
            samples = samples.astype(np.uint8)
        else:
            samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    coloured = np.ptp(samples, axis=2) > 8
    values = samples.max(axis=2)
    between = float(np.mean((values >= DARK) & (values < LIGHT)))
    share = float(coloured.mean())
    limit = BETWEEN_GREY if share < COLOURED else BETWEEN_COLOURED
    if between > limit and np.count_nonzero(np.bincount(values.ravel())) > FEW_LEVELS:
        raise ImageError(
            f"the mask looks like a photograph: {between:.0%} of its pixels are neither black nor "
            "white; a mask is white where to restore and black elsewhere"
        )
    if coloured.any():
        warnings.append("the mask is coloured: its brightest channel was taken")
    return values, warnings


def _speaks_by_alpha(mask: Picture) -> bool:
    """Whether all that is seen of a mask has one colour, so that alpha alone tells it apart."""
    if mask.alpha is None or not mask.alpha.any():
        return False
    seen = mask.pixels[mask.alpha > 0]
    return bool((np.ptp(seen, axis=0) <= 8 * (257 if mask.depth == 16 else 1)).all())


def _turn_as(
    hole: np.ndarray, mask: Picture, picture: Picture
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A hole turned as the picture was by its EXIF orientation, where only that makes them fit.

    Programs that know no EXIF paint their masks over the picture as it is stored.
    """
    if hole.shape == picture.pixels.shape[:2] or mask.turned != 1 or picture.turned < 5:
        return hole, ()
    turned = np.ascontiguousarray(TURNS[picture.turned](hole))
    if turned.shape != picture.pixels.shape[:2]:
        return hole, ()
    return turned, ("the mask was turned as the picture's EXIF orientation has it",)


def thickness(hole: np.ndarray) -> float:
    """How far a hole's pixels lie from what is known, in pixels: the mean distance."""
    distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    return float(distance[hole].mean())


def draw_mask(size: tuple[int, int], kind: str, seed: int = 0) -> Picture:
    """A mask of a kind: "half" (of the pixels), "scratches", or "block".

    size: (width, height) in pixels. seed: of what is random, 0 or more. Scratches are twelve random
    lines, 3 pixels wide at 256 pixels and in proportion above; the block is the central quarter
    of each side.
    """
    width, height = size
    if min(size) < 1:
        raise RequestError(f"a mask of {width}×{height} pixels: expected at least one a side")
    if seed < 0:
        raise RequestError(f"seed is {seed}, expected 0 or more")
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    if kind == "half":
        mask[random.random((height, width)) < 0.5] = 255
    elif kind == "scratches":
        thick = max(3, round(3 * min(size) / 256))
        for _ in range(12):
            (x0, x1), (y0, y1) = random.integers(0, width, 2), random.integers(0, height, 2)
            cv2.line(mask, (int(x0), int(y0)), (int(x1), int(y1)), 255, thick)
    elif kind == "block":
        mask[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = 255
    else:
        raise RequestError(f"no mask is called {kind!r}: expected half, scratches or block")
    return Picture(mask[..., None])
