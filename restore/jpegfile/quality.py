"""Quality: the IJG's scale from 1 to 100, and the standard tables of steps that it scales.

    q(Q) = (K · p + 50) / 100 rounded down, 1 to 255,    p = 5000 / Q below 50, 200 - 2 Q from there

with K a table of ITU-T T.81, annex K.1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from restore.jpegfile.file import JpegFile

LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMA = np.full((8, 8), 99)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def luma_table(quality: int) -> np.ndarray:
    """The standard luma steps (8, 8), vertical frequency first, at a quality of 1 to 100."""
    return _scale(LUMA, quality)


def chroma_table(quality: int) -> np.ndarray:
    """The standard chroma steps (8, 8), as those of luma."""
    return _scale(CHROMA, quality)


def earlier_file(file: JpegFile, quality: int) -> JpegFile:
    """The JPEG file of a stronger quality, 1 to 100, whose picture a file was made of.

    On the same grid, by the standard tables. Where these have larger steps than the file, its
    coefficients are those of the file, rounded to them; elsewhere, the file's own.
    """
    components = []
    for base, part in zip((LUMA, CHROMA, CHROMA), file.components, strict=False):
        steps = _scale(base, quality)
        coarser = steps > part.table
        k = np.rint(part.coefficients * part.table / steps).astype(np.int16)
        components.append(
            replace(
                part,
                table=np.where(coarser, steps, part.table),
                coefficients=np.where(coarser, k, part.coefficients),
            )
        )
    return replace(file, components=tuple(components))


def _scale(base: np.ndarray, quality: int) -> np.ndarray:
    assert 1 <= quality <= 100, quality
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((base * percent + 50) // 100).clip(1, 255)


def estimate_quality(file: JpegFile) -> float:
    """The quality, 1 to 100, whose standard luma table has the mean step of the file's own."""
    qualities = range(100, 0, -1)
    means = [luma_table(quality).mean() for quality in qualities]
    return float(np.interp(file.components[0].table.mean(), means, qualities))
