"""diffpir: diffusion models for plug-and-play restoration (Zhu et al. 2023, arXiv 2305.08995).

    x0  = D(x_t, t)
    x0' = argmin |y - A x|² + ρ |x - x0|²,   ρ = λ σ² / t²          eq. 12a, by `posterior_mean`
    ε   = (x_t - x0') / t
    x_u = x0' + u (sqrt(1 - ζ) ε + sqrt(ζ) z)                            eq. 14

for each level t and the next one u, in images over sqrt(ᾱ). λ = 1, and ζ, the preset's noise, is 1
for holes and 0.1 else, as in their code; the levels are those of its "quad" spacing, from the top
down: of four, the steps 999, 422, 183 and 0. At the last level x0 stays as it is where y has noise,
as there, else it is projected. Without noise ρ is 0 (theirs is 1e-6) and the step is the
projection, for a JPEG file onto its box.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.levels import quadratic
from restore.solvers.method import Method, lift
from restore.tiling import NoiseField, TiledBCM

LAMBDA, ZETA, HOLE_ZETA = 1.0, 0.1, 1.0


@torch.no_grad()
def diffpir(
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
    zeta = preset.noise
    x = noise.add_(start, lift(preset.levels[0], degradation))
    for step, (t, u) in enumerate(itertools.pairwise((*preset.levels, 0.0))):
        x0 = denoiser.denoise(x, t)
        if u or degradation.sigma == 0:
            x0 = degradation.posterior_mean(x0, y, t / math.sqrt(LAMBDA), out=x0)
        epsilon = x.sub_(x0).div_(t)
        x = x0.add_(epsilon, alpha=math.sqrt(1 - zeta) * u)
        x = noise.add_(x, math.sqrt(zeta) * u, step + 1)
    return degradation.project_into_range(x, y, out=x)


DIFFPIR = Method(
    diffpir,
    lambda task, n, sigma: quadratic(n),
    noise=lambda task: HOLE_ZETA if task == "inpaint" else ZETA,
)
