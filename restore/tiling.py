"""Tiling: a network call over an image of any size, in windows of bounded memory.

A network with a bounded receptive field is run on overlapping windows of one shape; only what lies
at least the field away from a cut is kept, so the result equals the untiled one to rounding. A
network with global attention is run on windows of its own training size, blended where they
overlap. Noise belongs to the absolute pixel, so that no window, batch or device changes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.bcm import BCM
from restore.errors import ImageError, ResourceError

Range = tuple[int, int]  # first, and past the last
Tile = int | Literal["auto"]
WINDOW_PIXELS = 2_500_000  # of one window where the tile is "auto": about a gigabyte in float32
SMALLEST_TILE = 64
NOISE_CELL = 128  # pixels


@dataclass(frozen=True)
class Span:
    """Along one axis: the window [start, stop) and the part [first, last) that is kept of it."""

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, window: int, halo: int, stride: int) -> list[Span]:
    """Windows of one size, aligned to `stride`, whose kept parts cover [0, length) once.

    A kept part is at least `halo` away from each end of its window that is not the image's own.
    """
    if window >= length:
        return [Span(0, length, 0, length)]
    kept = window - 2 * halo
    assert kept >= stride
    found, first = [], 0
    while first < length:
        start = min(max(first - halo, 0) // stride * stride, length - window)
        stop = start + window
        last = length if stop == length else (stop - halo) // stride * stride
        found.append(Span(start, stop, first, last))
        first = last
    return found


class NoiseField:
    """Standard normal noise as a function of (seed, step, absolute pixel).

    The plane is divided into cells of 128 by 128 pixels, each drawn from a generator of its own on
    the CPU; a step is an evaluation of a run. Several seeds give a batch, each image its own noise.
    """

    def __init__(self, *seeds: int) -> None:
        self.seeds = seeds

    def __call__(self, step: int, rows: Range, columns: Range) -> Tensor:
        """Noise (B, 3, h, w) for the rows [top, bottom) and columns [left, right)."""
        (top, bottom), (left, right) = rows, columns
        out = torch.empty(len(self.seeds), 3, bottom - top, right - left)
        for i in range(top // NOISE_CELL, -(-bottom // NOISE_CELL)):
            for j in range(left // NOISE_CELL, -(-right // NOISE_CELL)):
                y, x = i * NOISE_CELL, j * NOISE_CELL
                y0, y1 = max(y, top), min(y + NOISE_CELL, bottom)
                x0, x1 = max(x, left), min(x + NOISE_CELL, right)
                for n, seed in enumerate(self.seeds):
                    cell = self._cell(seed, step, i, j)[:, y0 - y : y1 - y, x0 - x : x1 - x]
                    out[n, :, y0 - top : y1 - top, x0 - left : x1 - left] = cell
        return out

    def _cell(self, seed: int, step: int, i: int, j: int) -> Tensor:
        key = seed & (2**64 - 1)
        for value in (step, i, j):  # splitmix64: every bit of the key depends on all four
            key = (key + 0x9E3779B97F4A7C15 * (value + 1)) & (2**64 - 1)
            key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
            key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
            key ^= key >> 31
        generator = torch.Generator().manual_seed(key >> 1)
        return torch.randn(3, NOISE_CELL, NOISE_CELL, generator=generator)


Call = Callable[[Tensor, Range, Range], Tensor]


def tiled(model: BCM, call: Call, x: Tensor, *, tile: Tile = "auto") -> Tensor:
    """`call` over x (B, 3, H, W), window by window, in place; returns x.

    `call(window, rows, columns)` gets a window (B, 3, h, w) of x with its place in the image, and
    returns an image of the same shape that depends on `model`'s receptive field of it. `tile` is
    the side of a window in pixels, "auto" (by memory) or 0 (the whole image).
    A window that runs out of memory is done again in smaller ones, to the same pixels.
    """
    if model.network.receptive_field is None:
        return _blended(model, call, x)
    return _exact(model, call, x, tile)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def window_shape(model: BCM, height: int, width: int, tile: Tile) -> tuple[int, int]:
    """Height and width of the windows for an image, halo included, multiples of the stride."""
    if model.network.receptive_field is None:
        return _side(model), _side(model)
    stride = model.network.stride
    halo = _halo(model)
    whole = up_to(height, stride), up_to(width, stride)
    if tile == 0:
        return whole
    if tile != "auto":
        side = up_to(tile, stride) + 2 * halo
        return min(side, whole[0]), min(side, whole[1])

    def grid(n: int, length: int) -> int:  # window that n parts of the length need
        return length if n == 1 else min(up_to(-(-length // n), stride) + 2 * halo, length)

    def work(parts: tuple[int, int]) -> tuple[int, int]:  # pixels executed, windows
        h, w = grid(parts[0], whole[0]), grid(parts[1], whole[1])
        if h * w > WINDOW_PIXELS:
            return (2**62, h * w)
        return (parts[0] * h * parts[1] * w, parts[0] * parts[1])

    most = [-(-length // SMALLEST_TILE) for length in whole]
    choices = [(i, j) for i in range(1, most[0] + 1) for j in range(1, most[1] + 1)]
    best = min(choices, key=work)
    return grid(best[0], whole[0]), grid(best[1], whole[1])


def window_count(model: BCM, height: int, width: int, tile: Tile) -> int:
    """How many windows one evaluation of an image takes."""
    if model.network.receptive_field is None:
        size = _side(model)
        return len(_starts(height, size)) * len(_starts(width, size))
    rows, columns = _grid(model, height, width, tile)
    return len(rows) * len(columns)


def _halo(model: BCM) -> int:
    """Pixels around a kept part, a multiple of the stride."""
    field = model.network.receptive_field
    assert field is not None, "a network with global attention is blended"
    return up_to(field, model.network.stride)


def _side(model: BCM) -> int:
    """Of the windows of a network that only works at its own size."""
    assert model.network.window is not None
    return model.network.window


def _starts(length: int, size: int) -> list[int]:
    """Where windows of a fixed size begin so that they overlap by a quarter."""
    return [*range(0, max(length - size, 0), size * 3 // 4), max(length - size, 0)]


def _grid(model: BCM, height: int, width: int, tile: Tile) -> tuple[list[Span], list[Span]]:
    """Rows and columns of windows that cover an image."""
    stride = model.network.stride
    halo = _halo(model)
    h, w = window_shape(model, height, width, tile)
    rows = spans(up_to(height, stride), h, halo, stride)
    return rows, spans(up_to(width, stride), w, halo, stride)


def _exact(model: BCM, call: Call, x: Tensor, tile: Tile) -> Tensor:
    """In place: what is kept of a window waits until no later window reads where it belongs."""
    height, width = x.shape[-2:]
    rows, columns = _grid(model, height, width, tile)
    waiting: deque[tuple[Tensor, Tensor, int]] = deque()
    for row in rows:
        while waiting and waiting[0][2] <= row.start:
            place, kept, _ = waiting.popleft()
            place.copy_(kept)
        for column in columns:
            result = _result(model, call, _cut(x, row, column), row.start, column.start)
            bottom, right = min(row.last, height), min(column.last, width)
            place = x[:, :, row.first : bottom, column.first : right]
            kept = result[
                :, :, row.first - row.start : bottom - row.start,
                column.first - column.start : right - column.start,
            ]  # fmt: skip
            waiting.append((place, kept.clone(), row.last))
    for place, kept, _ in waiting:
        place.copy_(kept)
    return x


def _blended(model: BCM, call: Call, x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    size = _side(model)
    ramp = torch.hann_window(size + 2, periodic=False, device=x.device)[1:-1] + 1e-3
    weight = ramp[:, None] * ramp
    total = torch.zeros(1, 1, height, width, device=x.device)
    out = torch.zeros_like(x)

    for top in _starts(height, size):
        for left in _starts(width, size):
            row = Span(top, top + size, top, min(top + size, height))
            column = Span(left, left + size, left, min(left + size, width))
            result = _finite(model, call, _cut(x, row, column), top, left)
            h, w = row.last - top, column.last - left
            place = (slice(None), slice(None), slice(top, row.last), slice(left, column.last))
            out[place] += result[:, :, :h, :w] * weight[:h, :w]
            total[place] += weight[:h, :w]
    return x.copy_(out.div_(total))


def _cut(x: Tensor, row: Span, column: Span) -> Tensor:
    """A window of x, its last pixels repeated where it passes the image's edge."""
    height, width = x.shape[-2:]
    window = x[:, :, row.start : row.stop, column.start : column.stop]
    beyond = (0, max(column.stop - width, 0), 0, max(row.stop - height, 0))
    return F.pad(window, beyond, mode="replicate") if any(beyond) else window


