"""Estimate: the clean image that the network sees in a noisy one."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints.catalogue import Preset

ORIENTATIONS = ((), (3,), (2,), (2, 3))  # axes mirrored: the flips whose results are averaged


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
