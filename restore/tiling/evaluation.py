"""Evaluation: one network call over an image of any size, window by window, in place.

A network with a bounded receptive field is run on overlapping windows of one shape; only what lies
at least the field away from a cut is kept, so the result equals the untiled one to rounding. A
network with global attention is run on windows of its own training size, blended where they
overlap. Several windows may go through the network together: on a GPU, which one alone would not
fill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.bcm import BCM
from restore.devices import is_out_of_memory
from restore.errors import ImageError, ResourceError
from restore.functions import window_ramp
from restore.tiling.spans import Place
from restore.tiling.windows import (
    SMALLEST_TILE,
    BatchSize,
    Tile,
    Window,
    find_windows,
    halo_of,
    shape_of,
    side_of,
    windows_at_once,
)

Call = Callable[[Tensor, Sequence[Place]], Tensor]
"""Called with windows (n B, 3, h, w), the B images of each of n places in turn, and the places, it
gives images of the same shape that depend on the network's receptive field of them."""
Tick = Callable[[], object]


def evaluate(
    model: BCM,
    call: Call,
    x: Tensor,
    tile: Tile,
    batch: BatchSize,
    progress: Tick,
    region: Tensor | None = None,
    ahead: int = 0,
) -> Tensor:
    """`call` over x (B, 3, H, W), window by window, in place; returns x.

    Windows that run out of memory are done again fewer at a time, and a single one in smaller ones,
    to the same pixels. `progress` is called after each window. Where only a region (H, W) matters,
    and what `ahead` evaluations more see of it, the rest of x may stay as it is.
    """
    sweep = _sweep_blended if model.network.receptive_field is None else _sweep_exactly
    height, width = x.shape[-2:]
    some = find_windows(model, height, width, tile, region, ahead)
    if not some:
        return x
    with _deterministic(x.device):
        return sweep(model, call, x, some, batch, progress)


def _deterministic(device: torch.device) -> AbstractContextManager[object]:
    """On a GPU, convolutions that give the same bits twice, and float32 where it is asked for."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


def _sweep_exactly(
    model: BCM, call: Call, x: Tensor, some: Sequence[Window], batch: BatchSize, progress: Tick
) -> Tensor:
    """In place: what is kept of a window waits until no later window reads where it belongs."""
    height, width = x.shape[-2:]
    ahead = [row.start for row, _ in some[1:]] + [max(row.last for row, _ in some)]
    waiting: deque[tuple[Tensor, Tensor, int]] = deque()
    results = _call_windows(model, call, x, some, batch)
    for (row, column), result, first in zip(some, results, ahead, strict=True):
        bottom, right = min(row.last, height), min(column.last, width)
        place = x[:, :, row.first : bottom, column.first : right]
        kept = result[
            :, :, row.first - row.start : bottom - row.start,
            column.first - column.start : right - column.start,
        ]  # fmt: skip
        waiting.append((place, kept.clone(), row.last))
        progress()
        while waiting and waiting[0][2] <= first:
            place, kept, _ = waiting.popleft()
            place.copy_(kept)
    assert not waiting, "the last window reaches the last row"
    return x


def _sweep_blended(
    model: BCM, call: Call, x: Tensor, some: Sequence[Window], batch: BatchSize, progress: Tick
) -> Tensor:
    """Windows of the network's own size, weighed down towards their edges."""
    height, width = x.shape[-2:]
    size = side_of(model)
    ramp = window_ramp(torch.arange(size, device=x.device) + 0.5, size)
    weight = ramp[:, None] * ramp
    total = torch.zeros(1, 1, height, width, device=x.device)
    out = torch.zeros_like(x)
    results = _call_windows(model, call, x, some, batch)
    for (row, column), result in zip(some, results, strict=True):
        h, w = row.last - row.first, column.last - column.first
        place = (..., slice(row.first, row.last), slice(column.first, column.last))
        out[place] += result[..., :h, :w] * weight[:h, :w]
        total[place] += weight[:h, :w]
        progress()
    return torch.where(total > 0, out.div_(total), x, out=x)


