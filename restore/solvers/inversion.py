"""inversion: restoration by noise that the network amplifies, in place of noise that is added.

    x   = project(x, y)
    x_s = x + s z                      s = start · t, a little noise
    x_t = f(x_s, s, t)                 amplified to the level t, along the ODE upwards
    x_t = x_t + N(m - n)               where the noise n = x_t - x is drawn anew in part,
                                       m = sqrt(1 - fresh²) n + fresh · t · z'
    x   = D(x_t, t) or f(x_t, t, 0.002)

over falling levels t, and projected at last, two network evaluations each. The amplified noise is
that of the image itself, so that it comes back to it (Li and He 2024, arXiv 2403.18035, section 4):
nearer to the truth than from fresh noise of the level, and nearer to the start too, whose artefacts
it remembers as it does its details. N keeps what the observation leaves open: with fresh = 1 and a
mask, the noise of the known pixels is their own, and that of the hole is new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from restore.bcm import SIGMA_MIN
from restore.degradations import AnyDegradation, Degradation
from restore.degradations.degradation import Y
from restore.presets import Preset
from restore.solvers.estimate import estimate
from restore.solvers.method import Method
from restore.tiling import NoiseField, Place, TiledBCM


@torch.no_grad()
def inversion(
    denoiser: TiledBCM,
    degradation: Degradation[Y],
    y: Y,
    start: Tensor,
    preset: Preset,
    noise: NoiseField,
) -> Tensor:
    """The image (B, 3, H, W) in [-1, 1] that degrades to y, from `start`, which it overwrites.

    denoiser: the model over images of any size. degradation: A. y: what it gave. preset: the levels
    and what is done at each. noise: of B seeds. Every pixel goes through `preset.evaluations`
    network evaluations.
    """
    assert preset.start > 0, "nothing to amplify"
    x = start
    for step, t in enumerate(preset.levels):
        s = max(preset.start * t, SIGMA_MIN)
        x = degradation.posterior_mean(x, y, t, out=x)
        x_t = noise.add_(x.clone() if preset.fresh else x, s, 2 * step)
        x_t = denoiser.jump(x_t, s, t, out=x_t, ahead=1)
        if preset.fresh:
            x_t = renew_noise(x_t, x, t, preset.fresh, degradation, noise, 2 * step + 1)

        def restored(x_t: Tensor, places: Sequence[Place], t: float = t) -> Tensor:
            return estimate(denoiser, x_t, (1 + preset.delta) * t, preset)

        x = denoiser.over(restored, x_t, out=x_t)
    return degradation.project_into_range(x, y, out=x)


def renew_noise(
    x_t: Tensor,
    x: Tensor,
    t: float,
    share: float,
    degradation: AnyDegradation,
    noise: NoiseField,
    step: int,
) -> Tensor:
    """x_t, in place, with a share of its noise drawn anew where the observation says nothing.

    The two noises are joined so that their variance stays. x is overwritten.
    """
    nothing = degradation(torch.zeros_like(x))
    change = x.sub_(x_t).mul_(1 - math.sqrt(1 - share**2))  # m - n, x - x_t being -n
    change = noise.add_(change, share * t, step)
    return x_t.add_(degradation.project(change, nothing, out=change))


# Denoising has one level, where nothing is lifted.
INVERSION = Method(inversion, tasks=("inpaint", "superres", "deblur", "jpeg"), every=2)
