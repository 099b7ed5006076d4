"""Result: a restored picture and the record of what was done and what it proves."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, TypeAlias

import numpy as np

from restore.errors import RequestError
from restore.files import write_atomically
from restore.images import (
    Encoded,
    Picture,
    decode,
    encode,
    encode_file,
    format_of,
    loses,
    sniff,
)
from restore.record import JSON, Metrics, Record, describe_proof
from restore.uncertainty import chart

if TYPE_CHECKING:
    from numpy.typing import DTypeLike
    from PIL.Image import Image
    from torch import Tensor

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | IO[bytes] | Image | np.ndarray | Tensor | Picture | Result"
)
"""A path, the bytes of a file, an open file, a PIL image, an array (H, W) or (H, W, 1 to 4) or a
tensor (C, H, W) of uint8, uint16 or floats from 0 to 1, a Picture, or a Result."""
COPIED = "The file is the given one, byte for byte."


@dataclass(eq=False, repr=False)
class Result:
    """picture: the restored picture with all that the input's file carried.

    record: what was done and what it proves; `save` adds warnings on what a file could not hold.
    uncertainty: (H, W) float32, each pixel's standard
    deviation over several draws in 8-bit levels, the root of its mean square over the channels;
    None of one draw. prove: gives the figures of another picture in its place, as a lossy file
    shows. unchanged: the given file's bytes, where the picture was left alone.
    """

    picture: Picture
    record: Record
    uncertainty: np.ndarray | None = None
    prove: Callable[[Picture], Metrics] | None = None
    unchanged: bytes | None = None

    @property
    def report(self) -> dict[str, JSON]:
        """The record of `--json`, one dictionary of JSON types."""
        return self.record.as_dict()

    @property
    def image(self) -> np.ndarray:
        """(H, W, C) uint8 or uint16, the input's depth; alpha comes last, where it had one.

        Grey without alpha is (H, W).
        """
        return self.picture.array()

    def pillow(self) -> Image:
        """The picture as Pillow has it, of 8 bits; grey without alpha stays at 16 (`I;16`)."""
        return self.picture.pillow()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """`image`, for NumPy and what takes its arrays."""
        return np.array(self.image, dtype, copy=copy is not False)

    def _repr_png_(self) -> bytes:
        """The picture as a notebook shows it, reduced where it is large."""
        return self.picture.preview()

    def __repr__(self) -> str:
        width, height = self.picture.size
        proof = "".join(f", {part}" for part in describe_proof(self.record.metrics))
        return f"Result({self.record.task}, {width}×{height}, {self.record.status}{proof})"

    def save(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        quality: int | None = None,
        depth: int | None = None,
        strip: bool = False,
    ) -> Record:
        """Write the picture, whole or not at all, and give the record of what the file shows.

        A picture that was left alone is written as the very file that it came in, where the format
        is the same and no option asks for another.

        What the format has no place for, as a comment or EXIF too long for it, is left out, and
        `record.warnings` say so from then on.

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
        encoded, record = self.encode(kind, quality=quality, depth=depth, strip=strip)
        data = encoded.data
        if isinstance(path, str | os.PathLike):
            write_atomically(path, data)
        elif callable(getattr(path, "write", None)):
            path.write(data)
        else:
            raise RequestError(
                f"a path or a file opened for bytes was expected, found {type(path).__name__}"
            )
        warnings = dict.fromkeys((*self.record.warnings, *encoded.warnings))
        self.record = replace(self.record, warnings=tuple(warnings))
        return replace(record, warnings=(*record.warnings, *encoded.warnings))

    def encode(
        self,
        format: str = "PNG",
        *,
        quality: int | None = None,
        depth: int | None = None,
        strip: bool = False,
    ) -> tuple[Encoded, Record]:
        """The file of the picture, and the record with the figures of what that file shows.

        Arguments and errors as of `save`, with a format in capitals.
        """
        if self.copies(format, quality, depth, strip):
            assert self.unchanged is not None
            record = replace(self.record, warnings=(*self.record.warnings, COPIED))
            return Encoded(self.unchanged), record
        encoded = encode_file(self.picture, format, quality=quality, depth=depth, strip=strip)
        if self.prove is None or not loses(self.picture, format, quality, depth):
            return encoded, self.record
        shown = decode(encoded.data, max_pixels=math.prod(self.picture.size))
        found: Metrics = {**self.record.metrics, **self.prove(shown)}
        return encoded, replace(self.record, metrics=found)

    def copies(
        self, format: str, quality: int | None = None, depth: int | None = None, strip: bool = False
    ) -> bool:
        """Whether `encode` gives the very file that the picture came in."""
        if self.unchanged is None or quality is not None or strip:
            return False
        return depth in (None, self.picture.depth) and sniff(self.unchanged) == format

    def uncertainty_picture(self) -> Picture:
        """The uncertainty in colour, with a scale; RequestError where there was one draw alone."""
        if self.uncertainty is None:
            raise RequestError("one draw has no spread: ask for samples=2 or more")
        return chart(self.uncertainty, self.record.more["samples"])

    def save_uncertainty(self, path: str | os.PathLike[str]) -> None:
        """Write `uncertainty_picture`; errors as of it and of `save`."""
        write_atomically(path, encode(self.uncertainty_picture(), format_of(path)))
