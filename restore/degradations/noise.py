"""Noise: the degradation that adds white noise of a known level, y = x + σ z.

A is the identity; what tells y from x is its noise. To project onto y is to take all of it, which
no one wants: what the observation is worth, `posterior_mean` weighs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError


@final
class Noise(Degradation[Tensor]):
    """sigma is the noise's standard deviation on [-1, 1]; y is an image."""

    def __init__(self, sigma: float) -> None:
        if not 0 < sigma < float("inf"):
            raise RequestError(f"noise of level {sigma:g}: expected a number above 0")
        self.sigma = sigma

    def __call__(self, x: Tensor) -> Tensor:
        return x.clone()

    def pinv(self, y: Tensor) -> Tensor:
        return y.clone()

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        return destination(x, out).copy_(y)

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        return out.lerp_(y, t**2 / (t**2 + self.sigma**2))

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        return x * float(gain(torch.tensor([self.sigma])))
