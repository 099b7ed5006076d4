"""Photographs: what to train on, as bytes on the device; crops are cut there."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from restore.images import as_picture
from restore.training.leaves import dead_leaves
from restore.training.workers import Workers

SCALES = (1.0, 0.6, 0.36)


class Photographs:
    """Training photographs as bytes on one device, each at several scales; crops are cut there."""

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        scales: Sequence[float] = SCALES,
        device: torch.device | str = "cpu",
    ) -> None:
        """`pictures` are (H, W, 3) uint8 arrays; scales below 1 shrink by area averaging."""
        levels = []
        for picture in pictures:
            for scale in scales:
                size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
                shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                levels.append(picture if scale == 1 else shrunk)
        self.sizes = torch.tensor([level.shape[:2] for level in levels])
        lengths = self.sizes.prod(dim=1)
        self.starts = (lengths.cumsum(0) - lengths).to(device)
        flat = np.concatenate([level.reshape(-1, 3) for level in levels])
        self.pixels = torch.from_numpy(flat).to(device)
        self.sizes = self.sizes.to(device)
        self._rooms: dict[int, tuple[Tensor, Tensor]] = {}

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        device: torch.device | str = "cpu",
        *,
        leaves: float = 0.0,
        scales: Sequence[float] = SCALES,
        workers: Workers | None = None,
    ) -> Photographs:
        """All PNG, JPEG, WebP and AVIF files of a folder, and `leaves` of all pixels dead leaves.

        `workers` decode; by default the calling thread alone.
        """
        endings = {".png", ".jpg", ".jpeg", ".webp", ".avif"}
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in endings)
        if not paths:
            raise FileNotFoundError(f"no pictures in {folder}: run examples/debian_photos.py first")
        pixels = (workers or Workers()).map(lambda path: as_picture(path).pixels, paths)
        pictures = [np.repeat(p, 3, 2) if p.shape[2] == 1 else p for p in pixels]
        area = leaves / (1 - leaves) * sum(p.shape[0] * p.shape[1] for p in pictures)
        fallen = [dead_leaves(pictures, 512, seed) for seed in range(round(area / 512**2))]
        return cls(pictures + fallen, scales, device)

    def crops(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """n random crops (n, 3, size, size) in [-1, 1], turned and mirrored, seldom flat."""
        device = self.pixels.device
        large, rooms = self._places(size)
        drawn = torch.rand(2 * n, generator=generator, device=device, dtype=torch.double)
        which = large[
            torch.searchsorted(rooms, drawn * rooms[-1], right=True).clamp_max(len(large) - 1)
        ]
        place = torch.rand(2 * n, 2, generator=generator, device=device)
        corner = (place * (self.sizes[which] - size + 1)).long()
        width = self.sizes[which, 1]
        start = self.starts[which] + corner[:, 0] * width + corner[:, 1]

        def cut(start: Tensor, width: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
            """The pixels of crops (n, h, w, 3) at places (h, w), or (n, h, w) to each its own."""
            return self.pixels[start[:, None, None] + rows * width[:, None, None] + columns].float()

        coarse = torch.arange(0, size, size // 8, device=device)
        contrast = cut(start, width, coarse[:, None], coarse).std(dim=(1, 2)).mean(dim=1)
        weight = contrast.clamp(max=20) + 2
        race = torch.empty_like(weight).exponential_(generator=generator) / weight
        chosen = race.argsort()[:n]
        turn = torch.randint(0, 8, (n,), generator=generator, device=device)
        places = _turned(size, device)[turn]
        x = cut(start[chosen], width[chosen], places // size, places % size)
        return x.permute(0, 3, 1, 2) / 127.5 - 1

    def _places(self, size: int) -> tuple[Tensor, Tensor]:
        """The pictures that hold a crop, and how many places for one they have, summed up."""
        if size not in self._rooms:
            large = (self.sizes.min(dim=1).values >= size).nonzero()[:, 0]
            rooms = (self.sizes[large] - size + 1).prod(dim=1)
            self._rooms[size] = large, rooms.double().cumsum(0)
        return self._rooms[size]


@functools.cache
def _turned(size: int, device: torch.device) -> Tensor:
    """Where the pixels of a square come from, row * size + column, in its eight positions."""
    square = torch.arange(size * size).reshape(size, size)
    turned = [square.rot90(k) for k in range(4)]
    return torch.stack(turned + [place.flip(1) for place in turned]).to(device)
