"""Drawing: a function of the plane, given by the numbers of its cells, on a grid of points.

    G(r) = Σ_c tent(r - r_c) MLP_c(γ(r - r_c))          r in cells; γ = r and sin, cos(2^k π r)
    h₁ = sin((1 + a_c) ⊙ (W₁ γ) + b_c)     h₂ = sin(W₂ h₁ + U_c V_c h₁ + b'_c)
    MLP_c = (W₃ + w_c) h₂ + b''_c

Each cell c has numbers a, b, U, V, b', w, b'' of its own; W₁, W₂ and W₃, with their biases, are
shared. The tents are bilinear weights of the four nearest centres, so that G is continuous (local
functions blended by area: Chen et al. 2021, arXiv 2012.09161; a hypernetwork's low-rank changes of
a shared perceptron with sines: Sitzmann et al. 2020, arXiv 2006.09661).

The points are those of rows and columns, which need not be even. Each cell draws all of its own, so
that no cell's numbers are copied for a point, and since γ is of rows or of columns, so is W₁ γ: of
the first layer nothing but sin(α + β) = sin α cos β + cos α sin β is left for each point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FREQUENCIES = 3
WAVES = 2 * (1 + 2 * FREQUENCIES)  # numbers in γ
CHUNK = 1 << 18  # numbers of a layer worked on at once, which caches hold


class SharedMLP(nn.Module):
    """W₁, W₂, W₃ and their biases: from γ through two layers of `width` to a colour."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(WAVES, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, 3)
        nn.init.normal_(self.first.weight, std=0.6)
        nn.init.uniform_(self.second.weight, -math.sqrt(6 / width), math.sqrt(6 / width))
        nn.init.normal_(self.third.weight, std=0.02)
        for layer in (self.second, self.third):
            nn.init.zeros_(layer.bias)


def count_numbers(width: int, rank: int) -> int:
    """Numbers of a cell: a, b and b' of `width`, U and V of `rank`, w and b'' for each colour."""
    return 3 * width + 2 * width * rank + 3 * width + 3


@dataclass(frozen=True)
class PointAssignment:
    """Points along one axis by the cells that they belong to, each to its two nearest.

    first: the first cell with any. offsets: (cells, most) from a cell's centre to its points, in
    cells, the last one repeated where there are fewer. slots, weights: (2, points), where a point
    lies among the offsets in a row, and the weight of that cell there.
    """

    first: int
    offsets: Tensor
    slots: Tensor
    weights: Tensor


def assign(points: Tensor, cells: int) -> PointAssignment:
    """`points` (n,), rising, in cells from the first cell's edge, to the cells of an axis.

    Beyond the outermost centres their cells stand alone.
    """
    at = points - 0.5
    lower = at.floor().clamp(-1, cells - 1)
    share = (at - lower).masked_fill(lower < 0, 1).masked_fill(lower == cells - 1, 0)
    nearest = torch.stack([lower, lower + 1]).clamp(0, cells - 1).long()
    first, last = int(nearest.min()), int(nearest.max())
    numbers = torch.arange(first, last + 1)
    start = torch.searchsorted(lower, (numbers - 1).to(lower))
    stop = torch.searchsorted(lower, numbers.to(lower), right=True)
    most = int((stop - start).max())
    own = (start[:, None] + torch.arange(most)).clamp(max=len(points) - 1)
    offsets = (at[own] - numbers[:, None]).clamp(-1, 1)
    slots = (nearest - first) * most + torch.arange(len(points)) - start[nearest - first]
    return PointAssignment(first, offsets, slots, torch.stack([1 - share, share]))


