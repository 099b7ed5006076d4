"""Schedule: noise levels by time, the step between two of them, and how strong guidance is at each.

    f(x, t, s) = α_s (x - σ_t ε) / α_t + σ_s ε,    α_t = sqrt(abar_t),  σ_t = sqrt(1 - abar_t)

is DDIM's step from time t to time s, up or down (iCD, arXiv 2406.14539, eq. 4); abar is Stable
Diffusion's, and time 0 is the clean image: α = 1, σ = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

LAST = 999  # the time of pure noise, as far as this schedule knows any
EMBEDDING = 512  # numbers that tell the network its guidance
CLEAN = 0


@cache
def alphas_cumprod() -> Tensor:
    """abar (1000,), float64: how much of the image's energy is left at each time.

    The schedule of Stable Diffusion: betas linear in their square roots.
    """
    betas = torch.linspace(math.sqrt(0.00085), math.sqrt(0.012), LAST + 1, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def level(t: int) -> tuple[float, float]:
    """(α, σ) at time t, 0 to 999: the image's share and the noise's; (1, 0) at time 0."""
    assert 0 <= t <= LAST, t
    if t == CLEAN:
        return 1.0, 0.0
    kept = float(alphas_cumprod()[t])
    return math.sqrt(kept), math.sqrt(1 - kept)


def step(x: Tensor, epsilon: Tensor, t: int, s: int) -> Tensor:
    """f(x, t, s): x at time t taken to time s along the noise `epsilon` that the network saw in it.

    At s = t it is x itself.
    """
    if s == t:
        return x
    (alpha, sigma), (alpha_s, sigma_s) = level(t), level(s)
    return alpha_s * ((x - sigma * epsilon) / alpha) + sigma_s * epsilon


def add_noise(x: Tensor, noise: Tensor, t: int) -> Tensor:
    """A clean image with noise (both of one shape) at time t: α x + σ noise."""
    alpha, sigma = level(t)
    return alpha * x + sigma * noise


@dataclass(frozen=True)
class Guidance:
    """How strongly the target's words pull: w(t) = `scale` while t / 1000 ≤ `tau`, above it 0.

    scale: classifier-free guidance minus 1, as the network was distilled; 0 is unguided.
    tau: from 0 (never) to 1 (always). Inclusive at its end.
    ramp: where the pull ends to fall, from `tau` on linearly; None is at once. A distilled network
        does not want a ramp: it was trained at a few scales.
    """

    scale: float
    tau: float = 1.0
    ramp: float | None = None

    def at(self, t: int) -> float:
        """w(t)."""
        share = t / 1000
        if share <= self.tau:
            return self.scale
        if self.ramp is None or share >= self.ramp:
            return 0.0
        return self.scale * (self.ramp - share) / (self.ramp - self.tau)


def embed_guidance(w: Sequence[float]) -> Tensor:
    """e(w) (B, 512), float32: [sin(1000 w f), cos(1000 w f)], f_k = 10000^(-k/255).

    Exponents, f and angles are rounded to float32, as in training: angles reach tens of thousands,
    where float32 has three decimals, and the network learnt those. Between the roundings all is
    float64, so that every processor gives the same numbers.
    """
    half = EMBEDDING // 2
    exponents = torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1))
    frequencies = exponents.double().exp().float()
    angles = (torch.tensor(w, dtype=torch.float32) * 1000)[:, None] * frequencies
    return torch.cat([angles.double().sin(), angles.double().cos()], dim=1).float()


def steps_up(times: Sequence[int]) -> list[tuple[int, int]]:
    """(t, s) of each step up: from the first of `times` over the others to 999."""
    return list(pairwise([*times, LAST]))


def steps_down(times: Sequence[int]) -> list[tuple[int, int]]:
    """(t, s) of each step down: from the first of `times` over the others to the clean image."""
    return list(pairwise([*times, CLEAN]))
