"""ddrm: denoising diffusion restoration models (Kawar et al. 2022, arXiv 2201.11793).

    x0 = D(x_t, t),   ε = (x_t - x0) / t,   and in the singular vectors of A, with τ = σ / s:

        x_u = x0 + u (sqrt(1 - η²) ε + η z)                          where A erases, s = 0
        x_u = x0 + u (sqrt(1 - η²) (A⁺ y - x0) / τ + η z)            where y is noisier, τ > u
        x_u = (1 - η_b) x0 + η_b A⁺ y + sqrt(u² - η_b² τ²) z         where it is not

for each level t and the next one u (eq. 5, whose images and levels are those used here); the last
x0, projected, is the result. η is the preset's noise, 0.85, η_b = 1 and levels evenly spaced over
the steps, as published, though those were 20. The start is `start` with noise, in place of A⁺ y
alone (eq. 4).

A JPEG file is not linear: its step is that of DDRM-JPEG (Kawar et al. 2022, arXiv 2209.11888),

    x_u = (1 - η_b) x0 + η_b project(x0, y) + u (η z + (1 - η) ε),   η = 1, η_b = 0.4

from step 300, with our projection onto the file's box for their x0 - D(E(x0)) + D(E(y)).
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
from restore.solvers.method import Method, lift
from restore.tiling import NoiseField, TiledBCM

ETA, ETA_B = 0.85, 1.0
JPEG_ETA, JPEG_ETA_B, JPEG_FIRST = 1.0, 0.4, 300


@torch.no_grad()
def ddrm(
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
        if u == 0:
            x = x0
        elif degradation.linear:
            x = ddrm_step(x0, x.sub_(x0).div_(t), y, u, eta, degradation, noise, step + 1)
        else:
            epsilon = x.sub_(x0).div_(t)
            x = torch.lerp(x0, degradation.project(x0, y), JPEG_ETA_B)
            x = noise.add_(x.add_(epsilon, alpha=(1 - eta) * u), eta * u, step + 1)
    return degradation.project_into_range(x, y, out=x)


def ddrm_step(
    x0: Tensor,
    epsilon: Tensor,
    y: Y,
    u: float,
    eta: float,
    degradation: Degradation[Y],
    noise: NoiseField,
    step: int,
) -> Tensor:
    """x_u of a linear degradation, in three parts: what goes with x0, with ε, and with z."""
    along = math.sqrt(1 - eta**2)

    def trust(tau: Tensor) -> Tensor:  # of A⁺ y, the rest being that of x0
        return torch.where(tau > u, along * u / tau, ETA_B)

    def spread(tau: Tensor) -> Tensor:
        fresh = (u**2 - (ETA_B * tau) ** 2).clamp(min=0).sqrt()
        return torch.where(tau > u, eta * u, fresh)

    x = degradation.spectral_filter(degradation.pinv(y).sub_(x0), trust).add_(x0)
    x += degradation.spectral_filter(epsilon, lambda tau: torch.where(tau.isinf(), along * u, 0.0))
    z = noise.add_(torch.zeros_like(x0), 1.0, step)
    return x.add_(degradation.spectral_filter(z, spread))


def levels(task: str, n: int, sigma: float) -> tuple[float, ...]:
    """Evenly spaced over the steps, all of them or for JPEG the first 300."""
    return uniform(n, JPEG_FIRST) if task == "jpeg" else uniform(n)


DDRM = Method(ddrm, levels, noise=lambda task: JPEG_ETA if task == "jpeg" else ETA)
