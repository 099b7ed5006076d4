"""Encoding: from a picture to the bytes of a file, upright, with all that it carries.

Pillow writes PNG, JPEG and WebP at 8 bits; 16 bits and TIFF are written here, and so is all that
stands beside the pixels of PNG, JPEG and TIFF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from restore.errors import ImageError, RequestError, ResourceError
from restore.formats import BY_NAME, check_encodable
from restore.images import jfif, png, tiff
from restore.images.exif import correct_exif
from restore.images.metadata import Metadata, correct_xmp, list_lost
from restore.images.picture import Picture

BAND = 8  # rows that are tried at once
LARGE = 1 << 18  # samples: of fewer no time is to be won; twice as many are tried at most
TOLERATED = 1.02  # times the size of all of deflate
SWAPS = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}  # by channels
RUNS = (
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
)  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """data: the bytes of a file. warnings: sentences on what did not get into it."""

    data: bytes
    warnings: tuple[str, ...] = ()


def encode(
    picture: Picture,
    format: str = "PNG",
    *,
    quality: int | None = None,
    depth: int | None = None,
    strip: bool = False,
    sampling: str = "4:4:4",
) -> bytes:
    """The file of a picture, in PNG, JPEG, WEBP or TIFF.

    quality: 1 to 100 for JPEG (95 unless told) and WebP (lossless unless told); the others are
    lossless and take no notice.
    depth: 8 or 16 bits a sample, the picture's own unless told.
    strip: leave out EXIF, XMP, IPTC, comments and texts; the colour profile stays, since colours
    would change without it, and so does the resolution.
    sampling: of a JPEG's chroma, "4:4:4", "4:2:2" or "4:2:0".

    Alpha that is opaque everywhere counts as none in JPEG. Raises RequestError for what the format
    cannot hold: 16 bits or transparency in JPEG, 16 bits in WebP, too long a side; ImageError where
    the encoder fails.
    """
    return encode_file(
        picture, format, quality=quality, depth=depth, strip=strip, sampling=sampling
    ).data


def encode_file(
    picture: Picture,
    format: str = "PNG",
    *,
    quality: int | None = None,
    depth: int | None = None,
    strip: bool = False,
    sampling: str = "4:4:4",
) -> Encoded:
    """As `encode`, with a sentence on each part of the metadata that did not get into the file."""
    depth = depth or picture.depth
    if format == "JPEG" and picture.alpha is not None and _is_opaque(picture.alpha):
        picture = replace(picture, alpha=None)
    check_encodable(picture.size, format, picture.alpha is not None, depth)
    if quality is not None and not 1 <= quality <= 100:
        raise RequestError(f"quality {quality} is outside 1 to 100")
    picture = picture.upright().at_depth(depth)
    if strip:
        picture = replace(picture, exif=None, metadata=picture.metadata.without_private())
    lost = list_lost(picture.metadata, format, picture.icc is not None)
    try:
        data, warnings = _encode(picture, format, quality, sampling)
    except MemoryError as error:
        raise ResourceError(f"out of memory while encoding this {format}") from error
    except Exception as error:  # encoders raise anything; it is one file's failure
        cause = str(error) or type(error).__name__
        raise ImageError(f"{format} cannot be encoded: {cause}") from error
    return Encoded(data, (*lost, *warnings))


def loses(
    picture: Picture, format: str, quality: int | None = None, depth: int | None = None
) -> bool:
    """Whether a file shows other pixels than the picture that `encode` makes it of."""
    narrower = depth is not None and depth < picture.depth
    return format == "JPEG" or (format == "WEBP" and quality is not None) or narrower


def _is_opaque(alpha: np.ndarray) -> bool:
    return bool((alpha == np.iinfo(alpha.dtype).max).all())


def _encode(
    picture: Picture, format: str, quality: int | None, sampling: str
) -> tuple[bytes, list[str]]:
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack((samples, picture.alpha))
    exif, metadata = _corrected(picture, format)
    if format == "TIFF":
        return tiff.encode_tiff(samples, metadata, picture.icc, exif), []
    if picture.depth == 16:
        return png.with_metadata(png.encode16(samples), metadata, picture.icc, exif)
    options = BY_NAME[format].options(quality)
    if format == "PNG":
        return png.with_metadata(_encode_png(samples, options), metadata, picture.icc, exif)
    if format == "JPEG":
        plain = _save(samples, format, **options, subsampling=sampling)
        return jfif.with_metadata(plain, metadata, picture.icc, exif)
    own = {"exif": exif or b"", "icc_profile": picture.icc, "xmp": metadata.xmp or b""}
    return _save(samples, format, **options, **own), []


def _save(samples: np.ndarray, format: str, **options: object) -> bytes:
    """As Pillow writes (H, W, C) uint8."""
    image = Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _encode_png(samples: np.ndarray, options: Mapping[str, object]) -> bytes:
    """The chunks of the pixels: by runs where that costs hardly any size, as in photographs.

    A sixteenth of the picture is tried, and of large ones less.
    """
    if samples.size >= LARGE:
        step = max(16, samples.size // LARGE // 2) * BAND
        bands = [samples[top : top + BAND] for top in range(0, len(samples), step)]
        tried = np.concatenate(bands)
        found = _encode_runs(tried)
        if found and len(found) <= TOLERATED * len(_save(tried, "PNG", **options)):
            return _encode_runs(samples) or _save(samples, "PNG", **options)
    return _save(samples, "PNG", **options)


def _encode_runs(samples: np.ndarray) -> bytes | None:
    """A PNG of one filter, in which deflate looks for runs alone: a third of the time.

    None where OpenCV writes none.
    """
    if samples.shape[2] == 2:
        return None
    if samples.shape[2] > 1:
        samples = cv2.cvtColor(samples, SWAPS[samples.shape[2]])
    try:
        done, data = cv2.imencode(".png", samples, RUNS)
    except cv2.error:  # Pillow may do it, and says why not
        return None
    return data.tobytes() if done else None


def _corrected(picture: Picture, format: str) -> tuple[bytes | None, Metadata]:
    """EXIF and metadata that speak of this very picture."""
    metadata = picture.metadata
    own_place = format in ("PNG", "JPEG", "TIFF")  # EXIF is a second one
    try:
        exif = correct_exif(picture.exif, picture.size, metadata.resolution, not own_place)
    except Exception:  # tags of a wrong kind; metadata cost no picture
        exif = picture.exif
    if metadata.xmp:
        metadata = replace(metadata, xmp=correct_xmp(metadata.xmp, picture.size))
    return exif, metadata
