"""Kind: whether a picture is a photograph, and if not, what it is.

A photograph's neighbouring pixels are seldom equal, where they are not clipped; what was drawn is
flat between sharp steps. Text on paper has two tones, pixel art few colours or pixels that are
squares of several, halftone a pattern that stands out of the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from restore.diagnosis.noise import ABOVE, EVEN, measure_spectra

KindName = Literal["photograph", "flat", "text", "halftone", "pixel art", "drawing"]
FLAT, SHARP = 0.6, 0.25  # shares: of equal neighbours, and of steps among the others
STEP = 32  # levels
TONES = 4
COLOURS, SMALL = 64, 256  # of pixel art, and its longest side
EQUAL = 0.25  # of its neighbours
SQUARES = range(8, 1, -1)  # pixels a side
LOUD = 5.0  # levels: a pattern that is seen
MOST = 4_000_000  # pixels that are looked at

SENTENCES: dict[KindName, str] = {
    "photograph": "Taken for a photograph.",
    "flat": "One flat colour: there is nothing to restore.",
    "text": "Text or line art in a few tones, no photograph: the network knows none.",
    "halftone": "A printed screen or a regular pattern, which is no noise; descreen it elsewhere.",
    "pixel art": "Pixel art, no photograph: enlarge it by whole factors without a filter.",
    "drawing": "A screenshot or a drawing, no photograph: flat areas and sharp steps.",
}


@dataclass(frozen=True)
class PictureKind:
    """What a picture is. name: of its kind; sentence: what that means."""

    name: KindName
    sentence: str

    @property
    def photographic(self) -> bool:
        """Whether restoring has something to go by."""
        return self.name == "photograph"


PHOTOGRAPH = PictureKind("photograph", SENTENCES["photograph"])


def find_kind(pixels: np.ndarray) -> PictureKind:
    """The kind of (H, W, C) in levels of 8 bits."""
    name = _name(pixels)
    return PictureKind(name, SENTENCES[name])


def _name(pixels: np.ndarray) -> KindName:
    rounded = pixels[: max(1, MOST // pixels.shape[1])].round().astype(np.uint8)
    colours = _count_colours(rounded)
    if colours == 1:
        return "flat"
    equal, steps = _neighbours(rounded)
    small = max(pixels.shape[:2]) <= SMALL
    if colours <= COLOURS and (equal >= EQUAL if small else _square(rounded)):
        return "pixel art" if colours > TONES else "text"
    if colours <= TONES or _two_tones(rounded):
        return "text"
    if equal >= FLAT and steps >= SHARP:
        return "drawing"
    measured = measure_spectra(pixels)
    if measured is None:
        return "photograph"
    grey = measured[0][0]
    seen = grey.patterned and grey.evenness <= EVEN and grey.level(ABOVE) >= LOUD
    return "halftone" if seen else "photograph"


def _count_colours(pixels: np.ndarray) -> int:
    """How many there are, or, where one row of eight has more than `COLOURS`, how many it has."""
    count = 0
    for some in (pixels[::8], pixels):
        packed = some.astype(np.int32) @ (256 ** np.arange(pixels.shape[2], dtype=np.int32))
        count = len(np.unique(packed))
        if count > COLOURS:
            break
    return count


def _neighbours(pixels: np.ndarray) -> tuple[float, float]:
    """The share of equal neighbours, and of large steps among those that differ."""
    signed = pixels.astype(np.int16)
    steps = [np.abs(np.diff(signed, axis=axis)).max(axis=2).ravel() for axis in (0, 1)]
    steps_ = np.concatenate(steps)
    if not steps_.size:
        return 1.0, 0.0
    unequal = steps_[steps_ > 0]
    return 1 - len(unequal) / len(steps_), float((unequal > STEP).mean()) if unequal.size else 0.0


def _two_tones(pixels: np.ndarray) -> bool:
    """Whether nearly all pixels are nearly black or nearly white, as a page that was scanned."""
    grey = pixels.max(axis=2)
    ends = ((grey <= 8) | (grey >= 247)).mean()
    return bool(ends > 0.9 and (grey >= 247).mean() > 0.5)


def _square(pixels: np.ndarray) -> bool:
    """Whether the picture consists of squares of equal pixels, two a side or more."""
    for side in SQUARES:
        height, width = (length // side * side for length in pixels.shape[:2])
        if min(height, width) < 4 * side:
            continue
        tiles = pixels[:height, :width].reshape(height // side, side, width // side, side, -1)
        if (tiles == tiles[:, :1, :, :1]).all():
            return True
    return False
