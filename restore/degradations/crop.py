"""Crop: the degradation that keeps a window of an image, y = x[top : top + h, left : left + w].

Its pseudo-inverse puts the window back among zeros. With a JPEG outside it is a picture whose
blocks do not begin at its corner: `Composed(jpeg, crop)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError


@final
class Crop(Degradation[Tensor]):
    """From `size` = (H, W), the window of `small` = (h, w) at `corner` = (top, left), in pixels.

    y is (B, C, h, w). Raises RequestError for a window that is empty or reaches outside.
    """

    onto = True

    def __init__(
        self, size: tuple[int, int], corner: tuple[int, int], small: tuple[int, int]
    ) -> None:
        if not all(
            at >= 0 and part >= 1 and at + part <= side
            for side, at, part in zip(size, corner, small, strict=True)
        ):
            raise RequestError(
                f"a window of {small[1]}×{small[0]} pixels at column {corner[1]}, row {corner[0]}: "
                f"expected one inside {size[1]}×{size[0]} pixels"
            )
        self.size, self.small = tuple(size), tuple(small)
        rows, columns = (slice(at, at + part) for at, part in zip(corner, small, strict=True))
        self._window: tuple[slice, slice] = rows, columns

    def __call__(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        return x[..., *self._window].clone()

    def pinv(self, y: Tensor) -> Tensor:
        assert y.shape[-2:] == self.small, (y.shape, self.small)
        x = y.new_zeros((*y.shape[:-2], *self.size))
        x[..., *self._window] = y
        return x

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        out[..., *self._window] = y
        return out

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        out[..., *self._window].lerp_(y, t**2 / (t**2 + self.sigma**2))
        return out

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        kept, erased = gain(torch.tensor([self.sigma, math.inf])).tolist()
        out: Tensor = erased * x
        out[..., *self._window] = kept * x[..., *self._window]
        return out
