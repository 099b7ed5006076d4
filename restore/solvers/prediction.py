"""Prediction: the clean image that the network sees in a noisy one of any size, window by window.

`mean` is the denoiser's E[x | x_t], `sample` the end of the ODE's path, where a consistency model
jumps. Both take one network evaluation and leave the noisy image as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.tiling import Range, Tile, tiled


def mean(
    model: BCM,
    x: Tensor,
    t: float,
    *,
    tile: Tile,
    label: Tensor | None,
    progress: Callable[[], object] | None,
) -> Tensor:
    """E[x | x_t], of x (B, 3, H, W) at level t. `progress` is called after each window."""

    def denoised(window: Tensor, rows: Range, columns: Range) -> Tensor:
        window = model.denoise(window, t, label)
        if progress:
            progress()
        return window

    return tiled(model, denoised, x.clone(), tile=tile)


def sample(
    model: BCM,
    x: Tensor,
    t: float,
    *,
    tile: Tile,
    label: Tensor | None,
    progress: Callable[[], object] | None,
) -> Tensor:
    """f(x_t, t, 0.002), of x (B, 3, H, W) at level t. `progress` is called after each window."""

    def jumped(window: Tensor, rows: Range, columns: Range) -> Tensor:
        window = model.jump(window, t, SIGMA_MIN, label)
        if progress:
            progress()
        return window

    return tiled(model, jumped, x.clone(), tile=tile)
