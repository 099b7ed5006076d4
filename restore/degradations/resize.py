"""Resize: the degradation that shrinks an image as Pillow's antialiased bicubic does.

    y = Ah x Awᵀ,    A⁺ y = Ah⁺ y (Aw⁺)ᵀ,    A⁺ = Aᵀ (A Aᵀ)⁻¹

One 1-D matrix a side (Keys' cubic with a = -1/2, stretched by the factor). Row i of A has taps
near i alone, and so, to any accuracy, does A⁺, since A is well conditioned: both are kept as dense
blocks along the diagonal, and no size of image is too large.

Where y has noise, x + Aᵀ f(A Aᵀ) (y - A x) with f(λ) = t² / (t² λ + σ²) is what its posterior mean
wants. f is summed as a series of Chebyshev polynomials in A Aᵀ, which has such a diagonal too, on
the interval of its eigenvalues: for a condition number κ each term is (√κ + 1) / (√κ - 1) times
smaller than the one before (Trefethen, Approximation Theory and Approximation Practice, theorem
8.2), and κ is 4.4 for the bicubic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from restore.degradations.band import Band, make_band
from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError

NEGLIGIBLE = 1e-7  # entries of A⁺ that may be left out; its largest are near 1
SECTION = 256  # samples of a side whose eigenvalues stand for those of a longer one
NODES = 512  # of a series at most
PRECISION = 1e-6  # of its coefficients: less is nothing to pixels of 8 bits, nor of 16


@final
class Resize(Degradation[Tensor]):
    """From `large` = (H, W) to `small` = (h, w), any sizes with h <= H and w <= W.

    y is (B, C, h, w), with noise of level `sigma` on [-1, 1], 0 where it is an exact reduction.
    Agrees with Pillow's resize of floats (mode F, BICUBIC) to its rounding. Raises RequestError for
    a small size that is empty or larger than the large one.
    """

    onto = True

    def __init__(self, large: tuple[int, int], small: tuple[int, int], sigma: float = 0.0) -> None:
        if not all(1 <= m <= n for n, m in zip(large, small, strict=True)):
            raise RequestError(
                f"from {large[1]}×{large[0]} to {small[1]}×{small[0]} pixels is no reduction: "
                "expected at least one pixel, and no side longer than it was"
            )
        self.large, self.small, self.sigma = tuple(large), tuple(small), sigma
        self._h, self._w = (_Side(n, m) for n, m in zip(large, small, strict=True))

    def __call__(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == self.large, (x.shape, self.large)
        y = x.new_empty((*x.shape[:-2], *self.small))
        for rows, strip in self._h.a.to(x).times(x, self._w.a.to(x)):
            y[..., rows, :] = strip
        return y

    def pinv(self, y: Tensor) -> Tensor:
        assert y.shape[-2:] == self.small, (y.shape, self.small)
        x = y.new_empty((*y.shape[:-2], *self.large))
        for rows, strip in self._h.pinv.to(y).times(y, self._w.pinv.to(y)):
            x[..., rows, :] = strip
        return x

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        ph, pw = self._h.pinv.to(x), self._w.pinv.to(x)
        for c in range(x.shape[1]):
            residual = self(out[:, c]).sub_(y[:, c])
            for rows, strip in ph.times(residual, pw):
                out[:, c, rows] -= strip
        return out

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return self.project(x, y, out)
        rho = (self.sigma / t) ** 2
        out = destination(x, out)
        for c in range(x.shape[1]):
            residual = y[:, c] - self(out[:, c])
            self._add(out[:, c], residual, lambda powers: 1 / (powers + rho))
        return out

    def hold(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Where y has noise, x is as far off as its residual tells, beyond that noise:

            t² = (|y - A x|² / n - σ²) / (tr A Aᵀ / n),    n samples in y,

        and what comes out is the posterior mean about x of that level.
        """
        if self.sigma == 0:
            return super().hold(x, y, out)
        excess = float((y - self(x)).square().mean()) - self.sigma**2
        if excess > 0:
            x = out = self.posterior_mean(x, y, math.sqrt(excess / self._mean_power), out)
        return torch.clamp(x, -1, 1, out=out)

    @property
    def _mean_power(self) -> float:
        """The mean of A Aᵀ's eigenvalues."""
        return self._h.mean_power * self._w.mean_power

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        if self.sigma == 0:
            return super().spectral_filter(x, gain)
        erased = float(gain(torch.tensor([math.inf])))
        out = erased * x
        for c in range(x.shape[1]):
            self._add(
                out[:, c],
                self(x[:, c]),
                lambda powers: (gain(self.sigma / powers.sqrt()) - erased) / powers,
            )
        return out

    def _add(self, out: Tensor, v: Tensor, f: Callable[[Tensor], Tensor]) -> None:
        """Adds Aᵀ f(A Aᵀ) v, of images (B, h, w), to `out`; f works element by element."""
        low, high = (a * b for a, b in zip(self._h.powers, self._w.powers, strict=True))
        middle, half = (high + low) / 2, (high - low) / 2
        angles = (torch.arange(NODES, dtype=torch.float64) + 0.5) * (math.pi / NODES)
        degrees = torch.arange(NODES, dtype=torch.float64)
        values = f(middle + half * angles.cos()).double()
        series = (degrees[:, None] * angles).cos() @ values * (2 / NODES)
        series[0] /= 2
        count = int((series.abs() > PRECISION * series.abs().max()).nonzero().max()) + 1
        gram_h, gram_w = self._h.gram.to(v), self._w.gram.to(v)

        def shifted(u: Tensor) -> Tensor:
            product = torch.cat([strip for _, strip in gram_h.times(u, gram_w)], dim=-2)
            return product.sub_(u, alpha=middle).div_(half)

        total, before, now = float(series[0]) * v, v, v
        for k in range(1, count):
            before, now = now, shifted(now) if k == 1 else 2 * shifted(now) - before
            total.add_(now, alpha=float(series[k]))
        for rows, strip in self._h.transpose.to(v).times(total, self._w.transpose.to(v)):
            out[..., rows, :] += strip


