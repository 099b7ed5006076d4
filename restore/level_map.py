"""LevelMap: Gaussian noise that only a hole has; the pixels around it are known.

    x = guess + w (x_t - guess),    w = g² / (g² + t²)

is what Wiener's filter leaves of it in the hole, for pictures that lie by a standard deviation of g
about a guess. That is the smooth fill of what is known (`restore.holes`), itself the mean of all
pictures whose curvature is Gaussian. At t = 80 nothing is left but the guess: what a hole is. As in
FFDNet (Zhang et al. 2018, arXiv 1710.04026) the network sees the map beside the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

GUESS = 0.14  # g: as much as there is detail that a guess lacks


@dataclass(frozen=True)
class LevelMap:
    """What is known of such noise, for each image of a batch or for all.

    hole: (B, 1, H, W) or (1, 1, H, W) float, 1 in the hole and 0 where pixels are known. t: (B,) or
    (1,), the level in the hole, in [0.002, 80].
    """

    hole: Tensor
    t: Tensor

    @classmethod
    def of(cls, hole: Tensor, t: float) -> LevelMap:
        """That of a hole (B, 1, H, W) of float, of one level for all images."""
        return cls(hole, torch.full((1,), t, device=hole.device))

    @property
    def kept(self) -> Tensor:
        """w (B,) or (1,)."""
        return GUESS**2 / (GUESS**2 + self.t**2)

    @property
    def level(self) -> Tensor:
        """The level of white noise that leaves as much unknown: g sqrt(1 - w)."""
        return GUESS * (1 - self.kept).sqrt()

    @property
    def spectrum(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """That of white noise of `level`."""
        return self.level, self.level, self.level, torch.full_like(self.t, 0.5)

    @property
    def plane(self) -> Tensor:
        """What the network sees of it, (B, 1, H, W) or (1, 1, H, W): `level` / g in the hole."""
        return self.hole * (1 - self.kept).sqrt()[:, None, None, None]

    def through(self, change: Callable[[Tensor], Tensor]) -> LevelMap:
        """That of images which `change` has cut or turned, as it does the hole."""
        return replace(self, hole=change(self.hole))

    def weigh(self, guess: Tensor, x: Tensor) -> Tensor:
        """What is left of images x (B, 3, H, W), at level t in the hole, behind the filter.

        guess: of x's shape, x itself where it is known. At known pixels x comes out as it is.
        """
        kept = self.kept[:, None, None, None]
        return torch.where(self.hole > 0, torch.lerp(guess, x, kept), x)
