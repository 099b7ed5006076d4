"""Sharpen: the unsharp mask that cameras and editors apply, y = x + a (x - g * x).

    A = C⁻¹ diag(h) C,    h(ω) = 1 + a (1 - exp(-r² |ω|² / 2))

with g the Gaussian of deviation r and C the cosine transform (DCT-II), which makes it diagonal on
an image that goes on mirrored beyond its edges. h is from 1 to 1 + a, so that A reaches every image
and its inverse is a mild blur.
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
class Sharpen(Degradation[Tensor]):
    """size is (H, W) of images and of y. amount: a, 0 or more. radius: r, in pixels, above 0.

    Works channel by channel. Raises RequestError for no such amount or radius.
    """

    onto = True

    def __init__(self, size: tuple[int, int], amount: float, radius: float = 1.0) -> None:
        if not (0 <= amount < math.inf and 0 < radius < math.inf):
            raise RequestError(
                f"sharpening by {amount:g} with a radius of {radius:g}: expected 0 or more, and "
                "a radius above 0"
            )
        self.size, self.amount, self.radius = size, amount, radius

    def __call__(self, x: Tensor) -> Tensor:
        return self._filter(x, lambda h: h)

    def pinv(self, y: Tensor) -> Tensor:
        return self._filter(y, lambda h: 1 / h)

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        return destination(x, out).copy_(self.pinv(y))  # one image alone degrades to y

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return self.project(x, y, out)
        share = (self.sigma / t) ** 2
        missing = self._filter(y - self(x), lambda h: h / (h**2 + share))
        return destination(x, out).add_(missing)

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        return self._filter(x, lambda h: gain(self.sigma / h))

    def _filter(self, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """x with the mirrored spectrum of each channel multiplied by a function of h."""
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        height, width = self.size
        rows = torch.fft.fftfreq(2 * height, device=x.device)[:, None]
        columns = torch.fft.rfftfreq(2 * width, device=x.device)
        square = (2 * math.pi) ** 2 * (rows**2 + columns**2)
        h = 1 + self.amount * (1 - torch.exp(-(self.radius**2) * square / 2))
        weight, planes = change(h), []
        for plane in x.unbind(1):
            mirrored = torch.cat([plane, plane.flip(-2)], dim=-2)
            mirrored = torch.cat([mirrored, mirrored.flip(-1)], dim=-1)
            spectrum = torch.fft.rfft2(mirrored) * weight
            planes.append(torch.fft.irfft2(spectrum, s=mirrored.shape[-2:])[..., :height, :width])
        return torch.stack(planes, dim=1)
