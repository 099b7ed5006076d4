"""Windows: where a network is called in an image, and how large they are.

Those of a network with a bounded receptive field are of one shape, by memory, and overlap by the
field. A network with global attention only works at its own size: its windows overlap by a quarter.
"""

from __future__ import annotations

from typing import Literal

from restore.bcm import BCM
from restore.tiling.spans import Span, spans, up_to

Tile = int | Literal["auto"]
WINDOW_PIXELS = 2_500_000  # of one window where the tile is "auto": about a gigabyte in float32
SMALLEST_TILE = 64


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
        if h * w > WINDOW_PIXELS:
            return (2**62, h * w)
        return (parts[0] * h * parts[1] * w, parts[0] * parts[1])

    most = [-(-length // SMALLEST_TILE) for length in whole]
    choices = [(i, j) for i in range(1, most[0] + 1) for j in range(1, most[1] + 1)]
    best = min(choices, key=work)
    return part(best[0], whole[0]), part(best[1], whole[1])


def window_count(model: BCM, height: int, width: int, tile: Tile) -> int:
    """How many windows one evaluation of an image takes."""
    if model.network.receptive_field is None:
        size = side_of(model)
        return len(starts(height, size)) * len(starts(width, size))
    rows, columns = grid(model, height, width, tile)
    return len(rows) * len(columns)


def halo_of(model: BCM) -> int:
    """Pixels around a kept part, a multiple of the stride."""
    field = model.network.receptive_field
    assert field is not None, "a network with global attention is blended"
    return up_to(field, model.network.stride)


def side_of(model: BCM) -> int:
    """Of the windows of a network that only works at its own size."""
    assert model.network.window is not None
    return model.network.window


def starts(length: int, size: int) -> list[int]:
    """Where windows of a fixed size begin so that they overlap by a quarter."""
    return [*range(0, max(length - size, 0), size * 3 // 4), max(length - size, 0)]


def grid(model: BCM, height: int, width: int, tile: Tile) -> tuple[list[Span], list[Span]]:
    """Rows and columns of windows that cover an image."""
    stride = model.network.stride
    halo = halo_of(model)
    h, w = window_shape(model, height, width, tile)
    rows = spans(up_to(height, stride), h, halo, stride)
    return rows, spans(up_to(width, stride), w, halo, stride)
