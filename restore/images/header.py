"""ImageHeader: what the header of an image file says, read without decoding a pixel."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from mmap import ACCESS_READ, mmap

from PIL import Image
from PIL.ExifTags import Base

from restore.errors import ImageError
from restore.formats import sniff
from restore.images import jfif, tiff
from restore.images.directory import Bytes
from restore.images.exif import load_exif, read_exif
from restore.images.metadata import find_orientation
from restore.images.png import read_start
from restore.jpegfile.segments import read_layout

HEAD = 1024


@dataclass(frozen=True)
class ImageHeader:
    """size: (width, height), upright. alpha: has transparency. depth: bits a sample, 8 or 16."""

    format: str
    size: tuple[int, int]
    alpha: bool
    depth: int


def read_header(source: str | os.PathLike[str] | bytes) -> ImageHeader:
    """The header of a file, by its path or its bytes. ImageError where its header is unreadable.

    That it can be read whole is not said; nor that what may be transparent is.
    """
    try:
        with _view(source) as data:
            return _read(data)
    except ImageError:
        raise
    except Exception as error:  # readers raise anything
        raise ImageError(f"no readable image: {str(error) or type(error).__name__}") from error


def _read(data: Bytes) -> ImageHeader:
    format = sniff(data[:HEAD])
    if format == "PNG":
        size, depth, alpha, exif, xmp = read_start(data)
    elif format == "JPEG":
        layout = read_layout(data)
        size, depth, alpha = layout.size, 8, False
        bodies = [segment.body for segment in layout.segments if segment.marker == 0xE1]
        exif = next((body for body in bodies if body.startswith(jfif.EXIF)), b"")
        xmp = next((body for body in bodies if body.startswith(jfif.XMP)), b"")
    elif format == "TIFF":
        parts = tiff.take_apart(data, pixels=False)
        size, depth, alpha = parts.size, 16 if parts.deep else 8, any(parts.extra)
        exif, xmp = tiff.exif_of(data, parts.directory), parts.directory.bytes(tiff.XMP)
    else:
        with Image.open(BytesIO(data[:]), formats=(format,)) as image:
            turned = image.getexif().get(Base.Orientation) in (5, 6, 7, 8)
            size = image.size[::-1] if turned else image.size
            return ImageHeader(format, size, image.has_transparency_data, 8)
    turned = _orientation(exif, xmp) in (5, 6, 7, 8)
    return ImageHeader(format, size[::-1] if turned else size, alpha, depth)


def _orientation(exif: bytes, xmp: bytes) -> int:
    try:
        tags = load_exif(exif)
    except Exception:  # garbage, which reading drops
        tags = Image.Exif()
    return read_exif(tags, exif)[1] if Base.Orientation in tags else find_orientation(xmp)


@contextmanager
def _view(source: str | os.PathLike[str] | bytes) -> Iterator[Bytes]:
    if isinstance(source, bytes):
        yield source
        return
    if not stat.S_ISREG(os.stat(source).st_mode):  # opening a FIFO would wait for its writer
        raise ImageError("no readable image: it is no regular file")
    with open(source, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield b""
            return
        with mmap(file.fileno(), 0, access=ACCESS_READ) as view:
            yield view
