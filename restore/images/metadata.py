"""Metadata: all that a file says beside its pixels, and one rule for it.

    carried      resolution, XMP, IPTC, comment, text chunks, the meaning of colours
    corrected    what speaks of the pixels' grid: sizes, orientation, a map's scale and tie points
    dropped      layers, previews, thumbnails: pictures that nobody restored

What is carried goes to every format that has a place for it, by the table `PLACES`; what has none
there is dropped with a warning. No metadata cost a picture: what cannot be read, or does not fit,
is left out.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TypeAlias

from PIL import ImageCms

INCH = 0.0254  # metres
UNHEARD = {"Software", "date:create", "date:modify", "date:timestamp"}  # texts of programs

# GeoTIFF 1.1 (OGC 19-008), and what GDAL adds to it.
PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, GEO_KEYS, RPC = 33550, 33922, 34264, 34735, 50844
GEOTIFF = (PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, GEO_KEYS, 34736, 34737, RPC, 42112, 42113)
RASTER_TYPE, PIXEL_IS_POINT = 1025, 2

TagValue: TypeAlias = bytes | str | tuple[float, ...]
Colours: TypeAlias = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Resolution:
    """How densely pixels lie: x and y in pixels an inch, or of no unit, as the ratio alone."""

    x: float
    y: float
    absolute: bool = True


@dataclass(frozen=True)
class Metadata:
    """What is carried, but colour profile and EXIF, which `Picture` holds itself.

    resolution: of both directions. xmp: the packet, XML. iptc: records of IPTC-IIM. comment: of a
    JPEG or GIF file. texts: (keyword, text) of PNG chunks. colours: (kind, payload) of the PNG
    chunks that say what the samples mean: gAMA, cHRM, sRGB, cICP. geotiff: (tag, value) pairs that
    place a map on the ground.
    """

    resolution: Resolution | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    colours: Colours = ()
    geotiff: tuple[tuple[int, TagValue], ...] = ()

    def scaled(self, x: float, y: float) -> Metadata:
        """The same of a picture with x and y times as many pixels; its resolution stays."""
        if not self.geotiff:
            return self
        half = _first_centre(dict(self.geotiff))
        tags = tuple((tag, _scale_tag(tag, value, x, y, half)) for tag, value in self.geotiff)
        return replace(self, geotiff=tags)

    def turned(self, orientation: int) -> Metadata:
        """The same of a picture to which an EXIF orientation was applied."""
        found = self.resolution
        if found and orientation >= 5:
            found = replace(found, x=found.y, y=found.x)
        return replace(self, resolution=found, geotiff=())

    def without_private(self) -> Metadata:
        """What a picture needs to look right: no words of or about anybody."""
        return Metadata(resolution=self.resolution, colours=self.colours)


# Which formats have a place for what; the name is that of a warning.
PLACES = {
    "resolution": ("resolution", {"PNG", "JPEG", "WEBP", "TIFF"}),
    "xmp": ("XMP", {"PNG", "JPEG", "WEBP", "TIFF"}),
    "iptc": ("IPTC", {"PNG", "JPEG", "TIFF"}),
    "comment": ("the comment", {"PNG", "JPEG"}),
    "texts": ("text", {"PNG"}),
    "colours": ("the meaning of its colours", {"PNG"}),
    "geotiff": ("the place on the map (GeoTIFF)", {"TIFF"}),
}


def list_lost(metadata: Metadata, format: str, profile: bool) -> list[str]:
    """A sentence for each part of the metadata that no file of `format` has a place for.

    profile: whether a colour profile goes with the picture, which says what its colours mean.
    """
    sentences = []
    for field, (name, formats) in PLACES.items():
        if not getattr(metadata, field) or format in formats:
            continue
        if field == "texts":
            words = [keyword for keyword, _ in metadata.texts if keyword not in UNHEARD]
            if not words or (words == ["Comment"] and format == "JPEG"):
                continue
            name += f" ({', '.join(sorted(set(words)))})"
        if field == "colours":
            if profile or not (chunks := _unusual(metadata.colours)):
                continue
            name += f" ({', '.join(chunks)})"
            sentences.append(
                f"{format} has no place for {name}: viewers will take them for sRGB; choose PNG"
            )
            continue
        sentences.append(f"{format} has no place for {name}, which was dropped")
    return sentences


def _unusual(colours: Colours) -> list[str]:
    """The kinds of chunks that say something else than sRGB."""
    chunks = dict(colours)
    if b"sRGB" in chunks and b"cICP" not in chunks:
        return []
    return [kind.decode() for kind, payload in colours if not _is_usual(kind, payload)]


def _is_usual(kind: bytes, payload: bytes) -> bool:
    """Whether a chunk says what sRGB is, or next to it."""
    if kind == b"gAMA":
        return abs(int.from_bytes(payload, "big") - 45455) < 1000
    if kind == b"cHRM":  # red's x and green's x tell the usual spaces apart
        red, green = (int.from_bytes(payload[at : at + 4], "big") for at in (8, 16))
        return (red, green) == (64000, 30000)
    return kind == b"sRGB" or payload[:2] in (b"\1\x0d", b"\2\2", b"\2\x0d", b"\1\2")


def _scale_tag(tag: int, value: TagValue, x: float, y: float, half: float) -> TagValue:
    """A tag of GeoTIFF for a grid x and y times as fine.

    half: where the centre of the first pixel lies, 0.5 where its corner is the origin and 0 where
    pixels are points; a place c becomes (c + 1/2 - half) x - 1/2 + half.
    """
    if isinstance(value, str | bytes):
        return value
    shift = half - 0.5
    if tag == PIXEL_SCALE and len(value) >= 2:  # ground units a pixel
        return (value[0] / x, value[1] / y, *value[2:])
    if tag == TIE_POINTS:  # (column, row, level, and a point on the ground) each
        gains = (x, y)
        return tuple(
            (number - shift) * gains[n % 6] + shift if n % 6 < 2 else number
            for n, number in enumerate(value)
        )
    if tag == TRANSFORMATION and len(value) == 16:  # 4×4, from (column, row, level, 1)
        rows = []
        for a, b, c, d in zip(*[iter(value)] * 4, strict=True):
            moved = d + shift * (a * (1 - 1 / x) + b * (1 - 1 / y))
            rows += [a / x, b / y, c, moved]
        return tuple(rows)
    if tag == RPC and len(value) > 8:  # offsets and scales of lines and samples
        fields = {2: y, 3: x, 7: y, 8: x}
        return tuple(number * fields.get(n, 1.0) for n, number in enumerate(value))
    return value


def _first_centre(tags: dict[int, TagValue]) -> float:
    """Where the centre of the first pixel lies, by the keys of GeoTIFF."""
    keys = tags.get(GEO_KEYS, ())
    points = not isinstance(keys, str | bytes) and any(
        keys[n] == RASTER_TYPE and keys[n + 3] == PIXEL_IS_POINT for n in range(4, len(keys) - 3, 4)
    )
    return 0.0 if points else 0.5


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


def make_resolution(x: object, y: object, metres: float | None) -> Resolution | None:
    """The resolution of a file that gives x and y pixels for so many metres, None for a ratio."""
    try:
        gain = 1.0 if metres is None else INCH / metres
        across, down = float(x) * gain, float(y) * gain  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not all(math.isfinite(n) and 0 < n < 1e7 for n in (across, down)):
        return None
    if metres is None and across == down:
        return None
    return Resolution(across, down, metres is not None)


# As JSON.


def encode_metadata(metadata: Metadata) -> str:
    """Metadata as JSON, which `decode_metadata` reads; binary parts in base 64."""
    resolution = metadata.resolution
    parts: dict[str, object] = {
        "resolution": resolution and [resolution.x, resolution.y, resolution.absolute],
        "texts": metadata.texts,
        "colours": [(kind.decode(), _pack(payload)) for kind, payload in metadata.colours],
        "geotiff": [
            (tag, ["bytes", _pack(value)] if isinstance(value, bytes) else value)
            for tag, value in metadata.geotiff
        ],
    }
    for name in ("xmp", "iptc", "comment"):
        block = getattr(metadata, name)
        parts[name] = None if block is None else _pack(block)
    return json.dumps({name: part for name, part in parts.items() if part})


def decode_metadata(text: str) -> Metadata:
    """The metadata of `encode_metadata`. ValueError, TypeError or KeyError for what is none."""
    parts = json.loads(text)
    if not isinstance(parts, dict):
        raise ValueError("metadata that are no object")
    resolution = parts.get("resolution")
    if resolution is not None:
        x, y, absolute = resolution
        resolution = make_resolution(x, y, INCH if absolute else None)
    blocks = {name: _unpack(parts.get(name)) for name in ("xmp", "iptc", "comment")}
    colours = []
    for kind, payload in parts.get("colours", ()):
        if not re.fullmatch("cICP|sRGB|gAMA|cHRM", kind):
            raise ValueError(f"colours of a kind {kind[:9]!r}")
        colours.append((kind.encode(), _unpack(payload) or b""))
    geotiff: list[tuple[int, TagValue]] = []
    for tag, value in parts.get("geotiff", ()):
        if tag not in GEOTIFF:
            raise ValueError(f"a tag of a map {str(tag)[:9]}")
        if isinstance(value, str):
            geotiff.append((tag, value))
        elif value[:1] == ["bytes"]:
            geotiff.append((tag, _unpack(value[1]) or b""))
        else:
            numbers = tuple(map(float, value))
            if not all(map(math.isfinite, numbers)):
                raise ValueError("a map's place that is no number")
            geotiff.append((tag, numbers))
    texts = tuple((str(keyword), str(words)) for keyword, words in parts.get("texts", ()))
    return Metadata(
        resolution, **blocks, texts=texts, colours=tuple(colours), geotiff=tuple(geotiff)
    )


def _pack(block: bytes) -> str:
    return b64encode(block).decode()


def _unpack(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)


# XMP.


def find_orientation(packet: bytes | None) -> int:
    """The orientation that an XMP packet says, as EXIF counts it; 1 where it says none."""
    found = re.search(rb"\btiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]", packet or b"")
    return int(found[1]) if found else 1


def correct_xmp(packet: bytes, size: tuple[int, int]) -> bytes:
    """An XMP packet that speaks of an upright picture of a size, and holds no other picture."""
    width, height = size
    corrections = {
        b"tiff:Orientation": 1,
        b"tiff:ImageWidth": width,
        b"tiff:ImageLength": height,
        b"exif:PixelXDimension": width,
        b"exif:PixelYDimension": height,
    }
    for name, value in corrections.items():
        text = str(value).encode()
        packet = re.sub(rb"(\b%s\s*=\s*[\"'])[^\"'<>]*" % name, rb"\g<1>" + text, packet)
        packet = re.sub(rb"(<%s>)[^<]*(?=</%s>)" % (name, name), rb"\g<1>" + text, packet)
    for name in (b"xmp:Thumbnails", b"xapGImg:image"):
        packet = re.sub(rb"<%s\b.*?</%s>" % (name, name), b"", packet, flags=re.S)
    return re.sub(rb"\sxmpNote:HasExtendedXMP\s*=\s*[\"'][0-9A-Fa-f]*[\"']", b"", packet)


# IPTC, which lies in blocks of Photoshop's: "8BIM", a number, a name, a length, the data.


def find_iptc(blocks: bytes) -> bytes | None:
    """The IPTC records among the image resources of Photoshop."""
    return next((body or None for number, body in _resources(blocks) if number == 0x0404), None)


def resources_with(iptc: bytes) -> bytes:
    """Image resources of Photoshop that hold IPTC records alone."""
    return b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc + bytes(len(iptc) % 2)


def _resources(blocks: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while blocks[at : at + 4] == b"8BIM" and at + 12 <= len(blocks):
        number = int.from_bytes(blocks[at + 4 : at + 6], "big")
        at += 6 + (blocks[at + 6] // 2 + 1) * 2
        size = int.from_bytes(blocks[at : at + 4], "big")
        yield number, blocks[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
