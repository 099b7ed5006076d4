"""dps: diffusion posterior sampling (Chung et al. 2023, arXiv 2209.14687, algorithm 1).

    x0  = D(x_t, t)
    x_u = x0 + (u / t)² (x_t - x0) + u sqrt(1 - (u / t)²) z              the ancestral step
    x_u = x_u - ζ / |r| sqrt((1 + t²) (1 + u²)) ∂|r|² / ∂x_t,   r = A x0 - y

for each level t and the next one u. The root is what the change from their images, sqrt(ᾱ) times
ours, makes of the gradient; ∂|r|² / ∂x_t = 2 Jᵀ Aᵀ r goes through the network. That is the paper's
step: its code takes ∂|r| / ∂x_t, half of it at the same ζ. ζ = 1 as published, where there are 1000
levels of 256 by 256 pixels: here it is 1000 over the number of gradients, by the root of the share
of pixels, and no step is longer than |r|, as none should be. Levels without a gradient come last.
Linear degradations; published without any promise of consistency, but what comes out is projected,
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
from restore.solvers.method import LINEAR, Guided, Method, lift
from restore.tiling import NoiseField, TiledBCM

ZETA, PUBLISHED_STEPS, PUBLISHED_SIZE = 1.0, 1000, 3 * 256 * 256


@torch.no_grad()
def dps(
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
    size = math.sqrt(start.numel() / PUBLISHED_SIZE)
    longest = ZETA * size * PUBLISHED_STEPS / max(preset.gradients, 1)
    x = noise.add_(start, lift(preset.levels[0], degradation))
    for step, (t, u) in enumerate(itertools.pairwise((*preset.levels, 0.0))):
        x0 = denoiser.denoise(x, t)
        onwards = torch.lerp(x0, x, (u / t) ** 2)
        onwards = noise.add_(onwards, u * math.sqrt(1 - (u / t) ** 2), step + 1)
        if step < preset.gradients:
            direction, r = descent(degradation, x0, y)
            gradient = vjp(denoiser, x, direction, t)
            length = max(float(torch.linalg.vector_norm(gradient)), 1e-12)
            scale = 2 * longest * math.sqrt((1 + t**2) * (1 + u**2)) / max(r, 1e-12)
            onwards.sub_(gradient, alpha=min(scale, r / length))
        x = onwards
    return degradation.project_into_range(x, y, out=x)


def descent(degradation: Degradation[Y], x0: Tensor, y: Y) -> tuple[Tensor, float]:
    """Aᵀ r and |r| of r = A x0 - y, for a linear A; what y holds outside A's range is left out."""
    with torch.enable_grad():
        difference = (x0 - degradation.pinv(y)).requires_grad_()
        r = degradation(difference)
        assert isinstance(r, Tensor), "a linear one gives a tensor"
        (direction,) = torch.autograd.grad(r, difference, r.detach())
    return direction, float(torch.linalg.vector_norm(r.detach()))


DPS = Method(dps, lambda task, n, sigma: uniform(n), LINEAR, COST, auto=GRADIENT_TILE)
