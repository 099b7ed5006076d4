"""Result: a restored picture and the record of what was done and what it proves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from restore.errors import RequestError
from restore.images import Picture, encode, format_of, write_atomically
from restore.record import JSON, Record
from restore.uncertainty import charted

if TYPE_CHECKING:
    from PIL.Image import Image


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
        """(H, W, C) uint8 or uint16, the input's depth; alpha comes last, where it had one.

        Grey has a C of 1: `image[..., 0]` is (H, W), and `pillow()` an image of Pillow's.
        """
        pixels, alpha = self.picture.pixels, self.picture.alpha
        return pixels if alpha is None else np.dstack([pixels, alpha])

    def pillow(self) -> Image:
        """The picture as Pillow has it, of 8 bits; grey without alpha stays at 16 (`I;16`)."""
        return self.picture.pillow()

    def save(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        quality: int | None = None,
        depth: int | None = None,
        strip: bool = False,
    ) -> None:
        """Write the picture, whole or not at all.

        Args:
            path: of the file, or a file opened for writing bytes, such as `io.BytesIO()`.
            format: "PNG", "JPEG", "WEBP" or "TIFF"; by the path's ending where None.
            quality: 1 to 100 for JPEG (95 unless told) and WebP (lossless unless told).
            depth: 8 or 16 bits a sample; None is the picture's own.
            strip: leave out EXIF, XMP, IPTC, comments and texts.

        Raises:
            RequestError: what the format cannot hold, and an ending or a format not known.
            ResourceError: the path cannot be written.
        """
        named = isinstance(path, str | os.PathLike)
        if format is None and not named:
            raise RequestError("a file without a name says no format: give format='PNG'")
        kind = format.upper() if format else format_of(path)  # type: ignore[arg-type]
        data = encode(self.picture, kind, quality=quality, depth=depth, strip=strip)
        if isinstance(path, str | os.PathLike):
            write_atomically(path, data)
        elif callable(getattr(path, "write", None)):
            path.write(data)
        else:
            raise RequestError(
                f"a path or a file opened for bytes was expected, found {type(path).__name__}"
            )

    def uncertainty_picture(self) -> Picture:
        """The uncertainty in colour, with a scale; RequestError where there was one draw alone."""
        if self.uncertainty is None:
            raise RequestError("one draw has no spread: ask for samples=2 or more")
        return charted(self.uncertainty, self.record.more["samples"])

    def save_uncertainty(self, path: str | os.PathLike[str]) -> None:
        """Write `uncertainty_picture`; errors as of it and of `save`."""
        write_atomically(path, encode(self.uncertainty_picture(), format_of(path)))
