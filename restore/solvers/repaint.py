"""repaint: known pixels noised to the level of the rest (Lugmayr et al. 2022, arXiv 2201.09865).

    x0  = D(x_t, t)
    x_u = x0 + (u / t)² (x_t - x0) + u sqrt(1 - (u / t)²) z              in the hole, eq. 8b
    x_u = y + u z                                                        where y is known, eq. 8a
    x_t = x_u + sqrt(t² - u²) z                                          to harmonise, back to t

for each level t and the next one u, in images over sqrt(ᾱ); where the preset has the same level
twice, it goes back up and comes down again. The last x0 with the known pixels is the result.
Holes alone. Published with 250 levels, ten of them at a time gone through ten times: with so few
evaluations as here each level comes at most ten times, and oftener the more of them there are.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.levels import uniform
from restore.solvers.method import Method
from restore.tiling import NoiseField, TiledBCM

MOST = 10  # times that a level is gone through


@torch.no_grad()
def repaint(
    denoiser: TiledBCM,
    degradation: Degradation[Y],
    y: Y,
    start: Tensor,
    preset: Preset,
    noise: NoiseField,
) -> Tensor:
    """The image (1, 3, H, W) in [-1, 1] that degrades to y, from `start`, which it overwrites.

    Every pixel goes through `preset.evaluations` network evaluations.
    """
    x = noise.add_(start, preset.levels[0])
    draws = itertools.count(1)
    for number, t in enumerate(preset.levels):
        after = preset.levels[number + 1 :]
        u = next((level for level in after if level < t), 0.0)
        x0 = denoiser.denoise(x, t)
        if not after:
            x = x0
            break
        x = torch.lerp(x0, x, (u / t) ** 2)
        x = noise.add_(x, u * math.sqrt(1 - (u / t) ** 2), next(draws))
        known = noise.add_(degradation.pinv(y), u, next(draws))
        x -= degradation.pinv(degradation(x - known))
        if after[0] == t:
            x = noise.add_(x, math.sqrt(t**2 - u**2), next(draws))
    return degradation.project_into_range(x, y, out=x)


def times(n: int) -> int:
    """How often each of n levels comes, a quarter of n at most."""
    return min(MOST, max(1, n // 4))


REPAINT = Method(repaint, lambda task, n, sigma: uniform(n), ("inpaint",), times=times)
