"""Evaluation: one network call over an image of any size, window by window, in place.

A network with a bounded receptive field is run on overlapping windows of one shape; only what lies
at least the field away from a cut is kept, so the result equals the untiled one to rounding. A
network with global attention is run on windows of its own training size, blended where they
overlap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.bcm import BCM
from restore.errors import ImageError, ResourceError
from restore.tiling.spans import Place, Span
from restore.tiling.windows import SMALLEST_TILE, Tile, grid, halo_of, side_of, starts

Call = Callable[[Tensor, Sequence[Place]], Tensor]
"""Called with windows (n B, 3, h, w), the B images of each of n places in turn, and the places, it
gives images of the same shape that depend on the network's receptive field of them."""


def evaluated(
    model: BCM, call: Call, x: Tensor, tile: Tile, progress: Callable[[], object]
) -> Tensor:
    """`call` over x (B, 3, H, W), window by window, in place; returns x.

    A window that runs out of memory is done again in smaller ones, to the same pixels. `progress`
    is called after each window.
    """
    if model.network.receptive_field is None:
        return _blended(model, call, x, progress)
    return _exact(model, call, x, tile, progress)


def _exact(model: BCM, call: Call, x: Tensor, tile: Tile, progress: Callable[[], object]) -> Tensor:
    """In place: what is kept of a window waits until no later window reads where it belongs."""
    height, width = x.shape[-2:]
    rows, columns = grid(model, height, width, tile)
    waiting: deque[tuple[Tensor, Tensor, int]] = deque()
    for row in rows:
        while waiting and waiting[0][2] <= row.start:
            place, kept, _ = waiting.popleft()
            place.copy_(kept)
        for column in columns:
            result = _result(model, call, _cut(x, row, column), _place(row, column))
            progress()
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


def _blended(model: BCM, call: Call, x: Tensor, progress: Callable[[], object]) -> Tensor:
    height, width = x.shape[-2:]
    size = side_of(model)
    ramp = torch.hann_window(size + 2, periodic=False, device=x.device)[1:-1] + 1e-3
    weight = ramp[:, None] * ramp
    total = torch.zeros(1, 1, height, width, device=x.device)
    out = torch.zeros_like(x)

    for top in starts(height, size):
        for left in starts(width, size):
            row = Span(top, top + size, top, min(top + size, height))
            column = Span(left, left + size, left, min(left + size, width))
            result = _finite(model, call, _cut(x, row, column), _place(row, column))
            progress()
            h, w = row.last - top, column.last - left
            place = (slice(None), slice(None), slice(top, row.last), slice(left, column.last))
            out[place] += result[:, :, :h, :w] * weight[:h, :w]
            total[place] += weight[:h, :w]
    return x.copy_(out.div_(total))


def _place(row: Span, column: Span) -> Place:
    return Place((row.start, row.stop), (column.start, column.stop))


def _cut(x: Tensor, row: Span, column: Span) -> Tensor:
    """A window of x, its last pixels repeated where it passes the image's edge."""
    height, width = x.shape[-2:]
    window = x[:, :, row.start : row.stop, column.start : column.stop]
    beyond = (0, max(column.stop - width, 0), 0, max(row.stop - height, 0))
    return F.pad(window, beyond, mode="replicate") if any(beyond) else window


def _result(model: BCM, call: Call, window: Tensor, place: Place) -> Tensor:
    """The call's result for a window at its place; in smaller windows where memory runs out."""
    try:
        return _finite(model, call, window, place)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        side = max(window.shape[-2:])
        tile = side // 2 - halo_of(model)
        if tile < SMALLEST_TILE:
            raise ResourceError(
                f"out of memory even in windows of {side} pixels: "
                "close other programs or use another device"
            ) from error
    (top, _), (left, _) = place

    def shifted(windows: Tensor, places: Sequence[Place]) -> Tensor:
        return call(windows, [inner.shifted(top, left) for inner in places])

    return _exact(model, shifted, window.clone(), tile, lambda: None)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _finite(model: BCM, call: Call, window: Tensor, place: Place) -> Tensor:
    """The call's result; where a low precision overflowed, that of float32."""
    result = call(window, [place])
    if not bool(torch.isfinite(result).all()):
        dtype = model.dtype
        if dtype != torch.float32:
            model.network.float()
            try:
                result = call(window, [place])
            finally:
                model.network.to(dtype)
        if not bool(torch.isfinite(result).all()):
            (top, bottom), (left, right) = place
            raise ImageError(
                f"the network gave no finite result at rows {top} to {bottom}, columns "
                f"{left} to {right}: the input or the checkpoint is at fault"
            )
    return result
