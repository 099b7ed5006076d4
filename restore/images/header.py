"""ImageHeader: what the header of an image file says, read without decoding a pixel."""

import os
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from PIL.ExifTags import Base

from restore.errors import ImageError
from restore.images.formats import sniff
from restore.images.png import exif_block
from restore.images.tiff import BITSPERSAMPLE, IMAGELENGTH, IMAGEWIDTH


@dataclass(frozen=True)
class ImageHeader:
    """size: (width, height), upright. alpha: has transparency. depth: bits a sample, 8 or 16."""

    format: str
    size: tuple[int, int]
    alpha: bool
    depth: int


def read_header(source: str | os.PathLike[str] | bytes) -> ImageHeader:
    """The header of a file, by its path or its bytes. ImageError where its header is unreadable.

    That it can be read whole is not said.
    """
    try:
        with BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as stream:
            head = stream.read(1024)
            format = sniff(head)
            stream.seek(0)
            with Image.open(stream, formats=(format,)) as image:
                exif = Image.Image.getexif(image)  # PNG's own would decode all to look for it
                if format == "PNG" and not exif and (block := exif_block(stream)):
                    exif.load(block)
                turned = exif.get(Base.Orientation) in (5, 6, 7, 8)
                size, bits = image.size, 8
                if format == "PNG":
                    bits = head[24]
                elif format == "TIFF":  # some versions of Pillow turn its size, and some do not
                    size = exif[IMAGEWIDTH], exif[IMAGELENGTH]
                    bits = max(image.tag_v2.get(BITSPERSAMPLE, (8,)))  # type: ignore[attr-defined]
                size = size[::-1] if turned else size
                return ImageHeader(
                    format, size, image.has_transparency_data, 16 if bits == 16 else 8
                )
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise anything
        raise ImageError(f"no readable image: {str(error) or type(error).__name__}") from error
