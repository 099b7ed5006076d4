"""PNG: a signature, then chunks, each of a length, a kind, a payload and a checksum.

    file = signature, IHDR, ..., IDAT, ..., IEND;   chunk = length, kind, payload, CRC-32

(ISO/IEC 15948, section 5). Checked here before any decoder sees the file, because Pillow decodes
damaged ones without a word; and written here at 16 bits, because Pillow cannot, and OpenCV knows
neither grey with alpha nor, in its older versions, profiles.
"""

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from restore.errors import ImageError
from restore.images.picture import strips

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
COLOUR_TYPES = {1: 0, 3: 2, 2: 4, 4: 6}  # by channels, of all but palettes
DEFLATE_RATIO = 1032  # the most that a byte of a deflate stream can stand for


def verified_chunks(data: bytes) -> dict[bytes, bytes]:
    """The payload of the first chunk of each kind, once the file is known to be whole.

    Raises ImageError for a bad checksum, an end before IEND, and a header that claims more pixels
    than a deflate stream of this length can hold.
    """
    chunks: dict[bytes, bytes] = {}
    view, place = memoryview(data), len(SIGNATURE)
    while b"IEND" not in chunks:
        kind = data[place + 4 : place + 8]
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        if end + 4 > len(data):
            raise ImageError("truncated PNG: it stops before its IEND chunk")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise ImageError(f"damaged PNG: the checksum of its {ascii(kind)[2:-1]} chunk is wrong")
        chunks.setdefault(kind, data[place + 8 : end])
        place = end + 4
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13 or header[9] not in CHANNELS:
        raise ImageError("damaged PNG: its header is missing or makes no sense")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    row = 1 + (width * CHANNELS[header[9]] * header[8] + 7) // 8
    if height * row > DEFLATE_RATIO * len(data):
        raise ImageError(
            f"PNG claims {width}x{height} pixels, more than {len(data)} bytes can hold"
        )
    return chunks


def exif_block(stream: BinaryIO) -> bytes:
    """The EXIF block of a file, also behind its pixels, where decoders come late; b"" for none."""
    stream.seek(len(SIGNATURE))
    while len(head := stream.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"eXIf":
            return stream.read(length)
        stream.seek(length + 4, os.SEEK_CUR)
    return b""


def encode16(samples: np.ndarray, exif: bytes | None, icc: bytes | None) -> bytes:
    """The PNG of samples (H, W, 1 to 4) uint16, alpha last."""
    height, width, channels = samples.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunks = [_chunk(b"IHDR", header + bytes((16, COLOUR_TYPES[channels], 0, 0, 0)))]
    if icc:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
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