def _result(model: BCM, call: Call, window: Tensor, top: int, left: int) -> Tensor:
    """The call's result for a window at (top, left); in smaller windows where memory runs out."""
    try:
        return _finite(model, call, window, top, left)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        side = max(window.shape[-2:])
        tile = side // 2 - _halo(model)
        if tile < SMALLEST_TILE:
            raise ResourceError(
                f"out of memory even in windows of {side} pixels: "
                "close other programs or use another device"
            ) from error

    def shifted(part: Tensor, rows: Range, columns: Range) -> Tensor:
        rows, columns = (rows[0] + top, rows[1] + top), (columns[0] + left, columns[1] + left)
        return call(part, rows, columns)

    return _exact(model, shifted, window.clone(), tile)


def _finite(model: BCM, call: Call, window: Tensor, top: int, left: int) -> Tensor:
    """The call's result; where a low precision overflowed, that of float32."""
    rows, columns = (top, top + window.shape[-2]), (left, left + window.shape[-1])
    result = call(window, rows, columns)
    if not bool(torch.isfinite(result).all()):
        dtype = model.dtype
        if dtype != torch.float32:
            model.network.float()
            try:
                result = call(window, rows, columns)
            finally:
                model.network.to(dtype)
        if not bool(torch.isfinite(result).all()):
            raise ImageError(
                f"the network gave no finite result at rows {rows[0]} to {rows[1]}, columns "
                f"{columns[0]} to {columns[1]}: the input or the checkpoint is at fault"
            )
    return result


def up_to(length: int, stride: int) -> int:
    """The least multiple of `stride` that is not below `length`."""
    return -(-length // stride) * stride
