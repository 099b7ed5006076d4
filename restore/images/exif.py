"""EXIF: a directory of tags, with directories in it, as Pillow reads and writes it.

It is read and written again, which leaves out its thumbnail: a preview of the unrestored picture
has no place in the restored one. Tags that speak of the pixels' grid are corrected.
"""

from __future__ import annotations

from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from restore.images.metadata import GEOTIFF, Resolution, make_resolution

Tags = dict[int, Any]  # as Pillow reads them
IMAGE_SOURCE_DATA = 37724  # layers of Photoshop

# Tags that lay out the pixels of one file and mean nothing in the next, and what metadata hold.
LAYOUT = (
    *range(254, 267),
    *(273, 277, 278, 279, 280, 281, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347),
    *range(512, 533),
    *(Base.XMLPacket, Base.IPTCNAA, Base.ImageResources, Base.InterColorProfile),
    *(IMAGE_SOURCE_DATA, 50255, *GEOTIFF),
)
PLACES = (Base.SubjectLocation, 0x9214)  # of the subject, in pixels of another grid
LIMIT = 65533 - len(b"Exif\0\0")  # bytes, where a block has to fit into a segment of JPEG
METRES = {2: 0.0254, 3: 0.01}  # of the unit that a resolution is given for


def read_exif(exif: Image.Exif, given: bytes) -> tuple[bytes | None, int, list[str]]:
    """The EXIF block to carry on, the orientation 1 to 8, and warnings.

    given: the block as it stands in the file, b"" where the tags come from somewhere else. The
    result keeps the orientation tag where it is still to be applied. What cannot be read is dropped
    with a warning.
    """
    try:
        tags = list_entries(exif)
        if not tags and not _is_empty(given):
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


def load_exif(block: bytes) -> Image.Exif:
    """The tags of an EXIF block, whatever Pillow makes of it."""
    exif = Image.Exif()
    exif.load(block)
    return exif


def correct_exif(
    block: bytes | None, size: tuple[int, int], resolution: Resolution | None, place: bool
) -> bytes | None:
    """An EXIF block that speaks of an upright picture of a size and a resolution.

    place: whether the block is the only place that the file has for a resolution.
    """
    tags = list_tags(block)
    inner = tags.get(IFD.Exif)
    if isinstance(inner, dict):
        for tag, value in zip((Base.ExifImageWidth, Base.ExifImageHeight), size, strict=True):
            if tag in inner:
                inner[tag] = value
        if isinstance(interop := inner.get(IFD.Interop), dict):
            for number, value in zip((4097, 4098), size, strict=True):  # of the related image
                if number in interop:
                    interop[number] = value
    if resolution and (place or Base.XResolution in tags):
        tags[Base.XResolution], tags[Base.YResolution] = resolution.x, resolution.y
        tags[Base.ResolutionUnit] = 2 if resolution.absolute else 1
    return _block(tags)


def scale_exif(block: bytes | None, x: float, y: float) -> bytes | None:
    """An EXIF block of a picture with x and y times as many pixels, still as it was turned."""
    tags = list_tags(block)
    inner = tags.get(IFD.Exif)
    if not isinstance(inner, dict):
        return block
    for place in PLACES:
        inner.pop(place, None)
    for tag, gain in ((Base.FocalPlaneXResolution, x), (Base.FocalPlaneYResolution, y)):
        if tag in inner:
            inner[tag] = float(inner[tag]) * gain
    return _block(tags)


def turn_exif(block: bytes | None, orientation: int) -> bytes | None:
    """An EXIF block of a picture to which its orientation was applied; without that tag."""
    tags = list_tags(block)
    tags.pop(Base.Orientation, None)
    inner = tags.get(IFD.Exif)
    if isinstance(inner, dict):
        for place in PLACES:
            inner.pop(place, None)
    pairs = [(Base.XResolution, Base.YResolution, tags)]
    if isinstance(inner, dict):
        pairs.append((Base.FocalPlaneXResolution, Base.FocalPlaneYResolution, inner))
    for across, down, holder in pairs if orientation >= 5 else ():
        if across in holder and down in holder:
            holder[across], holder[down] = holder[down], holder[across]
    return _block(tags)


def shorten_exif(block: bytes | None, limit: int = LIMIT) -> tuple[bytes | None, str]:
    """As much of an EXIF block as fits into `limit` bytes, and what was left out of it, or ""."""
    if block is None or len(block) <= limit:
        return block, ""
    tags = list_tags(block)
    inner = tags.get(IFD.Exif)
    if isinstance(inner, dict) and inner.pop(Base.MakerNote, None) is not None:
        shorter = _block(tags)
        if shorter is None or len(shorter) <= limit:
            return shorter, "the maker's note of its EXIF"
    holders: list[Tags] = [tags]
    holders += [value for value in tags.values() if isinstance(value, dict)]
    values = [(len(repr(v)), n, tag) for n, held in enumerate(holders) for tag, v in held.items()
              if not isinstance(v, dict)]  # fmt: skip
    for _, n, tag in sorted(values, reverse=True):
        del holders[n][tag]
        shorter = _block(tags)
        if shorter is None or len(shorter) <= limit:
            return shorter, "the longest tags of its EXIF"
    return None, "its EXIF"


def find_resolution(block: bytes | None) -> Resolution | None:
    """The resolution that an EXIF block gives."""
    tags = list_tags(block)
    unit = tags.get(Base.ResolutionUnit, 2)
    return make_resolution(tags.get(Base.XResolution), tags.get(Base.YResolution), METRES.get(unit))


def list_tags(block: bytes | None) -> Tags:
    """The tags of an EXIF block, as `list_entries` gives them."""
    return list_entries(load_exif(block or b""))


def list_entries(exif: Image.Exif) -> Tags:
    """The tags of an EXIF directory, with the directories in it in place of their offsets."""
    tags = dict(exif)
    for tag in (IFD.Exif, IFD.GPSInfo):
        if isinstance(tags.get(tag), int):
            tags[tag] = dict(exif.get_ifd(tag))
    inner = tags.get(IFD.Exif, {})
    if isinstance(inner.get(IFD.Interop), int):
        inner[IFD.Interop] = dict(exif.get_ifd(IFD.Interop))
    return tags


def _is_empty(block: bytes) -> bool:
    """Whether a block is none, or a directory of no tag, as programs write that keep nothing."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "little", b"MM": "big"}.get(block[:2])
    if not block.strip(b"\0") or order is None:
        return not block.strip(b"\0")
    offset = int.from_bytes(block[4:8], order)  # type: ignore[arg-type]
    return block[offset : offset + 2] in (b"\0\0", b"")


def _block(tags: Tags) -> bytes | None:
    if not tags:
        return None
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes()
