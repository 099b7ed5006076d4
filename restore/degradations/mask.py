"""Mask: the degradation that keeps some pixels, y = m x + σ z; the others are a hole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError


@final
class Mask(Degradation[Tensor]):
    """known is (1, 1, H, W) bool, True where the pixel is given; y is an image, 0 in the hole.

    What an observation holds inside the hole makes no difference. sigma is the noise of the known
    pixels on [-1, 1], 0 where they are exact.
    """

    def __init__(self, known: Tensor, sigma: float = 0.0) -> None:
        if known.dtype != torch.bool or known.ndim != 4 or known.shape[:2] != (1, 1):
            raise RequestError(
                f"a mask of {tuple(known.shape)} {known.dtype}, expected (1, 1, H, W) of bool"
            )
        self.known, self.hole, self.sigma = known, ~known, sigma

    def __call__(self, x: Tensor) -> Tensor:
        return torch.where(self.known.to(x.device), x, 0)

    def pinv(self, y: Tensor) -> Tensor:
        return self(y)

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        known = self.known.to(x.device)
        if out is None:
            return torch.where(known, y, x)
        return torch.where(known, y, x, out=out)

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return self.project(x, y, out)
        known, weight = self.known.to(x.device), t**2 / (t**2 + self.sigma**2)
        return torch.where(known, torch.lerp(x, y, weight), x, out=destination(x, out))

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        kept, erased = gain(torch.tensor([self.sigma, math.inf])).tolist()
        return x * torch.where(self.known.to(x.device), kept, erased)
