"""pgdm: ΠGDM, pseudo-inverse guidance (Song et al. 2023, openreview 9_gsMA8MRKQ, algorithm 1).

    x0  = D(x_t, t),   ε = (x_t - x0) / t
    g   = Jᵀ r² Aᵀ (r² A Aᵀ + σ²)⁻¹ (y - A x0),   r² = t² / (1 + t²)     eq. 7 times r², eq. 8
    x_u = x0 + c z + sqrt(u² - c²) ε + sqrt(1 + u²) g,   c = η u sqrt(1 - (u / t)²)

for each level t and the next one u. Without noise the direction is A⁺ y - A⁺ A x0, for a JPEG file
that onto its box; J is the network's derivative. The step of the paper's algorithm, in images of
sqrt(ᾱ) times ours, adds sqrt(ᾱ_t) times the gradient there, which comes to the root here; code that
its authors published later (RED-diff) multiplies it by sqrt(ᾱ_u) too. η, the preset's noise, is 1
and levels are evenly spaced over the steps, as published, though those were 100. Levels without a
gradient come last. Published without any promise of consistency, but what comes out is projected,
where y has no noise.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.solvers.gradient import COST, GRADIENT_TILE, vjp
from restore.solvers.levels import uniform
from restore.solvers.method import ALL, Guided, Method, lift
from restore.tiling import NoiseField, TiledBCM

ETA = 1.0


@torch.no_grad()
def pgdm(
    denoiser: TiledBCM,
    degradation: Degradation[Y],
    y: Y,
    start: Tensor,
    preset: Guided,
    noise: NoiseField,
) -> Tensor:
    """The image (1, 3, H, W) in [-1, 1] that degrades to y, from `start`, which it overwrites.

    Every pixel goes through `preset.evaluations` network evaluations.
    """
    x = noise.add_(start, lift(preset.levels[0], degradation))
    for step, (t, u) in enumerate(itertools.pairwise((*preset.levels, 0.0))):
        x0 = denoiser.denoise(x, t)
        fresh = preset.noise * u * math.sqrt(1 - (u / t) ** 2)
        onwards = torch.lerp(x0, x, math.sqrt(u**2 - fresh**2) / t)
        onwards = noise.add_(onwards, fresh, step + 1)
        if step < preset.gradients:
            direction = degradation.posterior_mean(x0, y, t / math.sqrt(1 + t**2)).sub_(x0)
            gradient = vjp(denoiser, x, direction, t)
            onwards.add_(gradient, alpha=math.sqrt(1 + u**2))
        x = onwards
    return degradation.project_into_range(x, y, out=x)


PGDM = Method(
    pgdm, lambda task, n, sigma: uniform(n), ALL, COST, auto=GRADIENT_TILE, noise=lambda task: ETA
)
