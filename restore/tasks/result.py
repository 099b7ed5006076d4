"""Result: a restored picture and the record of what was done and what it proves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from restore.images import Picture, encode, format_of, write_atomically


@dataclass(frozen=True, eq=False)
class Result:
    """picture: the restored picture with all that the input's file carried.

    report: the record of `--json`, one dictionary of JSON types.
    """

    picture: Picture
    report: dict[str, Any]

    @property
    def image(self) -> np.ndarray:
        """(H, W, C) uint8 or uint16, the input's depth; alpha comes last, where it had one."""
        pixels, alpha = self.picture.pixels, self.picture.alpha
        return pixels if alpha is None else np.dstack([pixels, alpha])

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        quality: int | None = None,
        depth: int | None = None,
        strip: bool = False,
    ) -> None:
        """Write the picture, whole or not at all, in the format of the path's ending.

        `strip` leaves EXIF out. Raises RequestError for what the format cannot hold and
        ResourceError where the path cannot be written.
        """
        data = encode(self.picture, format_of(path), quality=quality, depth=depth, strip=strip)
        write_atomically(path, data)
