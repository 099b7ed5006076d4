"""ddnm: the denoising diffusion null-space model (Wang et al. 2023, arXiv 2212.00490).

    x0  = D(x_t, t),   ε = (x_t - x0) / t
    x0' = x0 - A⁺ (A x0 - y) = project(x0, y)              eq. 13
    x_u = x0' + u (sqrt(1 - η²) ε + η z)                   eq. 14, by the DDIM step of their code

for each level t and the next one u, in images over sqrt(ᾱ); the last x0' is the result. η is the
preset's noise, 0.85 and levels evenly spaced over the steps, as published, though those were 100;
no time travel. For a
JPEG file the projection is onto its box. Where y has noise, DDNM+ (eq. 17 to 19 and appendix I)
scales the correction and the noise of each singular component, which comes to the step of DDRM.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.ddrm import ddrm_step
from restore.solvers.levels import uniform
from restore.solvers.method import Method, lift
from restore.tiling import NoiseField, TiledBCM

ETA = 0.85


@torch.no_grad()
def ddnm(
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
    eta = preset.noise
    x = noise.add_(start, lift(preset.levels[0], degradation))
    for step, (t, u) in enumerate(itertools.pairwise((*preset.levels, 0.0))):
        x0 = denoiser.denoise(x, t)
        epsilon = x.sub_(x0).div_(t)
        if degradation.sigma:
            x = ddrm_step(x0, epsilon, y, u, eta, degradation, noise, step + 1) if u else x0
            continue
        x = degradation.project(x0, y, out=x0)
        x.add_(epsilon, alpha=math.sqrt(1 - eta**2) * u)
        x = noise.add_(x, eta * u, step + 1)
    return degradation.project_into_range(x, y, out=x)


DDNM = Method(ddnm, lambda task, n, sigma: uniform(n), noise=lambda task: ETA)
