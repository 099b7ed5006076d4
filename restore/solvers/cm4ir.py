"""cm4ir: few-step guidance of a consistency model (Garber and Tirer 2024, arXiv 2412.20596).

    x0  = clip f(x_t, (1 + δ) t, 0.002)
    x   = x0 + Aᵀ (A Aᵀ + ζ σ²)⁻¹ (y - A x0)    back-projection, by `posterior_mean`
    x_u = x + u (sqrt(1 - η²) ẑ + η z),   ẑ = (x0 - x_t) / t, minus the noise that was predicted

for each level t and the next one u, from t_N = sqrt(1 - ᾱ) at step i_N: ᾱ grows by 1 + γ each time.
Where y has noise the last x0 is not guided. η = 0.1 and δ = 0 (theirs by default, the preset's
noise and delta here); i_N and γ are those of their script: 150 and 0.2 for holes, 250 and 0.7 for
enlargement (its defaults), 75, 0.01 and ζ = 3 for deblurring. JPEG has none: there it is as for
holes, with our projection. Theirs are of other networks and noises; `tuned` holds what the search
found for ours. With other than four levels γ is such that ᾱ comes from the same to the
same.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from restore.bcm import SIGMA_MIN
from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.levels import alphas
from restore.solvers.method import Method
from restore.tiling import NoiseField, TiledBCM

ETA, ZETA = 0.1, 3.0
GROWTH = {"inpaint": (150, 0.2), "jpeg": (150, 0.2), "superres": (250, 0.7), "deblur": (75, 0.01)}
STEPS = 4


@torch.no_grad()
def cm4ir(
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
    x = noise.add_(start, preset.levels[0])
    for step, (t, u) in enumerate(itertools.pairwise((*preset.levels, 0.0))):
        told = (1 + preset.delta) * t
        x0 = denoiser.jump(x, told, SIGMA_MIN).clamp_(-1, 1)
        minus = torch.sub(x0, x, out=x).div_(t)
        if u or degradation.sigma == 0:
            x0 = degradation.posterior_mean(x0, y, 1 / math.sqrt(ZETA), out=x0)
        x = x0.add_(minus, alpha=math.sqrt(1 - eta**2) * u)
        x = noise.add_(x, eta * u, step + 1)
    return degradation.project_into_range(x, y, out=x)


def levels(task: str, n: int, sigma: float) -> tuple[float, ...]:
    """n falling levels sqrt(1 - ᾱ), 0.01 at least."""
    first, gamma = GROWTH[task]
    start = alphas()[first + 1]  # theirs counts from before the first step
    growth = (1 + gamma) ** ((STEPS - 1) / max(n - 1, 1))
    return tuple(math.sqrt(1 - min(start * growth**i, 0.9999)) for i in range(n))


CM4IR = Method(cm4ir, levels, tuple(GROWTH), noise=lambda task: ETA)
