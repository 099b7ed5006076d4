"""Compression: whether pixels went through a JPEG, on which grid, and at which quality.

What a JPEG decoder shows has every coefficient c of its blocks near a multiple of its step q, so
that over coefficients that are not 0

    comb(q) = mean cos(2π c / q)

is near 1, near 0 where there was no such step (the characteristic function of c at 2π / q, as in
Fan and de Queiroz 2003, doi 10.1109/TIP.2002.807361, on a comb). Where the blocks begin, many more
coefficients of high frequency are 0 than on any other grid. A picture that was compressed twice
shows the comb of the first compression, blurred by the steps of the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from restore.diagnosis.blocks import FREQUENCY, busiest, cut, luma, transform
from restore.jpegfile import JpegFile
from restore.jpegfile.quality import estimate_quality, luma_table

COMPRESSED = 85  # quality: above, there is nothing to see
WINDOW = 512  # pixels a side that are looked at
COARSE = 320  # where all grids are
QUALITIES = range(3, 99)  # above, steps are 1, and nothing is lost
NEARBY = 0.01  # to the best comb: a lower quality that reaches it explains as much with more zeros
FOUND, FOUND_BELOW = 0.25, 0.3  # the comb of a JPEG, and of one under another
CONTRAST = 0.005  # of the share of zeros on the right grid to the next
FEWEST = 100  # coefficients
A_FREQUENCY = 20  # coefficients of a frequency, for it to count
VARIED = 3  # frequencies, for an earlier compression: a gradient has two, of any steps
STRONGER = 1.5  # times the steps of the later compression, to be seen through it
BESIDE = 0.4  # of a step: coefficients below are 0
ZERO = 0.6  # of a coefficient that the decoder's rounding alone has moved
SAMPLINGS = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 2): "4:2:0", (2, 1): "4:4:0"}
LOWEST = [(u, v) for u in range(8) for v in range(8) if 1 <= u + v <= 4]
Offset = tuple[int, int]
Counted: TypeAlias = dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]
"""By frequency, values of its coefficients, and how many have each."""


@dataclass(frozen=True)
class Compression:
    """A JPEG compression that the picture went through.

    kind: "file" if the file itself is a JPEG, "lost" if it was one and is no longer, "earlier" if
    its file was compressed before. quality: on the IJG's scale, 1 to 100. offset: (row, column) of
    the corner of its first whole block, 0 to 7. comb: how sure it is, from 0 to 1; 1 for a file.
    sentence: the finding in words.
    """

    kind: Literal["file", "lost", "earlier"]
    quality: int
    offset: Offset
    comb: float
    sentence: str


def describe_file(file: JpegFile) -> Compression:
    """The compression of a JPEG file, by its own tables."""
    quality = round(estimate_quality(file))
    sampling = SAMPLINGS.get(file.components[-1].sampling, "rare sampling")
    colour = "grey" if len(file.components) == 1 else sampling
    said = f"A JPEG file of quality {quality} ({colour}): a result can be held to its coefficients."
    return Compression("file", quality, (0, 0), 1.0, said)


def find_lost(pixels: np.ndarray) -> Compression | None:
    """The JPEG that (H, W, C) in levels of 8 bits were, if they were one and were not scaled."""
    plane = luma(pixels)
    window = busiest(plane, WINDOW)
    if min(window.shape) < 24:
        return None
    offset, contrast = _grid(window[:COARSE, :COARSE])
    found = _best(_by_frequency(transform(cut(window, offset))), QUALITIES)
    if contrast < CONTRAST or found is None or found[1] < FOUND:
        return None
    quality, comb = found
    where = "" if offset == (0, 0) else f", its blocks beginning at row {offset[0]}, "
    where += "" if offset == (0, 0) else f"column {offset[1]}"
    said = f"This picture was a JPEG of quality {quality} before it was saved anew{where}."
    return Compression("lost", quality, offset, round(comb, 3), said)


def find_earlier_compression(
    file: JpegFile, pixels: np.ndarray | None = None
) -> Compression | None:
    """A stronger compression before that of a file.

    On the same grid by the file's own coefficients, which is quick, and on another by its pixels
    (H, W, C), where they are given. One that was scaled in between leaves no grid.
    """
    own = file.components[0]
    later = round(estimate_quality(file))
    weaker = range(QUALITIES.start, later - 4)
    known = _count(_distinct(own.coefficients[own.known]), own.table)
    candidates: list[tuple[float, int, Offset]] = []
    if found := _best(known, weaker, own.table):
        candidates.append((found[1], found[0], (0, 0)))
    window = np.empty((0, 0)) if pixels is None else busiest(luma(pixels), WINDOW)[:COARSE, :COARSE]
    if min(window.shape) >= 24:
        for offset in (divmod(n, 8) for n in range(1, 64)):
            frequencies = _by_frequency(transform(cut(window, offset)))
            if found := _best(frequencies, weaker[::4], own.table):
                candidates.append((found[1], found[0], offset))
    if not candidates or max(candidates)[0] < FOUND_BELOW:
        return None
    comb, quality, offset = max(candidates)
    if offset != (0, 0):
        near = range(max(quality - 4, QUALITIES.start), min(quality + 5, later - 4))
        refined = _best(_by_frequency(transform(cut(window, offset))), near, own.table)
        quality, comb = refined or (quality, comb)
    said = f"It was compressed before, more strongly, at a quality of about {quality}"
    said += "." if offset == (0, 0) else ", on another grid, and cut since."
    return Compression("earlier", quality, offset, round(comb, 3), said)


def _distinct(blocks: np.ndarray) -> np.ndarray:
    """(n, 8, 8) int16 with one of all blocks that differ in their mean alone, as in a gradient.

    Blocks are told apart by a sum of 64 bits of their coefficients.
    """
    flat = blocks.reshape(len(blocks), 64).copy()
    flat[:, 0] = 0
    sums = flat.view(np.int64) @ np.random.default_rng(0).integers(1 << 62, size=16)
    return blocks[np.unique(sums, return_index=True)[1]]


def _count(blocks: np.ndarray, table: np.ndarray) -> Counted:
    """The coefficients of (n, 8, 8) integers times their steps: many blocks have few values."""
    found = {}
    for at in LOWEST:
        k = blocks[:, *at].astype(int)
        least = int(k.min(initial=0))
        counts = np.bincount(k - least)
        values = np.flatnonzero(counts)
        found[at] = (values + least) * table[at], counts[values]
    return found


def _by_frequency(frequencies: np.ndarray) -> Counted:
    """The coefficients of (n, 8, 8), each for itself."""
    columns = {at: np.ascontiguousarray(frequencies[:, *at]) for at in LOWEST}
    return {at: (column, np.ones_like(column)) for at, column in columns.items()}


def _grid(plane: np.ndarray) -> tuple[Offset, float]:
    """Where the blocks begin, if there are any: where most high frequencies are 0.

    And by how much the share of these is larger than on the next best grid.
    """
    high = FREQUENCY >= 5

    def zeros(offset: Offset) -> float:
        return float((np.abs(transform(cut(plane, offset))[:, high]) < ZERO).mean())

    shares = sorted((zeros(offset), offset) for offset in (divmod(n, 8) for n in range(64)))
    return shares[-1][1], shares[-1][0] - shares[-2][0]


def _best(
    frequencies: Counted, qualities: Iterable[int], below: np.ndarray | None = None
) -> tuple[int, float] | None:
    """(quality, comb) of the table that fits best; None where there is too little.

    below: the steps of a later compression; only steps that show through it count.
    """
    combs: list[tuple[float, int]] = []
    for quality in qualities:
        table = luma_table(quality)
        at = [at for at in LOWEST if table[at] >= 2]
        if below is not None:
            at = [at for at in at if table[at] >= STRONGER * below[at]]
        comb, count, varied = _comb({one: frequencies[one] for one in at}, table)
        if count >= FEWEST and (below is None or varied >= VARIED):
            combs.append((comb, quality))
    if not combs:
        return None
    least = max(combs)[0] - NEARBY
    return min((quality, comb) for comb, quality in combs if comb >= least)


def _comb(frequencies: Counted, table: np.ndarray) -> tuple[float, int, int]:
    """The mean of cos(2π c / q) over all coefficients that are not 0, their number, and how many
    frequencies have some.
    """
    total, count, varied = 0.0, 0, 0
    for at, (values, counts) in frequencies.items():
        q = int(table[at])
        some = np.abs(values) > BESIDE * q
        number = int(counts[some].sum())
        if number >= A_FREQUENCY:
            total += float(np.cos(2 * np.pi / q * values[some]) @ counts[some])
            count, varied = count + number, varied + 1
    return (total / count if count else 0.0), count, varied
