"""Announcement: one line, before a run, on what will run and how long it is expected to take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from restore.cli.terminal import format_seconds

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.tiling import Tile

PROBE_SIDE = 128  # pixels: a call that takes a fraction of a second


def describe_run(model: BCM, what: str, nfe: int, how: str, seconds: float | None) -> str:
    """One line on what will run, on what, and for how many seconds where that is known."""
    import torch

    from restore.devices import dtype_name

    assert model.checkpoint is not None
    threads = torch.get_num_threads()
    parts = [
        what,
        str(model.device),
        f"{threads} thread{'s' if threads > 1 else ''}",
        dtype_name(model.dtype),
        f"{model.checkpoint.name} ({model.checkpoint.architecture})",
        f"NFE {nfe}",
        how,
    ]
    return ", ".join(parts) + (f"; about {format_seconds(seconds)}" if seconds else "")


def estimate_seconds(
    model: BCM, sizes: Sequence[tuple[int, int]], nfe: int, tile: Tile
) -> float | None:
    """Seconds that the network needs for images of these (width, height), by a timed call.

    None where that call would take too long: a network that takes its own windows alone is too
    large for a call that nobody asked for.
    """
    import torch

    from restore.tiling import window_count, window_shape

    if not sizes or model.network.receptive_field is None:
        return None
    pixels = 0
    for width, height in sizes:
        rows, columns = window_shape(model, height, width, tile)
        pixels += window_count(model, height, width, tile) * rows * columns
    side = min(PROBE_SIDE, max(max(size) for size in sizes))
    side, _ = window_shape(model, side, side, 0)
    x = torch.zeros(1, 3, side, side, device=model.device)
    with torch.inference_mode():
        for _ in range(2):  # the first call warms up
            began = time.perf_counter()
            float(model.denoise(x, 0.2).mean())  # waits for the device
    seconds = time.perf_counter() - began
    return seconds / side**2 * pixels * nfe