def draw_grid(theta: Tensor, shared: Mapping[str, Tensor], rows: Tensor, columns: Tensor) -> Tensor:
    """G (B, 3, n, m) on a grid of points, in float32 at least.

    Args:
        theta: numbers of the cells (B, height, width, `count_numbers`).
        shared: the state dict of a `SharedMLP`.
        rows: (n,) on the CPU, rising, in cells from the upper edge, float64 to be exact.
        columns: (m,), as well from the left edge.
    """
    kind = theta.dtype if theta.dtype.itemsize > 2 else torch.float32
    w = {name: value.to(theta.device, kind) for name, value in shared.items()}
    down, right = (assign(p, n) for p, n in zip((rows, columns), theta.shape[1:3], strict=True))
    high, wide = len(down.offsets), len(right.offsets)
    theta = theta[:, down.first : down.first + high, right.first : right.first + wide]
    # W₁ γ of rows and of columns; its columns are (row's waves, column's waves).
    by_row, by_column = (
        waves(axis.offsets).to(w["first.weight"]) @ half.mT
        for axis, half in zip((down, right), w["first.weight"].chunk(2, dim=1), strict=True)
    )
    by_row = by_row + w["first.bias"]
    count = theta.shape[0] * high * wide
    flat = theta.reshape(count, -1)
    alpha = by_row[:, None].expand(high, wide, -1, -1).expand(len(theta), -1, -1, -1, -1)
    beta = by_column[None].expand(high, wide, -1, -1).expand(len(theta), -1, -1, -1, -1)
    alpha, beta = (v.reshape(count, *v.shape[-2:]) for v in (alpha, beta))
    points = alpha.shape[1] * beta.shape[1]
    width = alpha.shape[2]
    step = count if theta.requires_grad else max(1, CHUNK // (points * width))
    parts = [
        _draw_cells(flat[n : n + step].to(kind), w, alpha[n : n + step], beta[n : n + step])
        for n in range(0, count, step)
    ]
    values = (parts[0] if len(parts) == 1 else torch.cat(parts)).unflatten(
        0, (len(theta), high, wide)
    )
    values = values.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)  # (B, 3, rows, columns)
    for dim, axis in ((2, down), (3, right)):
        values = _blend(values, axis, dim)
    return values


def waves(offsets: Tensor) -> Tensor:
    """r -> r and sin, cos(2^k π r), (…, 7)."""
    angles = offsets[..., None] * (math.pi * 2.0 ** torch.arange(FREQUENCIES).to(offsets))
    return torch.cat([offsets[..., None], angles.sin(), angles.cos()], dim=-1)


def _draw_cells(theta: Tensor, w: Mapping[str, Tensor], alpha: Tensor, beta: Tensor) -> Tensor:
    """MLP_c (n, rows, columns, 3) of n cells, given W₁ γ of their rows and of their columns."""
    width = alpha.shape[2]
    rank = (theta.shape[1] - 6 * width - 3) // (2 * width)
    sizes = [width, width, width * rank, width * rank, width, 3 * width, 3]
    a, b, u, v, b2, w3, b3 = theta.split(sizes, dim=1)
    gain = 1 + a[:, None]
    alpha, beta = torch.addcmul(b[:, None], alpha, gain)[:, :, None], (beta * gain)[:, None]
    h = torch.addcmul(alpha.sin() * beta.cos(), alpha.cos(), beta.sin()).flatten(1, 2)
    second = torch.baddbmm(
        w["second.weight"].mT, v.unflatten(1, (width, rank)), u.unflatten(1, (rank, width))
    )
    h = torch.baddbmm((b2 + w["second.bias"])[:, None], h, second)
    h = h.sin() if h.requires_grad else h.sin_()
    third = w["third.weight"].mT + w3.unflatten(1, (width, 3))
    values = torch.baddbmm((b3 + w["third.bias"])[:, None], h, third)
    return values.unflatten(1, (alpha.shape[1], beta.shape[2]))


def _blend(values: Tensor, axis: PointAssignment, dim: int) -> Tensor:
    """The tents' sum along one axis: each point's value of its two cells, by their weights."""
    shape = [1, 1, 1, 1]
    shape[dim] = -1
    lower, upper = (values.index_select(dim, slots.to(values.device)) for slots in axis.slots)
    return torch.lerp(lower, upper, axis.weights[1].to(values).reshape(shape))
