"""Draws: several runs of one problem from different noise, their mean and their spread.

    mean = Σ x_k / K,    spread² = Σ (x_k - mean)² / (K - 1),  averaged over the channels

Every draw degrades to the observation, and so does their mean, since the images that do are a
convex set. Both figures run along (Welford 1962), so that memory holds one image of each, however
many are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from restore.tiling import WINDOW_PIXELS

STRIP = 256  # rows at a time
MOST_AT_ONCE = 8
APART = ("bcm", "inversion")  # methods that work each image of a batch by itself

Draw = Callable[[Sequence[int]], Tensor]
"""Called with seeds, it gives their images (B, 3, H, W)."""


def batch_of(samples: int, size: tuple[int, int], method: str, pixels: int = WINDOW_PIXELS) -> int:
    """How many draws of a size go through the network at once, in so many pixels at most."""
    if method not in APART:
        return 1
    return max(1, min(samples, MOST_AT_ONCE, pixels // (size[0] * size[1])))


def mean_and_spread(draw: Draw, seeds: Sequence[int], batch: int) -> tuple[Tensor, Tensor | None]:
    """The mean (1, 3, H, W) of the draws of all seeds and their spread (H, W), if they are several.

    Both in the units of the images.
    """
    if len(seeds) == 1:
        return draw(seeds), None
    mean: Tensor | None = None
    squares = torch.empty(0)
    count = 0
    for first in range(0, len(seeds), batch):
        for x in draw(seeds[first : first + batch]).split(1):
            count += 1
            if mean is None:
                mean, squares = x.clone(), x.new_zeros(x.shape[-2:])
                continue
            for top in range(0, x.shape[-2], STRIP):
                rows = slice(top, top + STRIP)
                change = x[:, :, rows] - mean[:, :, rows]
                mean[:, :, rows].add_(change, alpha=1 / count)
                squares[rows].add_(change.square().mean(dim=1)[0], alpha=1 - 1 / count)
    assert mean is not None, "no seeds"
    return mean, squares.div_(count - 1).sqrt_()
