"""PNG: a signature, then chunks, each of a length, a kind, a payload and a checksum.

    file = signature, IHDR, ..., IDAT, ..., IEND;   chunk = length, kind, payload, CRC-32

(ISO/IEC 15948, section 5). Checked here before any decoder sees the file, because Pillow decodes
damaged ones without a word; and written here at 16 bits, because Pillow cannot, and OpenCV knows
neither grey with alpha nor, in its older versions, profiles. Decoders get the chunks of the pixels
alone, so that no metadata can cost a picture.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from restore.errors import ImageError
from restore.images.directory import Bytes
from restore.images.metadata import INCH, Metadata, make_resolution, resources_with
from restore.images.metadata import find_iptc as iptc_in_resources
from restore.images.picture import strips

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
COLOUR_TYPES = {1: 0, 3: 2, 2: 4, 4: 6}  # by channels, of all but palettes
DEFLATE_RATIO = 1032  # the most that a byte of a deflate stream can stand for
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
COLOURS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
XMP = "XML:com.adobe.xmp"
PROFILE = "Raw profile type "  # of ImageMagick, what follows being hexadecimal
TURNING = (XMP.encode(), PROFILE.encode())  # texts that may say how the picture is turned
LONGEST = 1 << 22  # bytes that a compressed text or profile may grow to
TEXTS = 1 << 24  # and all texts together


@dataclass
class PngParts:
    """A PNG file taken apart.

    header: IHDR. pixels: the chunks that decoders need, as a file. first: the first chunk of each
    other kind. texts: (keyword, text) in UTF-8. warnings: on what was left out. room: bytes that
    compressed texts may still grow to.
    """

    header: bytes = b""
    pixels: bytes = b""
    first: dict[bytes, bytes] = field(default_factory=dict)
    texts: list[tuple[str, bytes]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    room: int = TEXTS

    @property
    def depth(self) -> int:
        return self.header[8]

    @property
    def colour_type(self) -> int:
        return self.header[9]

    @property
    def animated(self) -> bool:
        return b"acTL" in self.first

    @property
    def transparent(self) -> bytes | None:
        """The payload of tRNS."""
        return self.first.get(b"tRNS")


def take_apart(data: bytes) -> PngParts:
    """The parts of a PNG file, once it is known to be whole.

    Of an animation the still picture is taken, which the chunks IDAT hold. Raises ImageError for a
    bad checksum of the pixels, an end before IEND, chunks in an order that makes no sense, and a
    header that claims more pixels than a deflate stream of this length can hold.
    """
    parts, kept = PngParts(), [SIGNATURE]
    last = b""
    for kind, payload, whole in _chunks(data):
        name = ascii(kind)[2:-1]
        pixels, needed = kind in PIXELS, kind[:1].isupper() or kind == b"tRNS"
        if not whole:
            if needed:
                raise ImageError(f"damaged PNG: the checksum of its {name} chunk is wrong")
            parts.warnings.append(f"the checksum of the chunk {name} is wrong; it was dropped")
            continue
        if kind == b"CgBI":
            raise ImageError("an Apple developer's PNG (CgBI) is not read; save it afresh")
        if needed and not pixels:
            raise ImageError(f"PNG with the chunk {name}, which is not known; save it afresh")
        if (kind == b"IHDR") != (last == b"") or (
            kind in parts.first and (kind == b"PLTE" or (kind == b"IDAT" and last != b"IDAT"))
        ):
            raise ImageError(f"damaged PNG: a chunk {name} out of its place")
        last = kind
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            _take_text(parts, kind, payload)
            continue
        first = parts.first.setdefault(kind, payload) is payload
        if pixels and (first or kind == b"IDAT"):
            kept.append(_chunk(kind, payload))
    parts.header, parts.pixels = parts.first.get(b"IHDR", b""), b"".join(kept)
    _check_header(parts.header, len(data))
    return parts


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, payload and whether the checksum is right, of each chunk up to IEND."""
    view, place, kind = memoryview(data), len(SIGNATURE), b""
    while kind != b"IEND":
        kind = data[place + 4 : place + 8]
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        if end + 4 > len(data):
            raise ImageError("truncated PNG: it stops before its IEND chunk")
        found = int.from_bytes(view[end : end + 4], "big")
        yield kind, data[place + 8 : end], zlib.crc32(view[place + 4 : end]) == found
        place = end + 4


