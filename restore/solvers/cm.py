"""cm: zero-shot editing with a consistency model (Song et al. 2023, arXiv 2303.01469, algorithm 4).

    x_t = x + t z
    x   = project(f(x_t, t, 0.002), y)

over falling levels t. Algorithm 4 adds sqrt(t² - 0.002²) z to an image of level 0.002; it replaces
what is known in a basis where A is a mask, which for holes is the projection and for enlargement
comes to it. The levels are those of Karras et al. from 80 down, as published, where there were 40.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from restore.bcm import SIGMA_MIN
from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.levels import karras
from restore.solvers.method import EXACT, Method
from restore.tiling import NoiseField, TiledBCM


@torch.no_grad()
def cm(
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
    x = start
    for step, t in enumerate(preset.levels):
        x = noise.add_(x, math.sqrt(max(t**2 - SIGMA_MIN**2, 0.0)), step)
        x = denoiser.jump(x, t, SIGMA_MIN)
        x = degradation.project(x, y, out=x)
    return degradation.project_into_range(x, y, out=x)


CM = Method(cm, lambda task, n, sigma: karras(n), EXACT)
