"""Winograd: 3×3 convolutions in float32 by a quarter of the multiplications.

    y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A,    Aᵀ = V₄ᵀ,    G = V₃,    Bᵀ = V₆⁻ᵀ

of tiles d of 6×6 pixels gives 4×4 pixels of y (Lavin and Gray 2016, arXiv 1509.09308). Vₖ has the
powers 0 to k - 1 of the points 0, ±√½, ±√2 and, as its last row, of infinity: by Toom's and Cook's
method any six do, and these round but twice as much as the sum over nine pixels does. Transforms
are products with the Kronecker square of each matrix, so that all arithmetic is the BLAS's.

Some rows of tiles go through at a time, in memory that each thread keeps: what a step needs is in
the caches still, and nothing is fetched from the system.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

SIDE, TILE = 4, 6  # of what a tile gives, and of what it sees
POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0))
CHUNK = 3 << 20  # bytes of tiles that go through at a time, for each thread
FEWEST = 128  # channels, below which the transforms cost what they save


class Scratch(threading.local):
    """Memory that is used again and again, of each thread its own."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A float32 tensor of a shape, which holds anything; it lasts until the name is taken."""
        size = math.prod(shape)
        if name not in self._kept or len(self._kept[name]) < size:
            with torch.inference_mode(False):
                self._kept[name] = torch.empty(size)
        return self._kept[name][:size].view(shape)


scratch = Scratch()


def transformable(weight: Tensor) -> bool:
    """Whether a convolution with a weight (out, in, k, k) is faster so: in float32, by MKL."""
    outs, ins, height, width = weight.shape
    return (
        weight.dtype == torch.float32
        and (height, width) == (3, 3)
        and min(outs, ins) >= FEWEST
        and torch.backends.mkl.is_available()
    )


@lru_cache
def matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Kronecker squares of Aᵀ (16, 36), G (36, 9) and Bᵀ (36, 36), in float64."""
    points = torch.tensor(POINTS, dtype=torch.float64)

    def powers(k: int) -> Tensor:
        infinite = torch.eye(k, dtype=torch.float64)[-1:]
        return torch.cat([points[:, None] ** torch.arange(k), infinite])

    one = powers(SIDE).T, powers(3), torch.linalg.inv(powers(TILE)).T
    back, kernel, tile = (torch.kron(matrix, matrix) for matrix in one)
    return back, kernel, tile


@dataclass(frozen=True, eq=False)
class Winograd:
    """A convolution of 3×3 with its weight transformed: y = scale (weight * x) + bias.

    weight: (36, in, out). scale, bias: (out,); without a scale it is 1.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor | None = None

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor) -> Winograd:
        """Of the weight (out, in, 3, 3) and the bias (out,) of a layer."""
        _, kernel, _ = matrices()
        outs, ins = weight.shape[:2]
        taps = weight.detach().double().reshape(outs * ins, 9)
        by_point = (kernel @ taps.T).view(-1, outs, ins).mT
        return cls(by_point.float().contiguous(), bias.detach())

    def scaled(self, scale: Tensor, bias: Tensor) -> Winograd:
        """The same weight, with another scale and bias (out,)."""
        return replace(self, scale=scale.detach(), bias=bias.detach())

    def __call__(self, x: Tensor, rows: int = 0, columns: int = 1, *, relu: bool = False) -> Tensor:
        """Of x (1, in, h, w), channels last, with so many rows of zeros above and below.

        `columns` of zeros are to each side.
        """
        height, width = x.shape[2] + 2 * rows - 2, x.shape[3] + 2 * columns - 2
        y = x.new_empty(height, width, len(self.bias))
        for top, bottom, part in self._parts(x, rows, columns):
            place = _like(part, y[top:bottom])
            if relu:
                torch.clamp_min(part, 0, out=place)
            else:
                place.copy_(part)
        return y.permute(2, 0, 1)[None]

    def add_(self, to: Tensor, x: Tensor, rows: int = 0, columns: int = 1) -> None:
        """The same, added to what `to` holds."""
        lines = to[0].permute(1, 2, 0)
        for top, bottom, part in self._parts(x, rows, columns):
            _like(part, lines[top:bottom]).add_(part)

    def _parts(self, x: Tensor, rows: int, columns: int) -> Iterator[tuple[int, int, Tensor]]:
        """First row, past the last, and y of them: (h, 4, w, 4, out), or (h, w, out) at an end.

        What is given holds until the next is asked for.
        """
        back, ahead = matrices()[0].float(), matrices()[2].float()
        lines = x[0].permute(1, 2, 0)
        given, width, ins = lines.shape
        height, wide, outs = given + 2 * rows - 2, width + 2 * columns - 2, len(self.bias)
        down, across = -(-height // SIDE), -(-wide // SIDE)
        most = max(1, CHUNK * torch.get_num_threads() // (4 * TILE**2 * across * ins))
        count = -(-down // most)
        for n in range(count):
            first, last = down * n // count, down * (n + 1) // count
            tiles = (last - first) * across
            seen = _with_zeros(lines, SIDE * first - rows, last - first, across, columns)
            apart = scratch.take("apart", TILE, TILE, last - first, across, ins)
            line, pixel, channel = seen.stride()
            strides = line, pixel, SIDE * line, SIDE * pixel, channel
            apart.copy_(seen.as_strided(apart.shape, strides))
            points = scratch.take("points", TILE**2, tiles, ins)
            torch.mm(ahead, apart.view(TILE**2, -1), out=points.view(TILE**2, -1))
            products = scratch.take("apart", TILE**2, tiles, outs)  # the tiles are done with
            torch.bmm(points, self.weight, out=products)
            y = scratch.take("points", SIDE**2, tiles * outs)
            torch.mm(back, products.view(TILE**2, -1), out=y)
            pixels = y.view(-1, outs)
            if self.scale is None:
                pixels.add_(self.bias)
            else:
                torch.addcmul(self.bias, pixels, self.scale, out=pixels)
            part = y.view(SIDE, SIDE, last - first, across, outs).permute(2, 0, 3, 1, 4)
            top, bottom = SIDE * first, min(SIDE * last, height)
            if bottom < SIDE * last or wide < SIDE * across:
                whole = part.reshape(SIDE * (last - first), SIDE * across, outs)
                part = whole[: bottom - top, :wide]
            yield top, bottom, part


def _with_zeros(lines: Tensor, top: int, down: int, across: int, columns: int) -> Tensor:
    """What so many tiles see of rows (h, w, C) from `top` on, zeros beyond them."""
    height, width, channels = lines.shape
    bottom = top + SIDE * down + TILE - SIDE
    seen = scratch.take("seen", bottom - top, SIDE * across + TILE - SIDE, channels)
    above, below = max(-top, 0), max(bottom - height, 0)
    inside = slice(above, len(seen) - below)
    seen[:above] = seen[len(seen) - below :] = 0
    seen[inside, :columns] = seen[inside, columns + width :] = 0
    seen[inside, columns : columns + width] = lines[top + above : bottom - below]
    return seen


def _like(part: Tensor, lines: Tensor) -> Tensor:
    """Rows (h, w, C) in the shape of a part of `Winograd._parts`."""
    if part.ndim == 3:
        return lines
    return lines.unflatten(1, (-1, SIDE)).unflatten(0, (-1, SIDE))