def _check_header(header: bytes, length: int) -> None:
    if len(header) != 13 or header[9] not in CHANNELS:
        raise ImageError("damaged PNG: its header is missing or makes no sense")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    row = 1 + (width * CHANNELS[header[9]] * header[8] + 7) // 8
    if height * row > DEFLATE_RATIO * length:
        raise ImageError(f"PNG claims {width}x{height} pixels, more than {length} bytes can hold")


def _take_text(parts: PngParts, kind: bytes, payload: bytes) -> None:
    """Keep a chunk of text; one that cannot be read, or grows without end, is dropped."""
    keyword, _, rest = payload.partition(b"\0")
    try:
        if kind == b"tEXt":
            text = rest.decode("latin-1").encode()
        elif kind == b"zTXt":
            text = _inflate(rest[1:], parts.room).decode("latin-1").encode()
        else:
            compressed = rest[0] == 1
            _, _, text = rest[2:].split(b"\0", 2)
            text = _inflate(text, parts.room) if compressed else text
            text.decode()
    except (ValueError, IndexError, zlib.error):
        name = ascii(keyword[:80])[2:-1]
        parts.warnings.append(f"the text {name!r} cannot be read, and was dropped")
        return
    parts.room -= len(text)
    parts.texts.append((keyword.decode("latin-1"), text))


def read_metadata(parts: PngParts) -> tuple[Metadata, bytes | None, bytes]:
    """What stands beside the pixels: metadata, the colour profile, and the EXIF block or b""."""
    resolution = None
    if len(density := parts.first.get(b"pHYs", b"")) == 9:
        x, y = (int.from_bytes(density[n : n + 4], "big") for n in (0, 4))
        resolution = make_resolution(x, y, 1.0 if density[8] == 1 else None)
    texts = dict(parts.texts)
    iptc = _raw_profile(texts.get(f"{PROFILE}iptc", b""))
    if iptc and iptc.startswith(b"8BIM"):
        iptc = iptc_in_resources(iptc)
    xmp, exif = _xmp_of(texts), _exif_of(parts.first.get(b"eXIf"), texts)
    words = [
        (keyword, text.decode(errors="replace"))
        for keyword, text in parts.texts
        if keyword != XMP and not keyword.startswith(PROFILE)
    ]
    colours = tuple((kind, parts.first[kind]) for kind in COLOURS if kind in parts.first)
    metadata = Metadata(resolution, xmp or None, iptc, None, tuple(words), colours)
    return metadata, _profile(parts), exif


def _profile(parts: PngParts) -> bytes | None:
    """The colour profile; b"" where it is broken."""
    if (chunk := parts.first.get(b"iCCP")) is None:
        return None
    try:
        return _inflate(chunk.partition(b"\0")[2][1:])
    except (ValueError, zlib.error):
        return b""


def _raw_profile(text: bytes) -> bytes | None:
    """The bytes of a profile as ImageMagick writes it: a name, a length, hexadecimal digits."""
    match = re.match(rb"\s*\w+\s+\d+\s+([0-9A-Fa-f\s]*)$", text)
    if not match:
        return None
    try:
        return bytes.fromhex(b"".join(match[1].split()).decode()) or None
    except ValueError:
        return None


def _inflate(data: bytes, room: int = LONGEST) -> bytes:
    """Decompressed data; ValueError for more than anybody writes, or than there is room for."""
    stream = zlib.decompressobj()
    text = stream.decompress(data, max(1, min(LONGEST, room)))
    if not stream.eof:
        raise ValueError("it grows without end, or is cut short")
    return text


