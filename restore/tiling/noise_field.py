"""NoiseField: standard normal noise that belongs to the absolute pixel.

No window, batch or device changes what noise a pixel gets: it follows from the seed, the step and
the pixel's place alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from restore.tiling.spans import Place, Range

NOISE_CELL = 128  # pixels


class NoiseField:
    """Standard normal noise as a function of (seed, step, absolute pixel).

    The plane is divided into cells of 128 by 128 pixels, each drawn from a generator of its own on
    the CPU; a step is an evaluation of a run. Several seeds give a batch, each image its own noise.
    `chroma`, 0 to 1, scales what differs between the channels, and leaves their mean alone.
    `origin` is the row and the column of the picture that places are counted from, for a crop.
    """

    def __init__(self, *seeds: int, chroma: float = 1.0, origin: tuple[int, int] = (0, 0)) -> None:
        self.seeds = seeds
        self.chroma = chroma
        self.origin = origin

    def __call__(self, step: int, rows: Range, columns: Range) -> Tensor:
        """Noise (B, 3, h, w) for the rows [top, bottom) and columns [left, right)."""
        (top, bottom), (left, right) = Place(rows, columns).shift(*self.origin)
        out = torch.empty(len(self.seeds), 3, bottom - top, right - left)
        for i in range(top // NOISE_CELL, -(-bottom // NOISE_CELL)):
            for j in range(left // NOISE_CELL, -(-right // NOISE_CELL)):
                y, x = i * NOISE_CELL, j * NOISE_CELL
                y0, y1 = max(y, top), min(y + NOISE_CELL, bottom)
                x0, x1 = max(x, left), min(x + NOISE_CELL, right)
                for n, seed in enumerate(self.seeds):
                    cell = self._cell(seed, step, i, j)[:, y0 - y : y1 - y, x0 - x : x1 - x]
                    out[n, :, y0 - top : y1 - top, x0 - left : x1 - left] = cell
        if self.chroma != 1:
            grey = out.mean(dim=1, keepdim=True)
            out.sub_(grey).mul_(self.chroma).add_(grey)
        return out

    def at(self, step: int, places: Sequence[Place], device: torch.device) -> Tensor:
        """Noise (n B, 3, h, w) of n windows of one shape in turn, on a device."""
        return torch.cat([self(step, rows, columns) for rows, columns in places]).to(device)

    def add_(self, x: Tensor, amount: float, step: int = 0) -> Tensor:
        """x (B, 3, H, W) plus `amount` times the noise of a step, in place.

        It goes in bands of rows, so that memory stays near that of x.
        """
        height, width = x.shape[-2:]
        for top in range(0, height, NOISE_CELL) if amount else ():
            bottom = min(top + NOISE_CELL, height)
            fresh = self(step, (top, bottom), (0, width)).to(x.device)
            x[:, :, top:bottom].add_(fresh, alpha=amount)
        return x

    def _cell(self, seed: int, step: int, i: int, j: int) -> Tensor:
        key = seed & (2**64 - 1)
        for value in (step, i, j):  # splitmix64: every bit of the key depends on all four
            key = (key + 0x9E3779B97F4A7C15 * (value + 1)) & (2**64 - 1)
            key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
            key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
            key ^= key >> 31
        generator = torch.Generator().manual_seed(key >> 1)
        return torch.randn(3, NOISE_CELL, NOISE_CELL, generator=generator)
