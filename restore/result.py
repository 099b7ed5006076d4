"""Result: a restored picture and the record of what was done and what it proves."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from restore.errors import RequestError
from restore.images import Picture, encode, format_of, write_atomically
from restore.record import JSON, Record
from restore.uncertainty import charted


@dataclass(frozen=True, eq=False)
class Result:
    """picture: the restored picture with all that the input's file carried.

    record: what was done and what it proves.
    uncertainty: (H, W) float32, each pixel's standard deviation over several draws in 8-bit levels,
    the root of its mean square over the channels; None of one draw.
    """

    picture: Picture
    record: Record
    uncertainty: np.ndarray | None = None

    @property
    def report(self) -> dict[str, JSON]:
        """The record of `--json`, one dictionary of JSON types."""
        return self.record.as_dict()

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

    def uncertainty_picture(self) -> Picture:
        """The uncertainty in colour, with a scale; RequestError where there was one draw alone."""
        if self.uncertainty is None:
            raise RequestError("one draw has no spread: ask for samples=2 or more")
        return charted(self.uncertainty, self.record.more["samples"])

    def save_uncertainty(self, path: str | os.PathLike[str]) -> None:
        """Write `uncertainty_picture`; errors as of it and of `save`."""
        write_atomically(path, encode(self.uncertainty_picture(), format_of(path)))
