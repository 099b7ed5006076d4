"""Windows: where a network is called in an image, and how large they are.

Those of a network with a bounded receptive field are of one shape, by memory, and overlap by the
field. A network with global attention only works at its own size: its windows overlap by a quarter.
Where a region says which pixels of the result matter, windows without any are left out, and of a
bounded receptive field the others are shrunk to what those pixels see.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.bcm import BCM
from restore.functions import window_starts
from restore.settings import Tile
from restore.tiling.cover import cover
from restore.tiling.spans import Span, spans, up_to

BatchSize = int | Literal["auto"]
Window = tuple[Span, Span]  # of rows, of columns
WINDOW_PIXELS = 2_500_000  # of one window where the tile is "auto", in float32: about a gigabyte
SMALLEST_TILE = 64
MEMORY_SHARE = 8  # of a GPU's memory, one part for the windows that go through it together


def window_shape(model: BCM, height: int, width: int, tile: Tile) -> tuple[int, int]:
    """Height and width of the windows for an image, halo included, multiples of the stride."""
    if model.network.receptive_field is None:
        return side_of(model), side_of(model)
    stride = model.network.stride
    halo = halo_of(model)
    whole = up_to(height, stride), up_to(width, stride)
    if tile == 0:
        return whole
    if tile != "auto":
        side = up_to(tile, stride) + 2 * halo
        return min(side, whole[0]), min(side, whole[1])

    def part(n: int, length: int) -> int:  # window that n parts of the length need
        return length if n == 1 else min(up_to(-(-length // n), stride) + 2 * halo, length)

    def work(parts: tuple[int, int]) -> tuple[int, int]:  # pixels executed, windows
        h, w = part(parts[0], whole[0]), part(parts[1], whole[1])
        if h * w > most_pixels:
            return (2**62, h * w)
        return (parts[0] * h * parts[1] * w, parts[0] * parts[1])

    most_pixels = pixels_of_window(model)
    most = [-(-length // SMALLEST_TILE) for length in whole]
    choices = [(i, j) for i in range(1, most[0] + 1) for j in range(1, most[1] + 1)]
    best = min(choices, key=work)
    return part(best[0], whole[0]), part(best[1], whole[1])


def window_count(
    model: BCM, height: int, width: int, tile: Tile, region: Tensor | None = None, ahead: int = 0
) -> int:
    """How many windows one evaluation of an image takes."""
    return len(find_windows(model, height, width, tile, region, ahead))


def find_windows(
    model: BCM, height: int, width: int, tile: Tile, region: Tensor | None = None, ahead: int = 0
) -> list[Window]:
    """The windows of one evaluation of an image, by their first rows.

    region: (height, width) bool, the pixels whose result matters, None for all. ahead: how many
    evaluations more the result goes through, each of which sees as far as the receptive field.
    """
    if model.network.receptive_field is None:
        every = list(product(*own_grid(model, height, width)))
        return every if region is None else _touching(every, region, ahead * side_of(model))
    every = list(product(*grid(model, height, width, tile)))
    if region is None:
        return every
    needed = _covering(model, height, width, tile, region, ahead)
    return min(needed, every, key=lambda some: sum(math.prod(shape_of(window)) for window in some))


def shape_of(window: Window) -> tuple[int, int]:
    """Height and width of a window, halo included."""
    row, column = window
    return row.stop - row.start, column.stop - column.start


def _touching(every: list[Window], region: Tensor, reach: int) -> list[Window]:
    """Of the windows those that hold a pixel no farther than `reach` from the region."""
    return [
        (row, column)
        for row, column in every
        if bool(
            region[
                max(row.start - reach, 0) : row.stop + reach,
                max(column.start - reach, 0) : column.stop + reach,
            ].any()
        )
    ]


def _covering(
    model: BCM, height: int, width: int, tile: Tile, region: Tensor, ahead: int
) -> list[Window]:
    """Windows of many shapes around the region alone."""
    stride, halo = model.network.stride, halo_of(model)
    cells = _cells(region, stride, ahead * halo)
    whole = up_to(height, stride), up_to(width, stride)

    def fits(rows: int, columns: int) -> bool:
        if tile == "auto":
            return (rows * stride + 2 * halo) * (columns * stride + 2 * halo) <= most_pixels
        return tile == 0 or max(rows, columns) * stride <= up_to(tile, stride)

    def span(first: int, last: int, length: int) -> Span:
        first, last = first * stride, last * stride
        return Span(max(first - halo, 0), min(last + halo, length), first, last)

    most_pixels = pixels_of_window(model)
    found = [
        (span(box.top, box.bottom, whole[0]), span(box.left, box.right, whole[1]))
        for box in cover(cells, halo // stride, fits)
    ]
    return sorted(found, key=lambda window: window[0].start)


def _cells(region: Tensor, stride: int, reach: int) -> np.ndarray:
    """Which cells of `stride` by `stride` pixels lie no farther than `reach` from the region."""
    height, width = region.shape
    cells = F.pad(region, (0, -width % stride, 0, -height % stride))
    cells = cells.unflatten(0, (-1, stride)).any(dim=1).unflatten(1, (-1, stride)).any(dim=2)
    if reach:
        side = reach // stride
        grown = cells[None].float()
        grown = F.max_pool2d(grown, (2 * side + 1, 1), stride=1, padding=(side, 0))
        cells = F.max_pool2d(grown, (1, 2 * side + 1), stride=1, padding=(0, side))[0] > 0
    return cells.numpy()


def pixels_of_window(model: BCM) -> int:
    """At most, where the tile is "auto": twice as many in 16 bits, and 7/5 in strips."""
    pixels = WINDOW_PIXELS * torch.float32.itemsize // model.dtype.itemsize
    return pixels * 7 // 5 if model.network.takes_strips() else pixels


def pixels_at_once(model: BCM) -> int:
    """Of all the images and windows that go through the network together, by memory.

    On a GPU by all of its memory, not by what is free, so that equal runs are cut alike.
    """
    if model.device.type != "cuda":
        return pixels_of_window(model)
    memory = torch.cuda.get_device_properties(model.device).total_memory
    return max(memory // MEMORY_SHARE // model.network.bytes_per_pixel, pixels_of_window(model))


def windows_at_once(model: BCM, pixels: int, count: int) -> int:
    """How many of `count` windows of so many pixels go through the network together.

    One on the CPU, whose caches they would only share; on a GPU as many as fit, in even batches.
    """
    if model.device.type != "cuda":
        return 1
    most = max(pixels_at_once(model) // pixels, 1)
    return -(-count // -(-count // most))


def halo_of(model: BCM) -> int:
    """Pixels around a kept part, a multiple of the stride."""
    field = model.network.receptive_field
    assert field is not None, "a network with global attention is blended"
    return up_to(field, model.network.stride)


def side_of(model: BCM) -> int:
    """Of the windows of a network that only works at its own size."""
    assert model.network.window is not None
    return model.network.window


def own_grid(model: BCM, height: int, width: int) -> tuple[list[Span], list[Span]]:
    """Rows and columns of windows of the network's own size, which overlap by a quarter."""
    size = side_of(model)

    def along(length: int) -> list[Span]:
        starts = window_starts(length, size)
        return [Span(start, start + size, start, min(start + size, length)) for start in starts]

    return along(height), along(width)


def grid(model: BCM, height: int, width: int, tile: Tile) -> tuple[list[Span], list[Span]]:
    """Rows and columns of windows that cover an image."""
    stride = model.network.stride
    halo = halo_of(model)
    h, w = window_shape(model, height, width, tile)
    rows = spans(up_to(height, stride), h, halo, stride)
    return rows, spans(up_to(width, stride), w, halo, stride)