class _Side:
    """One side's matrices from n to m samples, each made when it is first asked for.

    A (m, n), Aᵀ, A⁺ (n, m), A Aᵀ, and the range of A Aᵀ's eigenvalues; all but A and A⁺ are for an
    observation with noise.
    """

    def __init__(self, n: int, m: int) -> None:
        self.n, self.m = n, m
        self._scale = n / m
        self._centre = (torch.arange(m, dtype=torch.float64) + 0.5) * self._scale
        self._first = (self._centre - 2 * self._scale + 0.5).clamp(min=0).long()
        self._last = (self._centre + 2 * self._scale + 0.5).clamp(max=n).long()

    @cached_property
    def a(self) -> Band:
        return make_band(self.m, self._rows_of_a)

    @cached_property
    def transpose(self) -> Band:
        return make_band(self.n, self._rows_of_transpose)

    @cached_property
    def pinv(self) -> Band:
        return make_band(self.n, self._rows_of_pinv)

    @cached_property
    def gram(self) -> Band:
        return make_band(self.m, self._rows_of_gram)

    @cached_property
    def powers(self) -> tuple[float, float]:
        """The least and the largest eigenvalue of A Aᵀ, with some room."""
        if self.m > SECTION:
            return _Side(round(SECTION * self._scale), SECTION).powers
        _, _, whole = self._rows_of_a(0, self.m)
        eigenvalues = torch.linalg.eigvalsh(whole @ whole.mT)
        return 0.99 * float(eigenvalues[0]), 1.01 * float(eigenvalues[-1])

    @cached_property
    def mean_power(self) -> float:
        """The mean of the eigenvalues."""
        found = [
            block.diagonal(rows.start - columns.start) for rows, columns, block in self.gram.blocks
        ]
        return float(torch.cat(found).mean())

    def _rows_of_a(self, a: int, b: int) -> tuple[int, int, Tensor]:
        """Rows a to b of A as (first column, column after the last, block)."""
        start, stop = int(self._first[a]), int(self._last[b - 1])
        at = torch.arange(start, stop)
        weights = _cubic((at + 0.5 - self._centre[a:b, None]) / self._scale)
        weights *= (at >= self._first[a:b, None]) & (at < self._last[a:b, None])
        return start, stop, weights / weights.sum(dim=1, keepdim=True)

    def _touching(self, a: int, b: int) -> tuple[int, int]:
        """Between which rows of A lie all that have taps in columns a to b."""
        top, bottom = (
            torch.searchsorted(self._last, a, right=True),
            torch.searchsorted(self._first, b),
        )
        return int(top), int(bottom)

    def _rows_of_transpose(self, a: int, b: int) -> tuple[int, int, Tensor]:
        top, bottom = self._touching(a, b)
        top, bottom = min(top, self.m - 1), max(bottom, top + 1)
        start, stop, some = self._rows_of_a(top, bottom)
        columns = torch.arange(a, b)
        inside = (columns >= start) & (columns < stop)
        block = some.new_zeros(b - a, bottom - top)
        block[inside] = some[:, columns[inside] - start].mT
        return top, bottom, block

    def _rows_of_gram(self, a: int, b: int) -> tuple[int, int, Tensor]:
        start, stop, these = self._rows_of_a(a, b)
        top, bottom = self._touching(start, stop)
        begin, _, those = self._rows_of_a(top, bottom)
        return top, bottom, these @ those[:, start - begin : stop - begin].mT

    def _rows_of_pinv(self, a: int, b: int) -> tuple[int, int, Tensor]:
        """Rows a to b of A⁺, from the rows of A nearby: as many as still make a difference."""
        near = self._touching(a, b)
        reach = 16
        while True:
            top, bottom = max(near[0] - reach, 0), min(near[1] + reach, self.m)
            start, _, some = self._rows_of_a(top, bottom)
            block = torch.linalg.solve(some @ some.mT, some[:, a - start : b - start]).mT
            size = block.abs().amax(dim=0)
            cut = [size[0] if top > 0 else 0, size[-1] if bottom < self.m else 0]
            if max(cut) < NEGLIGIBLE:
                break
            reach *= 2
        kept = torch.nonzero(size >= NEGLIGIBLE)
        left, right = int(kept.min()), int(kept.max()) + 1
        return top + left, top + right, block[:, left:right].contiguous()


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -1/2 (Keys 1981, eq. 15)."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
