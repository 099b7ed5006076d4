"""Levels: the noise levels that published methods visit, as standard deviations over the image.

    σ_i = sqrt((1 - ᾱ_i) / ᾱ_i),    ᾱ_i = Π_{j <= i} (1 - β_j),    β from 1e-4 to 0.02 in 1000 steps

takes the steps of a diffusion model that keeps the variance (DDPM, Ho et al. 2020,
arXiv 2006.11239) to the levels of one that lets it explode, whose images are those of the former
over sqrt(ᾱ). The levels end at 80, where our networks do.
"""

from __future__ import annotations

import math
from functools import cache

from restore.bcm import SIGMA_MAX, SIGMA_MIN

STEPS = 1000
RHO = 7.0


@cache
def alphas() -> tuple[float, ...]:
    """ᾱ of every step, from the least noise to the most."""
    found, product = [], 1.0
    for i in range(STEPS):
        product *= 1 - (1e-4 + (0.02 - 1e-4) * i / (STEPS - 1))
        found.append(product)
    return tuple(found)


def level_of(step: int) -> float:
    """The level of a step, 0 to 999."""
    alpha = alphas()[step]
    return min(math.sqrt((1 - alpha) / alpha), SIGMA_MAX)


def uniform(n: int, first: int = STEPS) -> tuple[float, ...]:
    """n levels, falling, evenly spaced over the steps below `first`; the last is that of step 0.

    As DDIM spaces them (Song et al. 2021, arXiv 2010.02502).
    """
    return tuple(level_of(first * i // n) for i in reversed(range(n)))


def quadratic(n: int) -> tuple[float, ...]:
    """n levels, falling from step 999 to 0, their distances growing as DiffPIR's do downwards.

    Step i is 999 - floor(1000 sqrt(i / (n - 1))), and the last is 0: four are 999, 422, 183, 0. The
    list of squares that are evenly spaced indexes the levels from the noisiest one down.
    """
    last = STEPS - 1
    passed = [math.isqrt(STEPS**2 * i // max(n - 1, 1)) for i in range(n)]
    return tuple(level_of(last - min(steps, last)) for steps in passed)


def karras(n: int) -> tuple[float, ...]:
    """n levels from 80, evenly spaced in σ^(1/7) down to 0.002, which comes after the last.

    Karras et al. 2022, arXiv 2206.00364, eq. 5.
    """
    high, low = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return tuple(min((high + i / n * (low - high)) ** RHO, SIGMA_MAX) for i in range(n))
