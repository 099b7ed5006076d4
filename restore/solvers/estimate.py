"""Estimate: the clean image that the network sees in noisy windows of one."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.bcm import SIGMA_MIN
from restore.networks import FilteredNoise
from restore.presets import Preset
from restore.tiling import TiledBCM

AXES: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))  # mirrored
ORIENTATIONS = tuple((turned, axes) for turned in (False, True) for axes in AXES)


def estimate(
    denoiser: TiledBCM,
    x: Tensor,
    t: float,
    preset: Preset,
    step: int = 0,
    noise: FilteredNoise | None = None,
) -> Tensor:
    """Of windows x, the clean ones by the preset's estimator, their mean over `preset.flips` runs.

    Each sees them in another orientation: mirrored, and from the fifth on transposed too. Where
    the preset turns, those of a `step`, counted from 0, follow on those of the step before. t is
    the level of white noise in x, unless x is what the filter for another `noise` left.
    """
    total = torch.zeros_like(x)
    first = step * preset.flips if preset.turns else 0
    for run in range(first, first + preset.flips):
        turned, axes = ORIENTATIONS[run % len(ORIENTATIONS)]

        def turn(x: Tensor, turned: bool = turned, axes: tuple[int, ...] = axes) -> Tensor:
            mirrored = x.flip(axes) if axes else x
            return mirrored.mT if turned else mirrored

        mirrored = turn(x)
        if noise is not None:
            x0 = denoiser.model.denoise_filtered(mirrored, noise.through(turn))
        elif preset.estimator == "denoise":
            x0 = denoiser.model.denoise(mirrored, t, denoiser.label)
        elif preset.estimator == "secant":
            x0 = denoiser.model.secant(mirrored, t, preset.aim * t, denoiser.label)
        else:
            x0 = denoiser.model.jump(mirrored, t, SIGMA_MIN, denoiser.label)
        x0 = x0.mT if turned else x0
        total += x0.flip(axes) if axes else x0
    return total.div_(preset.flips)
