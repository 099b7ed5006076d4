"""Coloured noise: Gaussian, of one level below a frequency and another above it, and its filter.

    w = w_high + (w_low - w_high) ℓ,    w_low = s² / (s² + low²),    w_high = s² / (s² + high²)

is what Wiener's filter keeps of each frequency, of images whose own spectrum is flat with a
standard deviation s; ℓ is a low-pass along rows and columns. There the noise is of the level
s sqrt(1 / w - 1): `low` below the cut, `high` above. With a `high` of 80 that is what an
enlargement knows: what is in the small picture nearly exactly, and nothing of what is finer. Levels
alike are white noise, and the filter keeps all: its scale is left out, so that what lies below the
cut comes out as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.degradations.band import Band, make_band
from restore.networks.function import SIGMA_DATA

LOBES = 5  # of the low-pass's sinc, to each side
UNKNOWN = 0.14  # over the cut: the level of white noise that leaves as much open as no detail does


@dataclass(frozen=True)
class ColouredNoise:
    """What is known of it, for each image of a batch or for all.

    low, high: (B,) or (1,), levels in [0.002, 80], the first at most the second. cut: of the same
    shape, a share of the highest frequency of rows and columns, above 0 and below 1.
    """

    low: Tensor
    high: Tensor
    cut: Tensor

    @classmethod
    def of(cls, low: float, high: float, cut: float, like: Tensor) -> ColouredNoise:
        """That of all images of a batch, on its device; `low` is held to `high`."""
        levels = (min(low, high), high, cut)
        return cls(*(torch.full((1,), value, device=like.device) for value in levels))

    @property
    def level(self) -> Tensor:
        """The level of white noise that leaves about as much unknown.

        t² = low² + b m² / (b + m²) with b = high² - low²: of fine detail no more can be unknown
        than there is, which is m = 0.14 / cut.
        """
        beyond = (self.high**2 - self.low**2).clamp(min=0)
        most = (UNKNOWN / self.cut) ** 2
        return (self.low**2 + beyond * most / (beyond + most)).sqrt()

    @property
    def spectrum(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the network is told of it."""
        return self.level, self.low, self.high, self.cut

    @property
    def plane(self) -> None:
        """None: all pixels have as much of it."""

    @property
    def kept(self) -> Tensor:
        """w_high / w_low, what the filter keeps above the cut."""
        return (SIGMA_DATA**2 + self.low**2) / (SIGMA_DATA**2 + self.high**2)

    def through(self, change: Callable[[Tensor], Tensor]) -> ColouredNoise:
        """That of images which `change` has cut or turned: the same, in rows and columns alike."""
        return self

    @torch.no_grad()
    def filter(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Images x (B, C, H, W) of any size through the filter, w / w_low, one for all.

        out: where the result goes, which may be x itself.
        """
        out = x.clone() if out is None else out if out is x else out.copy_(x)
        cut, kept = float(self.cut), float(self.kept)
        rows, columns = (low_pass_band(side, cut).to(x) for side in x.shape[-2:])
        for plane in out.unbind(1):
            smooth = torch.empty_like(plane)
            for at, strip in rows.times(plane, columns):
                smooth[..., at, :] = strip
            plane.mul_(kept).add_(smooth, alpha=1 - kept)
        return out


def low_pass(distance: Tensor) -> Tensor:
    """ℓ's taps at distances in samples times the cut, not yet brought to a sum of 1."""
    inside = distance.abs() < LOBES
    return torch.sinc(distance) * torch.sinc(distance / LOBES) * inside


@functools.lru_cache(maxsize=8)
def low_pass_band(n: int, cut: float) -> Band:
    """ℓ on lines of n samples, where it ends at an edge brought to a sum of 1."""
    reach = int(LOBES / cut) + 1

    def rows(a: int, b: int) -> tuple[int, int, Tensor]:
        start, stop = max(a - reach, 0), min(b + reach, n)
        at = torch.arange(start, stop, dtype=torch.float64)
        taps = low_pass((at - torch.arange(a, b)[:, None]) * cut)
        return start, stop, taps / taps.sum(dim=1, keepdim=True)

    return make_band(n, rows)
