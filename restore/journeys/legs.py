"""Journey: a way through the noise levels; a leg of it is a sequence of levels.

    x ← x + sqrt(t² - s²) z      up to the first level t of a leg, from the level s reached so far
    x ← f(x, t, u)               from each level t of the leg to the next, u, up or down

A journey is data, a tuple of legs, and `travel` goes it. Generation begins with zeros at level 0,
so that its first leg starts from pure noise; inversion begins with an image and a little noise (Li
and He 2024, arXiv 2403.18035, whose recipes these are). Interpolation is spherical, between the
noise of two images (Song et al. 2021, arXiv 2010.02502).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.tiling import NoiseField, TiledBCM

Leg = Sequence[float]

RECIPES: dict[str, tuple[Leg, ...]] = {
    "one-step": ((80.0, 0.002),),
    "ancestral": ((80.0, 2.4, 0.002),),
    "zigzag": ((80.0, 0.002), (0.1, 1.2, 0.002)),
    "mixed": ((80.0, 3.0, 0.002), (0.12, 0.4, 0.002)),
}
INVERSIONS: dict[int, Leg] = {1: (0.07, 80.0), 2: (0.07, 15.0, 80.0)}  # by their jumps
RHO = 20.0  # of the levels between: what comes back from 80 gains 1 to 2 dB on 7, as in EDM


def count_jumps(legs: Sequence[Leg]) -> int:
    """Network evaluations of a journey: the jumps of its legs."""
    return sum(len(leg) - 1 for leg in legs)


@torch.no_grad()
def travel(
    denoiser: TiledBCM, x: Tensor, *legs: Leg, noise: NoiseField, level: float = 0.0
) -> Tensor:
    """The image x (1, 3, H, W) of noise level `level` at the end of the legs; x is overwritten.

    Leg i takes its fresh noise from step i of `noise`. ValueError for a leg that begins below the
    level reached, since noise is added and never taken away, or leaves [0.002, 80].
    """
    for step, leg in enumerate(legs):
        if not leg or not all(SIGMA_MIN <= t <= SIGMA_MAX for t in leg):
            raise ValueError(f"the leg {tuple(leg)} leaves [{SIGMA_MIN}, {SIGMA_MAX:g}]")
        if leg[0] < level:
            raise ValueError(f"a leg from {leg[0]:g} cannot follow on level {level:g}")
        noise.add_(x, math.sqrt(leg[0] ** 2 - level**2), step)
        for t, u in itertools.pairwise(leg):
            x = denoiser.jump(x, t, u, out=x)
        level = leg[-1]
    return x


def draw_sample(
    denoiser: TiledBCM,
    size: tuple[int, int],
    legs: Sequence[Leg] = RECIPES["ancestral"],
    *,
    noise: NoiseField,
) -> Tensor:
    """A sample (1, 3, H, W) of `size` (width, height): the journey from zeros."""
    x = torch.zeros(1, 3, size[1], size[0], device=denoiser.device)
    return travel(denoiser, x, *legs, noise=noise)


def build_ladder(start: float, level: float, nfe: int) -> Leg:
    """The nfe + 1 levels from `start` up to `level`, even in level^(1/RHO), nearly the logarithm.

    What comes back of a picture is measurably more than by the published level between, 15.
    ValueError unless SIGMA_MIN <= start <= level <= SIGMA_MAX and nfe is 1 or more.
    """
    if not SIGMA_MIN <= start <= level <= SIGMA_MAX or nfe < 1:
        raise ValueError(f"no ladder leads from {start:g} to {level:g} in {nfe} jumps")
    low, high = start ** (1 / RHO), level ** (1 / RHO)
    roots = (((nfe - i) * low + i * high) / nfe for i in range(1, nfe))
    inner = (min(max(root**RHO, start), level) for root in roots)  # not past them by rounding
    return (start, *inner, level)


def climb(denoiser: TiledBCM, x: Tensor, levels: Leg, *, noise: NoiseField) -> Tensor:
    """The latent (1, 3, H, W) of an image x at the last of the rising levels."""
    return travel(denoiser, x.clone(), levels, noise=noise)


def descend(denoiser: TiledBCM, latent: Tensor, levels: Leg, *, noise: NoiseField) -> Tensor:
    """The image (1, 3, H, W) of a latent: down the levels it went up, less the noise of the start.

    The noise is known, being that of the seed; taking it away loses less than a last jump below
    the start would.
    """
    down = tuple(reversed(levels))
    x = travel(denoiser, latent.clone(), down, noise=noise, level=down[0])
    return noise.add_(x, -down[-1])


@torch.no_grad()
def refine(
    denoiser: TiledBCM, x: Tensor, latent: Tensor, levels: Leg, times: int, *, noise: NoiseField
) -> tuple[Tensor, Tensor]:
    """A latent that comes back nearer to x than its own `latent` does, and what it comes back to.

        y ← y + (x - R(I(y))),   from y = x        I: inversion, R: reconstruction

    ends where R(I(y)) = x. Of the latents I(y) of `times` such corrections and the first, the
    nearest is taken. Each correction costs a trip up and down.
    """
    y = x
    back = descend(denoiser, latent, levels, noise=noise)
    best = latent, back
    for _ in range(times):
        y = y + (x - back)
        latent = climb(denoiser, y, levels, noise=noise)
        back = descend(denoiser, latent, levels, noise=noise)
        if _error(back, x) < _error(best[1], x):
            best = latent, back
    return best


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The latent at `share`, 0 (a) to 1 (b), of the way from a to b on the sphere between them.

        sin((1 - share) θ) / sin θ a + sin(share θ) / sin θ b,   θ the angle between a and b

    so that two noises give a noise. The ends are a and b exactly.
    """
    if share in (0, 1):
        return (b if share else a).clone()
    flat = a.double().flatten(), b.double().flatten()
    cosine = flat[0] @ flat[1] / (flat[0].norm() * flat[1].norm())
    theta = math.acos(min(max(float(cosine), -1.0), 1.0))
    if math.sin(theta) < 1e-4:  # one direction, or two opposite ones with no sphere to choose
        return torch.lerp(a, b, share)
    weights = (math.sin((1 - share) * theta), math.sin(share * theta))
    return (weights[0] * a + weights[1] * b) / math.sin(theta)


def _error(x: Tensor, reference: Tensor) -> float:
    """Mean squared error of an image within its range."""
    return float((x.clamp(-1, 1) - reference).square().mean())
