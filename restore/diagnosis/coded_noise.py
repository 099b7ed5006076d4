"""Noise under a JPEG: what it was before its coefficients were rounded to the steps of a file.

A coefficient of white noise is normal with the noise's own deviation σ, and rounded to steps q

    E[(q round(c / q))²] = q² R(σ / q),    R(s) = Σ n² P(|c / q - n| < 1/2),

which is 0 where the steps are far larger. The flattest blocks show that power at each frequency,
and R inverted gives a σ for each whose steps let it through: of white noise all are alike, of
texture they fall. Where luma has texture in all blocks, chroma has little of it: its lowest
frequencies, of samples that are the means of 2 x 2 pixels, show noise that differs in colour.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from restore.diagnosis.blocks import FREQUENCY, cut, luma, transform

ABOVE = FREQUENCY >= 3
LOW = (FREQUENCY >= 1) & (FREQUENCY <= 2)
COLOUR_ABOVE, COLOUR_LOW = FREQUENCY >= 2, FREQUENCY == 1
FLATTEST, FEWEST = 0.1, 40  # of the blocks, and at least
COLOUR_FLATTEST = 0.2
LOOKED_AT = 512  # pixels a side, for where the blocks of chroma begin
MOST = 1 << 16  # blocks that are looked at
QUIET = 0.75  # of the flattest blocks
CLIPPED = 0.05  # of a block's pixels
THROUGH = 0.3  # of a step: noise that is weaker than this share shows too seldom
FREQUENCIES, COLOUR_FREQUENCIES = 9, 5  # that show it, at least
ALIKE = 1.5  # the level at one frequency to that at another: more is texture
EVEN = 1.55  # times the spread of the blocks' energy that noise has
LEAST = 0.8  # levels
S = np.geomspace(0.1, 100, 400)  # σ / q
N = np.arange(1, 400)
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
IN_CHROMA = np.linalg.norm(CHROMA, axis=1) / 2  # of noise in each colour, in means of 2 x 2 pixels
SMOOTH = 0.75 + 0.25 * np.cos(math.pi * np.arange(8) / 8)
KEPT = SMOOTH[:, None] * SMOOTH  # of a coefficient: decoders make chroma smooth between samples


@cache  # the integrals take a while, and few pictures are asked
def _moment(power: int) -> np.ndarray:
    """E[|round(c)|^power] of normal c with the deviations S."""
    tail = np.vectorize(math.erfc)
    edges = tail((np.append(N, N[-1] + 1) - 0.5)[:, None] / (S * math.sqrt(2)))
    found: np.ndarray = (N[:, None].astype(float) ** power * (edges[:-1] - edges[1:])).sum(axis=0)
    return found


@dataclass(frozen=True)
class Quantisation:
    """What a picture's coefficients were last rounded to. luma, chroma: (8, 8), vertical frequency
    first; chroma None where it has none, or not a sample for 2 x 2 pixels. offset: (row, column) of
    the first whole block of luma.
    """

    luma: np.ndarray
    chroma: np.ndarray | None = None
    offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class CodedNoise:
    """Levels in luma, as of white noise before a JPEG. sigma: at the frequencies that show it, the
    median. weakest: where there is least. alike: whether it is noise by the look of it, as strong
    at all frequencies and in all flat blocks; else they have texture too.
    """

    sigma: float
    weakest: float
    alike: bool


def measure_coded_noise(
    pixels: np.ndarray, table: np.ndarray, offset: tuple[int, int] = (0, 0)
) -> CodedNoise | None:
    """The noise that (H, W, C) had before they were a JPEG.

    table: (8, 8) steps of luma. offset: (row, column) of its first whole block. None where too
    little shows.
    """
    clipped = np.asarray(((pixels <= 1) | (pixels >= 254)).any(axis=2))
    usable = np.flatnonzero(cut(clipped, offset).mean(axis=(1, 2)) < CLIPPED)
    if len(usable) < FEWEST:
        return None
    usable = usable[:: -(-len(usable) // MOST)]
    blocks = transform(cut(luma(pixels), offset)[usable])
    flattest = _choose_flattest(blocks, LOW, FLATTEST)[:, ABOVE]
    return _measure(flattest, table[ABOVE].astype(float), FREQUENCIES)


def measure_coded_colour(pixels: np.ndarray, steps: Quantisation) -> float | None:
    """The noise in each channel that differs in colour, of (H, W, 3) before they were a JPEG.

    None where too little shows, or where it may be texture.
    """
    if steps.chroma is None or pixels.shape[2] != 3:
        return None
    found = []
    for weights, share in zip(CHROMA, IN_CHROMA, strict=True):
        plane = pixels @ weights
        top, left = _find_corner(plane, steps.offset)
        blocks = transform(cut(_halve(plane[top:, left:])))
        if len(blocks) < FEWEST:
            return None
        flattest = _choose_flattest(blocks / KEPT, COLOUR_LOW, COLOUR_FLATTEST)[:, COLOUR_ABOVE]
        table = steps.chroma[COLOUR_ABOVE].astype(float)
        noise = _measure(flattest, table, COLOUR_FREQUENCIES, quiet=1.0)
        if noise is None or not noise.alike:
            return None
        found.append(noise.sigma / float(share))
    return min(found)


def _find_corner(plane: np.ndarray, offset: tuple[int, int]) -> tuple[int, int]:
    """Where the first whole block of 16 x 16 pixels begins, by that of 8 x 8: which leaves most
    high frequencies of the chroma 0.
    """
    zeros = []
    for down, right in itertools.product((0, 8), (0, 8)):
        top, left = offset[0] + down, offset[1] + right
        part = plane[top : top + LOOKED_AT, left : left + LOOKED_AT]
        blocks = transform(cut(_halve(part)))
        share = (np.abs(blocks[:, ABOVE]) < 1).mean() if len(blocks) else 0.0
        zeros.append((float(share), (top, left)))
    return max(zeros, key=lambda one: one[0])[1]


def _halve(plane: np.ndarray) -> np.ndarray:
    """The means of 2 x 2 pixels."""
    height, width = (side // 2 * 2 for side in plane.shape)
    means: np.ndarray = plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    return means


def _choose_flattest(blocks: np.ndarray, low: np.ndarray, share: float) -> np.ndarray:
    """A share of the blocks (n, 8, 8), those with least at low frequencies."""
    energy = np.square(blocks[:, low]).mean(axis=1)
    return blocks[np.argsort(energy)[: max(FEWEST, int(share * len(energy)))]]


def _measure(
    coefficients: np.ndarray, steps: np.ndarray, fewest: int, quiet: float = QUIET
) -> CodedNoise | None:
    """The noise by coefficients (n, k) that were rounded to steps (k,).

    None where `fewest` of the k do not show it.
    """
    squares = np.square(coefficients)
    order = np.argsort(squares.sum(axis=1))[: max(1, int(quiet * len(squares)))]
    levels = steps * np.interp(squares[order].mean(axis=0) / steps**2, _moment(2), S)
    through = levels > THROUGH * steps
    if through.sum() < fewest:
        return None
    weakest, strongest = np.percentile(levels[through], [20, 80])
    sigma = float(np.median(levels[through]))
    if sigma < LEAST:
        return None
    ratio = sigma / steps[through]
    mean, fourth = (np.interp(ratio, S, _moment(power)) for power in (2, 4))
    energy = (squares[:, through] / (mean * steps[through] ** 2)).mean(axis=1)
    expected = math.sqrt(float((fourth / mean**2 - 1).sum())) / through.sum()
    quarter, middle, rest = np.percentile(energy, [25, 50, 75])
    alike = (rest - quarter) / 1.349 <= EVEN * expected * max(middle, 0.1)
    return CodedNoise(sigma, float(weakest), bool(alike and strongest <= ALIKE * weakest))
