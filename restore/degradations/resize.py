"""Resize: the degradation that shrinks an image as Pillow's antialiased bicubic does.

    y = Ah x Awᵀ,    A⁺ y = Ah⁺ y (Aw⁺)ᵀ,    A⁺ = Aᵀ (A Aᵀ)⁻¹

One 1-D matrix a side (Keys' cubic with a = -1/2, stretched by the factor). Row i of A has taps
near i alone, and so, to any accuracy, does A⁺, since A is well conditioned: both are kept as dense
blocks along the diagonal, and no size of image is too large.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError

ROWS = 64  # of a block
STRIP = 1 << 21  # numbers worked on at once
NEGLIGIBLE = 1e-9  # entries of A⁺ that may be left out; its largest are near 1


@dataclass(frozen=True)
class Band:
    """A matrix as blocks of its rows: for each, which rows, which columns, and the dense block."""

    blocks: tuple[tuple[slice, slice, Tensor], ...]

    def to(self, x: Tensor) -> Band:
        """The band on the device and in the dtype of x."""
        return Band(tuple((rows, columns, block.to(x)) for rows, columns, block in self.blocks))

    def times(self, x: Tensor, columns: Band) -> Iterator[tuple[slice, Tensor]]:
        """self @ x @ columnsᵀ for x (..., n, m), as strips of rows, one after the other."""
        width = max(x.shape[-1], columns.blocks[-1][0].stop)
        group = max(1, STRIP // (math.prod(x.shape[:-2]) * width * ROWS))
        for n in range(0, len(self.blocks), group):
            some = self.blocks[n : n + group]
            strip = torch.cat([block @ x[..., at, :] for _, at, block in some], dim=-2)
            wide = torch.cat([strip[..., at] @ block.mT for _, at, block in columns.blocks], dim=-1)
            yield slice(some[0][0].start, some[-1][0].stop), wide


@final
class Resize(Degradation[Tensor]):
    """From `large` = (H, W) to `small` = (h, w), any sizes with h <= H and w <= W.

    y is (B, C, h, w). Agrees with Pillow's resize of floats (mode F, BICUBIC) to its rounding.
    Raises RequestError for a small size that is empty or larger than the large one.
    """

    def __init__(self, large: tuple[int, int], small: tuple[int, int]) -> None:
        if not all(1 <= m <= n for n, m in zip(large, small, strict=True)):
            raise RequestError(
                f"from {large[1]}×{large[0]} to {small[1]}×{small[0]} pixels is no reduction: "
                "expected at least one pixel, and no side longer than it was"
            )
        self.large, self.small = tuple(large), tuple(small)
        self._ah, self._ph = _matrices(large[0], small[0])
        self._aw, self._pw = _matrices(large[1], small[1])

    def __call__(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == self.large, (x.shape, self.large)
        y = x.new_empty((*x.shape[:-2], *self.small))
        for rows, strip in self._ah.to(x).times(x, self._aw.to(x)):
            y[..., rows, :] = strip
        return y

    def pinv(self, y: Tensor) -> Tensor:
        assert y.shape[-2:] == self.small, (y.shape, self.small)
        x = y.new_empty((*y.shape[:-2], *self.large))
        for rows, strip in self._ph.to(y).times(y, self._pw.to(y)):
            x[..., rows, :] = strip
        return x

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        ph, pw = self._ph.to(x), self._pw.to(x)
        for c in range(x.shape[1]):
            residual = self(out[:, c]).sub_(y[:, c])
            for rows, strip in ph.times(residual, pw):
                out[:, c, rows] -= strip
        return out


def _matrices(n: int, m: int) -> tuple[Band, Band]:
    """A (m, n) of one side, from n to m samples, and its pseudo-inverse (n, m)."""
    scale = n / m
    centre = (torch.arange(m, dtype=torch.float64) + 0.5) * scale
    first = (centre - 2 * scale + 0.5).clamp(min=0).long()
    last = (centre + 2 * scale + 0.5).clamp(max=n).long()

    def rows_of_a(a: int, b: int) -> tuple[int, int, Tensor]:
        """Rows a to b of A as (first column, column after the last, block)."""
        start, stop = int(first[a]), int(last[b - 1])
        at = torch.arange(start, stop)
        weights = _cubic((at + 0.5 - centre[a:b, None]) / scale)
        weights *= (at >= first[a:b, None]) & (at < last[a:b, None])
        return start, stop, weights / weights.sum(dim=1, keepdim=True)

    def rows_of_pinv(a: int, b: int) -> tuple[int, int, Tensor]:
        """Rows a to b of A⁺, from the rows of A nearby: as many as still make a difference."""
        near = int(torch.searchsorted(last, a, right=True)), int(torch.searchsorted(first, b))
        reach = 16
        while True:
            top, bottom = max(near[0] - reach, 0), min(near[1] + reach, m)
            start, _, some = rows_of_a(top, bottom)
            block = torch.linalg.solve(some @ some.mT, some[:, a - start : b - start]).mT
            size = block.abs().amax(dim=0)
            cut = [size[0] if top > 0 else 0, size[-1] if bottom < m else 0]
            if max(cut) < NEGLIGIBLE:
                break
            reach *= 2
        kept = torch.nonzero(size >= NEGLIGIBLE)
        left, right = int(kept.min()), int(kept.max()) + 1
        return top + left, top + right, block[:, left:right].contiguous()

    return _band(m, rows_of_a), _band(n, rows_of_pinv)


def _band(height: int, rows: Callable[[int, int], tuple[int, int, Tensor]]) -> Band:
    blocks = []
    for a in range(0, height, ROWS):
        b = min(a + ROWS, height)
        start, stop, block = rows(a, b)
        blocks.append((slice(a, b), slice(start, stop), block))
    return Band(tuple(blocks))


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -1/2 (Keys 1981, eq. 15)."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
