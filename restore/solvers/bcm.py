"""bcm: our own solver, a few network calls with an exact projection after each.

    x_t = x + noise · t · z                                  (in fidelity mode nothing is added)
    x0  = D(x_t, (1 + δ) t)  or  f(x_t, (1 + δ) t, 0.002)
    x   = project(x0 + relaxation · (x0 - x), y)

over falling levels t. The denoiser gives the mean (best PSNR), the jump the end of the ODE's path
(best perception). `Preset` holds the levels and what else was tuned. Consistency editing (Song et
al. 2023, arXiv 2303.01469, algorithm 4) is the special case of the jump with noise 1; the
projection in place of a replacement, the δ and the small noise share follow few-step consistency
solvers (CM4IR, Garber and Tirer 2024, arXiv 2412.20596).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints.catalogue import Preset
from restore.degradations import Degradation
from restore.tiling import NoiseField, Range, Tile, tiled

ORIENTATIONS = ((), (3,), (2,), (2, 3))  # axes mirrored: the flips whose results are averaged


def spread(preset: Preset, nfe: int) -> Preset:
    """A preset for exactly `nfe` network evaluations, its levels interpolated in their logarithm.

    Flips are kept where they divide `nfe`, else dropped.
    """
    flips = preset.flips if nfe % preset.flips == 0 else 1
    steps = nfe // flips
    logs = [math.log(level) for level in preset.levels]
    if steps == len(logs):
        return replace(preset, flips=flips)
    at = np.linspace(0, len(logs) - 1, steps) if steps > 1 else [(len(logs) - 1) / 2]
    levels = np.exp(np.interp(at, range(len(logs)), logs))
    return replace(preset, levels=tuple(float(level) for level in levels), flips=flips)


@torch.inference_mode()
def bcm(
    model: BCM,
    degradation: Degradation,
    y: object,
    start: Tensor,
    preset: Preset,
    noise: NoiseField,
    *,
    tile: Tile = "auto",
    label: Tensor | None = None,
    progress: Callable[[], object] | None = None,
) -> Tensor:
    """The image (1, 3, H, W) in [-1, 1] that degrades to y, from `start`, which it overwrites.

    Every pixel goes through len(preset.levels) · preset.flips network evaluations. `progress` is
    called after each window.
    """
    x = start
    for step, level in enumerate(preset.levels):

        def restored(
            window: Tensor, rows: Range, columns: Range, step: int = step, level: float = level
        ) -> Tensor:
            x_t = window
            if preset.noise:
                z = noise(step, rows, columns).to(window.device)
                x_t = torch.add(window, z, alpha=preset.noise * level)
            x0 = estimated(model, x_t, (1 + preset.delta) * level, preset, label)
            if progress:
                progress()
            return torch.lerp(window, x0, 1 + preset.relaxation)

        x = tiled(model, restored, x, tile=tile)
        x = degradation.project(x, y, out=x)
    return degradation.settle(x, y, out=x)


def estimated(model: BCM, x: Tensor, t: float, preset: Preset, label: Tensor | None) -> Tensor:
    """The clean image by the preset's estimator, its mean over `preset.flips` mirrored runs."""
    total = torch.zeros_like(x)
    for axes in ORIENTATIONS[: preset.flips]:
        mirrored = x.flip(axes) if axes else x
        if preset.estimator == "denoise":
            x0 = model.denoise(mirrored, t, label)
        else:
            x0 = model.jump(mirrored, t, SIGMA_MIN, label)
        total += x0.flip(axes) if axes else x0
    return total.div_(preset.flips)
