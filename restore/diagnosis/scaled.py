"""Scaled: whether a picture was a JPEG before it was scaled, and by how much it was.

Where a block ended, neighbours differ by more than elsewhere, so that the mean second difference of
each column, and of each row, has the period of 8 s pixels after scaling by s. Its spectrum then has
peaks at f = 1 / (8 s) and at 2 f, in both directions alike, which scaling alone and texture leave
where they are not so (in the manner of Mahdian and Saic 2008, doi 10.1109/TIFS.2004.924603, for
scaling).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restore.diagnosis.blocks import luma

SMALLEST, MOST = 192, 2048  # pixels a side that tell, and that are looked at
CLIP = 6.0  # levels of a second difference: more is an edge
SMOOTH = 9  # pixels over which the profile is taken to be even
FINER = 8  # times as many frequencies as a transform has
LOWEST, HIGHEST, STEPS = 1 / 18, 0.235, 1600  # frequencies: of s from 2.25 to 0.53
LOBE = 4  # finer frequencies to each side that belong to a peak
FOUND = 5.5  # times the mean power, of the weaker peak and direction
OWN = 0.015  # from a multiple of 1/8: the grid of the file itself
UNSCALED = 0.03  # of s, from 1


@dataclass(frozen=True)
class ScaledJpeg:
    """A JPEG that was scaled. factor: by how much each side was. strength: of the peaks, times the
    mean power. sentence: the finding in words.
    """

    factor: float
    strength: float
    sentence: str


def find_scaled(pixels: np.ndarray, own_grid: bool = False) -> ScaledJpeg | None:
    """Of (H, W, C) in levels of 8 bits; None where no such period shows.

    own_grid: the picture has blocks of 8 pixels of its own, whose periods count for nothing.
    """
    plane = luma(_middle(pixels))
    if min(plane.shape) < SMALLEST:
        return None
    spectra = [_spectrum(one) for one in (plane, plane.T)]

    def strength(f: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.min([_peak(p, h * f) for p in spectra for h in (1, 2)], axis=0)
        if own_grid:
            for h in (8, 16):
                found[np.abs(h * f - np.rint(h * f)) < 8 * OWN] = 0
        return found

    frequencies = np.linspace(LOWEST, HIGHEST, STEPS)
    strengths = strength(frequencies)
    at = int(strengths.argmax())
    f, found = frequencies[at], float(strengths[at])
    if found < FOUND:
        return None
    for part in (3, 2):  # a period of three or two blocks' parts is no block
        near = np.linspace(0.99, 1.01, 41) * f / part
        lower = strength(near)
        if near[0] >= LOWEST and lower.max() >= FOUND:
            f = near[int(lower.argmax())]
            break
    factor = 1 / (8 * f)
    if abs(factor - 1) < UNSCALED:
        return None
    said = f"It was a JPEG before it was scaled to {100 * factor:.0f} % of its size."
    return ScaledJpeg(round(float(factor), 3), round(found, 1), said)


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, (side - MOST) // 2) for side in pixels.shape[:2])
    return pixels[top : top + MOST, left : left + MOST]


def _spectrum(plane: np.ndarray) -> np.ndarray:
    """The power of the profile over the columns (H, W), 1 at the mean of white noise."""
    second = np.abs(plane[:, :-2] - 2 * plane[:, 1:-1] + plane[:, 2:]).clip(max=CLIP)
    profile = second.mean(axis=0)
    around = np.pad(profile, SMOOTH // 2, mode="reflect")
    profile = profile - np.convolve(around, np.full(SMOOTH, 1 / SMOOTH), "valid")
    window = np.hanning(len(profile))
    transform = np.fft.rfft(profile * window, FINER * len(profile))
    scale = float(np.square(window).sum() * max(profile.var(), 1e-9))
    power: np.ndarray = np.square(np.abs(transform)) / scale
    return power


def _peak(power: np.ndarray, f: np.ndarray) -> np.ndarray:
    """The largest power near each frequency."""
    at = np.rint(f * 2 * (len(power) - 1)).astype(int)
    near = at[:, None] + np.arange(-LOBE, LOBE + 1)
    peak: np.ndarray = power[near.clip(0, len(power) - 1)].max(axis=1)
    return peak
