"""JPEG as a file: segments of metadata around the pixels' own, which `restore.jpegfile` knows.

    SOI, JFIF (APP0), EXIF and XMP (APP1), ICC (APP2), IPTC (APP13), comment (COM), tables, scans

Decoders get the pixels' segments alone, so that no metadata can cost a picture.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np

from restore.errors import ImageError
from restore.images.exif import shorten_exif
from restore.images.metadata import Metadata, Resolution, find_iptc, make_resolution, resources_with
from restore.images.mutter import take_in
from restore.jpegfile.reader import Reader, UnheldError
from restore.jpegfile.segments import APP0, APP14, COM, Layout, Segment, read_layout

EXIF, XMP, EXTENDED_XMP = (
    b"Exif\0\0",
    b"http://ns.adobe.com/xap/1.0/\0",
    b"http://ns.adobe.com/xmp/ext",
)
ICC, MPF, PHOTOSHOP = b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0"
METRES = {1: 0.0254, 2: 0.01}  # of the unit of JFIF's density
LONGEST = 65533  # bytes of a segment's body
END = b"\xff\xd9"
COARSE = "its last scans are missing, and with them its finest detail"


@dataclass(frozen=True)
class JpegParts:
    """A JPEG file taken apart.

    layout: its segments. data: what a decoder needs. metadata, icc, exif: what stands beside.
    paged: it holds more pictures. warnings: on what was left out.
    """

    layout: Layout
    data: bytes
    metadata: Metadata
    icc: bytes | None
    exif: bytes
    paged: bool
    warnings: tuple[str, ...]


def take_apart(data: bytes) -> JpegParts:
    """The parts of a JPEG file. ImageError for what `read_layout` refuses."""
    layout = read_layout(data)
    needed, profile, resources = [], {}, b""
    found, exif, paged = Metadata(), b"", False
    warnings = list(layout.flaws)
    for segment in layout.segments:
        body = segment.body
        if not segment.is_application or _is_needed(segment):
            needed.append(data[segment.start : segment.end])
        if segment.marker == APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            x, y = (int.from_bytes(body[n : n + 2], "big") for n in (8, 10))
            found = replace(found, resolution=make_resolution(x, y, METRES.get(body[7])))
        elif body.startswith(EXIF) and segment.marker == 0xE1 and not exif:
            exif = body
        elif body.startswith(XMP) and segment.marker == 0xE1:
            found = replace(found, xmp=found.xmp or body[len(XMP) :])
        elif body.startswith(EXTENDED_XMP):
            warnings.append("the second part of its XMP, which did not fit into one, was dropped")
        elif body.startswith(ICC) and segment.marker == 0xE2 and len(body) > 14:
            profile[body[12]] = body[14:]
        elif body.startswith(MPF) and segment.marker == 0xE2:
            paged = True
        elif body.startswith(PHOTOSHOP) and segment.marker == 0xED:
            resources += body[len(PHOTOSHOP) :]
        elif segment.marker == COM:
            found = replace(found, comment=found.comment or body or None)
    found = replace(found, iptc=find_iptc(resources))
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    start = layout.segments[-1].end if layout.scans else len(data)
    rest = data[start:]
    if not layout.ended:
        rest += END  # behind a lonely FF too, for any number of those may begin a marker
        warnings.append("the end marker is missing; every coefficient is there")
    pixels = b"\xff\xd8" + b"".join(needed) + rest
    return JpegParts(layout, pixels, found, icc, exif, paged, tuple(dict.fromkeys(warnings)))


def _is_needed(segment: Segment) -> bool:
    """Whether decoders ask an application segment how colours are coded."""
    jfif = segment.marker == APP0 and segment.body.startswith(b"JFIF\0") and len(segment.body) >= 14
    adobe = segment.marker == APP14 and segment.body.startswith(b"Adobe") and len(segment.body) > 11
    return jfif or adobe


def check_scans(data: bytes, parts: JpegParts) -> tuple[str, ...]:
    """Warnings on what decoders make up or pass over in silence.

    libjpeg tells of it on standard error alone. Reading a file to its end takes far longer, so that
    is done only where libjpeg complains or the end is missing. Raises ImageError for scans that are
    cut short or damaged. Of kinds of files that are not read here, libjpeg's word is all there is.
    """
    with take_in() as lines, suppress(cv2.error):  # Pillow has decoded it by now
        cv2.imdecode(np.frombuffer(parts.data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    told = [line.strip() for line in lines if line.strip()]
    warnings = () if parts.layout.complete else (COARSE,)
    if not told and parts.layout.ended:
        return warnings
    try:
        reader = Reader(parts.data if parts.layout.ended else data)
    except UnheldError as error:
        if told:
            raise ImageError(f"damaged JPEG: {told[0]}") from error
        return warnings
    if not parts.layout.ended and not parts.layout.complete:
        raise ImageError("truncated JPEG: its last scans are missing")
    if reader.padding:
        return (*warnings, "bytes without meaning follow a scan and were passed over")
    if told:
        return (*warnings, "bytes without meaning between its parts were passed over")
    return warnings


def with_metadata(
    data: bytes, metadata: Metadata, icc: bytes | None, exif: bytes | None
) -> tuple[bytes, list[str]]:
    """A JPEG file as Pillow writes it, with metadata put in, and warnings on what did not fit."""
    warnings = []
    exif, left_out = shorten_exif(exif)
    if left_out:
        warnings.append(f"{left_out} did not fit into JPEG and was dropped")
    parts = [_jfif(metadata.resolution)]
    if exif:
        block = exif if exif.startswith(EXIF) else EXIF + exif
        parts.append(_segment(0xE1, block))
    named = {
        "XMP": (0xE1, metadata.xmp and XMP + metadata.xmp),
        "IPTC": (0xED, metadata.iptc and PHOTOSHOP + resources_with(metadata.iptc)),
        "the comment": (COM, metadata.comment or _comment_in(metadata)),
    }
    for name, (marker, body) in named.items():
        if body and len(body) > LONGEST:
            warnings.append(f"{name} did not fit into JPEG and was dropped")
        elif body:
            parts.append(_segment(marker, body))
    room = LONGEST - 14
    pieces = [icc[at : at + room] for at in range(0, len(icc), room)] if icc else []
    if len(pieces) > 255:
        warnings.append("the colour profile did not fit into JPEG and was dropped")
        pieces = []
    parts += [
        _segment(0xE2, ICC + bytes((n, len(pieces))) + piece) for n, piece in enumerate(pieces, 1)
    ]
    layout = read_layout(data)
    first = next(s.start for s in layout.segments if not s.is_application or s.marker == APP14)
    return data[:2] + b"".join(parts) + data[first:], warnings


def _comment_in(metadata: Metadata) -> bytes | None:
    text = next((text for keyword, text in metadata.texts if keyword == "Comment"), "")
    return text.encode() or None


def _jfif(resolution: Resolution | None) -> bytes:
    unit, x, y = 0, 1, 1
    if resolution:
        unit = int(resolution.absolute)
        exact = resolution.x % 1 == resolution.y % 1 == 0
        gain = 1 if unit or exact else 100  # of a ratio
        x, y = round(gain * resolution.x), round(gain * resolution.y)
        if not (min(x, y) >= 1 and max(x, y) < 65536):
            unit, x, y = 0, 1, 1
    body = b"JFIF\0\1\1" + bytes((unit,)) + x.to_bytes(2, "big") + y.to_bytes(2, "big") + b"\0\0"
    return _segment(APP0, body)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