def read_start(data: Bytes) -> tuple[tuple[int, int], int, bool, bytes, bytes]:
    """Size, depth, whether there may be transparency, the EXIF block and XMP, unchecked.

    They may stand behind the pixels.
    """
    header, place, keyed, exif = data[16:29], len(SIGNATURE), False, b""
    texts = PngParts()
    if len(header) < 13 or data[12:16] != b"IHDR":
        raise ImageError("damaged PNG: its header is missing or makes no sense")
    while len(head := data[place : place + 8]) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        keyed |= kind == b"tRNS"
        body = data[place + 4 : place + 8 + length] if kind == b"eXIf" else b""
        if body and _chunk(kind, body[4:])[-4:] == data[place + 8 + length : place + 12 + length]:
            exif = exif or body[4:]
        elif kind in (b"zTXt", b"tEXt", b"iTXt") and data[place + 8 : place + 40].startswith(
            TURNING
        ):
            _take_text(texts, kind, data[place + 8 : place + 8 + length])
        place += length + 12
    size = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    exif, xmp = _exif_of(exif, dict(texts.texts)), _xmp_of(dict(texts.texts))
    return size, 16 if header[8] == 16 else 8, keyed or header[9] in (4, 6), exif, xmp


def _exif_of(chunk: bytes | None, texts: Mapping[str, bytes]) -> bytes:
    """The EXIF block of a chunk, else as ImageMagick writes it; b"" for none."""
    raw = texts.get(f"{PROFILE}exif") or texts.get(f"{PROFILE}APP1", b"")
    return chunk or _raw_profile(raw) or b""


def _xmp_of(texts: Mapping[str, bytes]) -> bytes:
    return texts.get(XMP) or _raw_profile(texts.get(f"{PROFILE}xmp", b"")) or b""


def with_metadata(
    data: bytes, metadata: Metadata, icc: bytes | None, exif: bytes | None
) -> tuple[bytes, list[str]]:
    """A PNG file whose chunks are those of the pixels alone, with metadata put in; no warnings."""
    chunks = []
    if icc:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    chunks += [
        _chunk(kind, payload) for kind, payload in metadata.colours if not (icc and kind == b"sRGB")
    ]
    if found := metadata.resolution:
        gain = 1 / INCH if found.absolute else 1 if min(found.x, found.y) >= 1 else 1000
        x, y = (min(max(round(n * gain), 1), 2**31 - 1) for n in (found.x, found.y))
        unit = bytes((int(found.absolute),))
        chunks.append(_chunk(b"pHYs", x.to_bytes(4, "big") + y.to_bytes(4, "big") + unit))
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", XMP.encode() + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:
        resources = resources_with(metadata.iptc)
        text = f"\niptc\n{len(resources):8}\n{resources.hex()}\n"
        body = f"{PROFILE}iptc".encode() + b"\0\0" + zlib.compress(text.encode())
        chunks.append(_chunk(b"zTXt", body))
    texts = list(metadata.texts)
    if metadata.comment and "Comment" not in dict(texts):
        texts.append(("Comment", _decode(metadata.comment)))
    chunks += [_text(keyword, text) for keyword, text in texts]
    start = len(SIGNATURE) + 25  # behind IHDR
    return data[:start] + b"".join(chunks) + data[start:], []


def _decode(text: bytes) -> str:
    try:
        return text.decode().rstrip("\0")
    except UnicodeDecodeError:
        return text.decode("latin-1").rstrip("\0")


def _text(keyword: str, text: str) -> bytes:
    name = keyword.encode("latin-1", "replace")[:79]
    try:
        return _chunk(b"tEXt", name + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode())


def encode16(samples: np.ndarray) -> bytes:
    """The PNG of samples (H, W, 1 to 4) uint16, alpha last."""
    height, width, channels = samples.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunks = [_chunk(b"IHDR", header + bytes((16, COLOUR_TYPES[channels], 0, 0, 0)))]
    deflate = zlib.compressobj(4)
    for lines in _scanlines(samples):
        chunks.append(_chunk(b"IDAT", deflate.compress(lines)))
    chunks += [_chunk(b"IDAT", deflate.flush()), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def _scanlines(samples: np.ndarray) -> Iterator[bytes]:
    """Rows as filter type 1 has them: each byte less the one a pixel to its left."""
    height, width, channels = samples.shape
    step = 2 * channels
    for rows in strips((width, height)):
        raw = samples[rows].astype(">u2").view(np.uint8).reshape(rows.stop - rows.start, -1)
        lines = np.ones((len(raw), 1 + raw.shape[1]), np.uint8)
        lines[:, 1:] = raw
        lines[:, 1 + step :] -= raw[:, :-step]
        yield lines.tobytes()


def _chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload)
    return len(payload).to_bytes(4, "big") + kind + payload + checksum.to_bytes(4, "big")
