"""Encoding: from a picture to the bytes of a file, upright, with its profile and its EXIF block.

Pillow writes PNG, JPEG and WebP at 8 bits; 16 bits and TIFF are written by this room.
"""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from restore.errors import ImageError, RequestError, ResourceError
from restore.images import png, tiff
from restore.images.formats import check_encodable
from restore.images.picture import Picture

JPEG_QUALITY = 95


def encode(
    picture: Picture,
    format: str = "PNG",
    *,
    quality: int | None = None,
    depth: int | None = None,
    strip: bool = False,
) -> bytes:
    """The file of a picture, in PNG, JPEG, WEBP or TIFF.

    quality: 1 to 100 for JPEG (95 unless told, always 4:4:4) and WebP (lossless unless told);
    the others are lossless and take no notice.
    depth: 8 or 16 bits a sample, the picture's own unless told.
    strip: leave out EXIF; the colour profile stays, since colours would change without it.

    Alpha that is opaque everywhere counts as none in JPEG. Raises RequestError for what the format
    cannot hold: 16 bits or transparency in JPEG, 16 bits in WebP, too long a side; ImageError where
    the encoder fails, as on EXIF too long for JPEG.
    """
    depth = depth or picture.depth
    if format == "JPEG" and picture.alpha is not None and _is_opaque(picture.alpha):
        picture = replace(picture, alpha=None)
    check_encodable(picture.size, format, picture.alpha is not None, depth)
    if quality is not None and not 1 <= quality <= 100:
        raise RequestError(f"quality {quality} is outside 1 to 100")
    picture = picture.upright().at_depth(depth)
    if strip:
        picture = replace(picture, exif=None)
    try:
        return _encode(picture, format, quality)
    except MemoryError as error:
        raise ResourceError(f"out of memory while encoding this {format}") from error
    except Exception as error:  # encoders raise anything; it is one file's failure
        cause = str(error) or type(error).__name__
        raise ImageError(f"{format} cannot be encoded: {cause}") from error


def _is_opaque(alpha: np.ndarray) -> bool:
    return bool((alpha == np.iinfo(alpha.dtype).max).all())


def _encode(picture: Picture, format: str, quality: int | None) -> bytes:
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack((samples, picture.alpha))
    if format == "TIFF":
        return tiff.encode(samples, picture.exif, picture.icc)
    if picture.depth == 16:
        return png.encode16(samples, picture.exif, picture.icc)
    options: dict[str, Any] = {"compress_level": 4}
    if format == "JPEG":
        options = {"quality": quality or JPEG_QUALITY, "subsampling": 0}
    elif format == "WEBP":
        # Quality is the effort where nothing is lost; more than 30 is slow for a hundredth.
        options = {"lossless": quality is None, "quality": quality or 30, "exact": True}
    image = Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
    file = BytesIO()
    image.save(file, format, exif=picture.exif or b"", icc_profile=picture.icc, **options)
    return file.getvalue()
