"""Mask: the degradation that keeps some pixels, y = m x; the others are a hole."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation
from restore.errors import RequestError


@final
class Mask(Degradation[Tensor]):
    """known is (1, 1, H, W) bool, True where the pixel is given; y is an image, 0 in the hole.

    What an observation holds inside the hole makes no difference.
    """

    def __init__(self, known: Tensor) -> None:
        if known.dtype != torch.bool or known.ndim != 4 or known.shape[:2] != (1, 1):
            raise RequestError(
                f"a mask of {tuple(known.shape)} {known.dtype}, expected (1, 1, H, W) of bool"
            )
        self.known = known

    def __call__(self, x: Tensor) -> Tensor:
        return torch.where(self.known.to(x.device), x, 0)

    def pinv(self, y: Tensor) -> Tensor:
        return self(y)

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        known = self.known.to(x.device)
        if out is None:
            return torch.where(known, y, x)
        return torch.where(known, y, x, out=out)
