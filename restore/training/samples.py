"""Samples: pictures of one small size, to generate more of their kind."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Samples:
    """Pictures of one size as bytes on one device, drawn as they are."""

    def __init__(self, pixels: np.ndarray, device: torch.device | str = "cpu") -> None:
        """`pixels` (N, H, W), grey, or (N, H, W, 3), uint8."""
        found = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
        self.pixels = found[..., None] if found.ndim == 3 else found

    def crops(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """n of the pictures at random (n, 3, size, size) in [-1, 1], `size` being theirs."""
        assert self.pixels.shape[1] == self.pixels.shape[2] == size
        device = self.pixels.device
        return self.at(torch.randint(len(self.pixels), (n,), generator=generator, device=device))

    def at(self, numbers: Tensor) -> Tensor:
        """The pictures (n, 3, H, W) of some numbers (n,), in [-1, 1]."""
        x = self.pixels[numbers].float().permute(0, 3, 1, 2) / 127.5 - 1
        return x.expand(-1, 3, -1, -1)
