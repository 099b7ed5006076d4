"""Metadata: what a file says beside its pixels; here the colour profile and the EXIF block.

EXIF is read and written again by Pillow, which leaves out its thumbnail: a preview of the
unrestored picture has no place in the restored one.
"""

from io import BytesIO
from typing import Any

from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

# Tags that lay out the pixels of one file and mean nothing in the next.
LAYOUT = (
    *range(254, 267),
    *(273, 277, 278, 279, 280, 281, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347),
    *range(512, 533),
    *(Base.XMLPacket, Base.IPTCNAA, Base.ImageResources, Base.InterColorProfile),
)


def carried_exif(image: Image.Image) -> tuple[bytes | None, int, list[str]]:
    """The EXIF block to carry on, the orientation 1 to 8, and warnings.

    The block keeps the orientation tag where it is still to be applied. What cannot be read is
    dropped with a warning.
    """
    try:
        tags = entries(image.getexif())
        if not tags and image.info.get("exif", b"").removeprefix(b"Exif\0\0"):
            raise ValueError("not one tag in it")
        orientation = tags.get(Base.Orientation, 1)
        upright = orientation not in range(2, 9)
        dropped = (*LAYOUT, Base.Orientation) if upright else LAYOUT
        block = _block({tag: value for tag, value in tags.items() if tag not in dropped})
    except Exception:  # garbage fails in many ways, and none of them is worth a picture
        return None, 1, ["EXIF could not be read and was dropped"]
    if upright and orientation != 1:
        return block, 1, [f"EXIF orientation {orientation!r} is none of 1 to 8 and was dropped"]
    return block, int(orientation), []


def without_orientation(block: bytes | None) -> bytes | None:
    """An EXIF block without its orientation tag; None where nothing else is left."""
    tags = tags_of(block)
    tags.pop(Base.Orientation, None)
    return _block(tags)


def tags_of(block: bytes | None) -> dict[int, Any]:
    """The tags of an EXIF block, as `entries` gives them."""
    exif = Image.Exif()
    exif.load(block or b"")
    return entries(exif)


def entries(exif: Image.Exif) -> dict[int, Any]:
    """The tags of an EXIF directory, with the directories in it in place of their offsets."""
    tags = dict(exif)
    for tag in (IFD.Exif, IFD.GPSInfo):
        if isinstance(tags.get(tag), int):
            tags[tag] = dict(exif.get_ifd(tag))
    inner = tags.get(IFD.Exif, {})
    if isinstance(inner.get(IFD.Interop), int):
        inner[IFD.Interop] = dict(exif.get_ifd(IFD.Interop))
    return tags


def _block(tags: dict[int, Any]) -> bytes | None:
    if not tags:
        return None
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes()


def fits(profile: bytes, grey: bool) -> bool:
    """Whether an ICC profile describes pixels of this kind, and is whole enough to be applied."""
    try:
        ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            "L" if grey else "RGB",
            "RGB",
        )
    except (OSError, TypeError, ValueError, ImageCms.PyCMSError):
        return False
    return True
