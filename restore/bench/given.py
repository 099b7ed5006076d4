"""Given: what a restoration starts from, a clean picture degraded, as a user would have it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from restore.images import Picture, decode


@dataclass(frozen=True, eq=False)
class Given:
    """The bytes of a file, and what is known beside them.

    size: (width, height) of the result. hole: (H, W) bool, where pixels are missing. sigma: the
    noise's deviation in levels of 8 bits. kernel: (h, w), of a blur.
    """

    data: bytes
    size: tuple[int, int]
    hole: np.ndarray | None = None
    sigma: float | None = None
    kernel: Any = None

    @cached_property
    def picture(self) -> Picture:
        """What the file shows."""
        return decode(self.data)