def _call_windows(
    model: BCM, call: Call, x: Tensor, every: Sequence[Window], batch: BatchSize
) -> Iterator[Tensor]:
    """The call's result for each window of x, whose pixels are read as late as they can be.

    `batch` windows of one shape in turn go together, and fewer from the first time on that memory
    does not suffice.
    """
    most = len(every)
    for (height, width), group in groupby(every, key=shape_of):
        alike, first = list(group), 0
        together = batch
        if together == "auto":
            together = windows_at_once(model, len(x) * height * width, len(alike))
        while first < len(alike):
            some = alike[first : first + min(together, most)]
            result = _try_call(model, call, x, some)
            if result is None and len(some) > 1:
                most = len(some) // 2
                continue
            if result is None:
                place = _place(some[0])
                result = _call_in_parts(model, call, cut_windows(x, [place]), place)
            yield from result.chunk(len(some))
            first += len(some)


def _try_call(model: BCM, call: Call, x: Tensor, windows: Sequence[Window]) -> Tensor | None:
    """The call's result for windows of x together; None where memory runs out."""
    try:
        places = [_place(window) for window in windows]
        return _call_finite(model, call, cut_windows(x, places), places)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _call_in_parts(model: BCM, call: Call, window: Tensor, place: Place) -> Tensor:
    """The call's result for a window at its place, in smaller windows of it, where there are."""
    side = max(window.shape[-2:])
    tile = 0 if model.network.receptive_field is None else side // 2 - halo_of(model)
    if tile < SMALLEST_TILE:
        raise ResourceError(
            f"out of memory even in windows of {side} pixels: "
            "close other programs or use another device"
        )
    (top, _), (left, _) = place

    def call_inside(windows: Tensor, places: Sequence[Place]) -> Tensor:
        return call(windows, [inner.shift(top, left) for inner in places])

    height, width = window.shape[-2:]
    some = find_windows(model, height, width, tile)
    return _sweep_exactly(model, call_inside, window.clone(), some, 1, lambda: None)


def cut_windows(x: Tensor, places: Sequence[Place]) -> Tensor:
    """Windows (n B, C, h, w) of x (B, C, H, W) at n places in turn, as a call is given them.

    The last pixels are repeated where a window passes the image's edge. One alone is not copied.
    """
    (height, width), found = x.shape[-2:], []
    for (top, bottom), (left, right) in places:
        pixels = x[:, :, top:bottom, left:right]
        beyond = (0, max(right - width, 0), 0, max(bottom - height, 0))
        found.append(F.pad(pixels, beyond, mode="replicate") if any(beyond) else pixels)
    return found[0] if len(found) == 1 else torch.cat(found)


def _place(window: Window) -> Place:
    row, column = window
    return Place((row.start, row.stop), (column.start, column.stop))


def _call_finite(model: BCM, call: Call, windows: Tensor, places: Sequence[Place]) -> Tensor:
    """The call's result; of windows where a low precision overflowed, that of float32.

    To look is to wait for the device, so all the windows are looked at together.
    """
    result = call(windows, places)
    if bool(torch.isfinite(result).all()):
        return result
    images = len(windows) // len(places)
    for number, place in enumerate(places):
        own = slice(number * images, (number + 1) * images)
        if not bool(torch.isfinite(result[own]).all()):
            result[own] = _call_in_float32(model, call, windows[own], place)
    return result


def _call_in_float32(model: BCM, call: Call, window: Tensor, place: Place) -> Tensor:
    """The call's result for a window that gave none in a lower precision; ImageError for none."""
    dtype = model.dtype
    if dtype != torch.float32:
        model.network.float()
        try:
            result = call(window, [place])
        finally:
            model.network.to(dtype)
        if bool(torch.isfinite(result).all()):
            return result
    (top, bottom), (left, right) = place
    raise ImageError(
        f"the network gave no finite result at rows {top} to {bottom}, columns {left} to {right}: "
        "the input or the checkpoint is at fault"
    )
