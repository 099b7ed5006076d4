"""Progress: how long a run is expected to take, and how far it has come."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from restore.batch import Progress
from restore.cli.terminal import Terminal, complain, escape, format_seconds

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from restore.bcm import BCM
    from restore.tiling import Tile

LINE_SECONDS = 30.0  # between two lines on all files where there is no terminal


class Meter:
    """The files of a run, `total` of them: the one in work, how many are done, rate, time left."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal, self._total, self._done = terminal, total, 0
        self._began = self._last = time.monotonic()
        self._bars: Bars | None = None
        self._rows: list[TaskID] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Meter:
        if self._total and not self._terminal.quiet and sys.stderr.isatty():
            self._bars = self._terminal.bars()
            if self._total > 1:
                self._rows.append(self._bars.add_task("all", total=self._total, note=""))
            self._rows.append(self._bars.add_task("", total=None, note=""))
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars:
            self._bars.stop()

    def begin(self, label: str) -> Progress | None:
        """A file's turn; what to call as its windows go through the network."""
        if self._terminal.quiet:
            return None
        if self._bars is None:
            return self._terminal.lines(label)
        bars, row = self._bars, self._rows[-1]
        bars.reset(row, description=escape(label), total=None, note="")

        def update(done: int, total: int) -> None:
            bars.update(row, completed=done, total=total, note=f"{done / max(total, 1):.0%}")

        return update

    def advance(self) -> None:
        """One more file is done."""
        with self._lock:
            self._done += 1
            if self._bars:
                if self._total > 1:
                    self._bars.update(self._rows[0], completed=self._done, note=self._pace())
                return
            now = time.monotonic()
            if self._total > 1 and self._done < self._total and now - self._last >= LINE_SECONDS:
                self._last = now
                if not self._terminal.quiet:
                    complain(self._pace())

    def _pace(self) -> str:
        """How many are done, how fast, and how long the rest will take."""
        seconds = time.monotonic() - self._began
        rate = self._done / seconds * 60
        left = format_seconds(seconds / self._done * (self._total - self._done))
        return f"{self._done}/{self._total}, {rate:.3g} a minute, about {left} left"


PROBE_SIDE = 128  # pixels: a call that takes a fraction of a second


def describe_run(model: BCM, what: str, nfe: int | str, how: str, seconds: float | None) -> str:
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
