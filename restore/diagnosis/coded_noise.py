"""Noise under a JPEG: what it was before its coefficients were rounded to the steps of a file.

A coefficient of white noise is normal with the noise's own deviation σ, and rounded to steps q

    E[(q round(c / q))²] = q² R(σ / q),    R(s) = Σ n² P(|c / q - n| < 1/2),

which is 0 where the steps are far larger. The flattest blocks show that power at each frequency,
and R inverted gives a σ for each whose steps let it through: of white noise all are alike, of
texture they fall. Chroma is subsampled and has larger steps, so that luma alone is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from restore.diagnosis.blocks import FREQUENCY, cut, luma, transform

ABOVE = FREQUENCY >= 3
LOW = (FREQUENCY >= 1) & (FREQUENCY <= 2)
FLATTEST, FEWEST = 0.1, 40  # of the blocks, and at least
MOST = 1 << 16  # blocks that are looked at
QUIET = 0.75  # of the flattest blocks
CLIPPED = 0.05  # of a block's pixels
THROUGH = 0.3  # of a step: noise that is weaker than this share shows too seldom
FREQUENCIES = 9  # that show it, at least
ALIKE = 1.5  # the level at one frequency to that at another: more is texture
EVEN = 1.55  # times the spread of the blocks' energy that noise has
LEAST = 0.8  # levels
S = np.geomspace(0.1, 100, 400)  # σ / q
N = np.arange(1, 400)


def _moment(power: int) -> np.ndarray:
    """E[|round(c)|^power] of normal c with the deviations S."""
    tail = np.vectorize(math.erfc)
    edges = tail((np.append(N, N[-1] + 1) - 0.5)[:, None] / (S * math.sqrt(2)))
    found: np.ndarray = (N[:, None].astype(float) ** power * (edges[:-1] - edges[1:])).sum(axis=0)
    return found


R, FOURTH = _moment(2), _moment(4)


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
    low = np.square(blocks[:, LOW]).mean(axis=1)
    flattest = blocks[np.argsort(low)[: max(FEWEST, int(FLATTEST * len(low)))]]
    squares, steps = np.square(flattest)[:, ABOVE], table[ABOVE].astype(float)
    quiet = np.argsort(squares.sum(axis=1))[: max(1, int(QUIET * len(squares)))]
    levels = steps * np.interp(squares[quiet].mean(axis=0) / steps**2, R, S)
    through = levels > THROUGH * steps
    if through.sum() < FREQUENCIES:
        return None
    weakest, strongest = np.percentile(levels[through], [20, 80])
    sigma = float(np.median(levels[through]))
    if sigma < LEAST:
        return None
    ratio = sigma / steps[through]
    mean, fourth = (np.interp(ratio, S, moment) for moment in (R, FOURTH))
    energy = (squares[:, through] / (mean * steps[through] ** 2)).mean(axis=1)
    expected = math.sqrt(float((fourth / mean**2 - 1).sum())) / through.sum()
    quarter, middle, rest = np.percentile(energy, [25, 50, 75])
    alike = (rest - quarter) / 1.349 <= EVEN * expected * max(middle, 0.1)
    return CodedNoise(sigma, float(weakest), bool(alike and strongest <= ALIKE * weakest))
