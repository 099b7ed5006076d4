"""Gradient: J(x)ᵀ v, the derivative of the denoiser at x against a direction v of clean images.

A method finds v by the clean image of the whole picture. So x goes through the network twice: once
for that estimate, and once more, window by window, with all that the way back needs kept. The way
back takes as much again, since the weights need no gradient. So a gradient is counted as three
network evaluations, and memory is that of one window, at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.tiling import Place, TiledBCM, up_to

COST = 3
GRADIENT_TILE = 384  # what "auto" means here: what is remembered of a window takes a gigabyte


def vjp(denoiser: TiledBCM, x: Tensor, v: Tensor, t: float) -> Tensor:
    """J(x)ᵀ v of the denoiser at level t, both (B, 3, H, W), in v's place.

    What a pixel's gradient depends on lies within twice the receptive field, once there and once
    back, so each window is worked with a second margin of its own. A network with global attention
    gets the gradient of each of its windows, blended. Progress is told of it twice a window.
    """
    height, width = x.shape[-2:]
    network = denoiser.network
    field, stride = network.receptive_field, network.stride
    margin = 0 if field is None else up_to(field, stride)
    end = None if field is None else (up_to(height, stride), up_to(width, stride))

    def pulled(window: Tensor, places: Sequence[Place]) -> Tensor:
        ((rows, columns),) = places
        (top, bottom), (left, right) = (
            (max(start - margin, 0), min(stop + margin, whole) if end else stop)
            for (start, stop), whole in zip((rows, columns), end or (0, 0), strict=True)
        )
        inside = (slice(None), slice(None), slice(top, bottom), slice(left, right))
        known = x[inside].detach().clone()
        beyond = (0, right - left - known.shape[3], 0, bottom - top - known.shape[2])
        direction = F.pad(given[inside], beyond)
        with torch.enable_grad():
            leaf = known.requires_grad_()
            x0 = denoiser.model.denoise(F.pad(leaf, beyond, mode="replicate"), t, denoiser.label)
            (gradient,) = torch.autograd.grad(x0, leaf, direction)
        out = F.pad(gradient, beyond)
        return out[
            :, :, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left
        ].contiguous()  # fmt: skip

    given = v.clone()
    return replace(denoiser, batch=1).over(pulled, v, out=v, evaluations=2)
