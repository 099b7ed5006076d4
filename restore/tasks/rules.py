"""Rule: a preset that follows from how noisy the observation is, for tasks that nobody tuned.

denoise: one level, that of the noise itself, where D(y, σ) is the mean of what the clean picture
may be and f(y, σ, 0.002) one of these; more evaluations are the mean over the picture's
orientations, of which there are eight.

deblur: falling levels, evenly spaced in their logarithm, down to about twice the noise. Before
each estimate the picture is brought to the observation, weighed by both, the noise being taken for
√λ of what it is (plug-and-play, as in DPIR: Zhang et al. 2021, arXiv 2008.13751, section 4.2, where
λ is 0.23): the estimate takes away what is too much of it, and comes last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.checkpoints import Preset
from restore.errors import RequestError
from restore.solvers import ORIENTATIONS

Mode = Literal["fidelity", "perceptual"]

LEVELS = 127.5  # of 8 bits in a unit of the network's range
HIGHEST, LOWEST = 0.5, 2.0  # of deblurring: a level, and times the noise
LAMBDA = 0.2  # of deblurring
SHARE = 0.3  # of fresh noise, where deblurring is perceptual
DRAW_NOISE = 0.6  # of the noise that is there, more for each draw of denoising


def denoising(mode: Mode, nfe: int, sigma: float, draws: bool) -> Preset:
    """sigma in levels of 8 bits. RequestError where there are not so many orientations."""
    if nfe > len(ORIENTATIONS):
        raise RequestError(
            f"nfe is {nfe}, and denoising takes one evaluation for each orientation of the "
            f"picture: give {len(ORIENTATIONS)} at most"
        )
    t = min(max(sigma / LEVELS, SIGMA_MIN), SIGMA_MAX)
    noise = DRAW_NOISE if draws else 0.0
    return Preset((t,), _estimator(mode), noise, flips=nfe, delta=math.hypot(1, noise) - 1)


def deblurring(mode: Mode, nfe: int, sigma: float, draws: bool) -> Preset:
    """sigma in levels of 8 bits."""
    last = min(max(LOWEST * sigma / LEVELS, SIGMA_MIN), HIGHEST)
    levels = np.geomspace(HIGHEST, last, 2 * nfe + 1)[1::2]  # in the middle of as many parts
    noise = SHARE if draws or mode == "perceptual" else 0.0
    return Preset(tuple(map(float, levels)), _estimator(mode), noise)


def _estimator(mode: Mode) -> Literal["denoise", "jump"]:
    return "denoise" if mode == "fidelity" else "jump"


RULES: dict[str, Callable[[Mode, int, float, bool], Preset]] = {
    "denoise": denoising,
    "deblur": deblurring,
}
