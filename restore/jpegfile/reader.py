"""Reader: the segments of a JPEG file, from its first marker to its last (ITU-T T.81, annex B).

    SOI, then tables (DQT, DHT, DRI), the frame (SOF: size, components), and scans (SOS), EOI

A progressive file has several scans for each component, each with a band of frequencies or one
more bit; tables may change between them.
"""

from __future__ import annotations

import re

import numpy as np

from restore.errors import ImageError
from restore.jpegfile.huffman import ZIGZAG, Huffman, damaged
from restore.jpegfile.passes import read_scan
from restore.jpegfile.scan import Plane, Scan
from restore.jpegfile.segments import (
    APP0,
    APP14,
    DHT,
    DNL,
    DQT,
    DRI,
    HIERARCHICAL,
    LOSSLESS,
    SOF0,
    SOF2,
    SOS,
    next_segment,
)

REFUSED = HIERARCHICAL | LOSSLESS
ARITHMETIC = {0xC9, 0xCA}
MARKER = re.compile(rb"\xff[\x01-\xfe]")


class UnheldError(ImageError):
    """A JPEG file that decoders read, and whose coefficients are not read here."""


class Reader:
    """Reads all segments of the bytes of a file; see `read_jpeg` for what it raises.

    `size` is (w, h), `planes` hold the coefficients, `rgb` says that they are no Y, Cb, Cr,
    `padding` that bytes without meaning stand behind a scan.
    """

    def __init__(self, data: bytes) -> None:
        self.size = (0, 0)
        self.planes: list[Plane] = []
        self.progressive = False
        self.restart = 0
        self.jfif = False
        self.adobe: int | None = None
        self.padding = False
        self.steps: dict[int, np.ndarray] = {}
        self.codes: dict[int, Huffman] = {}
        if not data.startswith(b"\xff\xd8"):
            raise ImageError("not a JPEG file: it does not start with the bytes FF D8")
        at = 2
        flaws: list[str] = []
        while segment := next_segment(data, at, flaws):
            marker, body, at = segment.marker, segment.body, segment.end
            try:
                if marker == SOS:
                    pieces, at = _split(data, at)
                    scan = self._scan(body, pieces)
                else:
                    self._segment(marker, body, len(data))
            except (LookupError, ValueError) as error:
                raise damaged(f"the segment of marker FF{marker:02X} makes no sense") from error
            if marker == SOS:
                self.padding |= read_scan(scan, trailed=at == len(data))
        if not self.planes or any((plane.precision < 0).all() for plane in self.planes):
            raise damaged("the file ends before its image is complete")

    @property
    def rgb(self) -> bool:
        """Whether the planes are R, G, B: the rule of libjpeg, which all decoders follow."""
        if len(self.planes) == 1 or self.jfif:
            return False
        if self.adobe is not None:
            return self.adobe == 0
        return bytes(plane.number for plane in self.planes) == b"RGB"

    def _segment(self, marker: int, body: bytes, length: int) -> None:
        if marker == DQT:
            while body:
                wide, number = body[0] >> 4, body[0] & 15
                entry = np.frombuffer(body, ">u2" if wide else "u1", 64, 1).astype(np.int32)
                if (entry == 0).any():
                    raise damaged("a quantisation step of zero")
                table = np.zeros(64, np.int32)
                table[ZIGZAG] = entry
                self.steps[number] = table.reshape(8, 8)
                body = body[1 + (128 if wide else 64) :]
        elif marker == DHT:
            while body:
                counts = np.frombuffer(body, np.uint8, 16, 1)
                symbols = np.frombuffer(body, np.uint8, int(counts.sum()), 17)
                self.codes[body[0]] = Huffman(counts, symbols, dc=body[0] < 16)
                body = body[17 + symbols.size :]
        elif marker == DRI:
            self.restart = int.from_bytes(body[:2])
        elif marker == APP0:
            self.jfif |= body.startswith(b"JFIF\0")
        elif marker == APP14 and body.startswith(b"Adobe") and len(body) > 11:
            self.adobe = body[11]
        elif marker in ARITHMETIC:
            raise UnheldError("arithmetic-coded JPEG files cannot be held to their coefficients")
        elif marker in REFUSED:
            raise ImageError(f"{REFUSED[marker]} JPEG files cannot be read; save it as baseline")
        elif marker == DNL:
            raise UnheldError("this JPEG file gives its height late (DNL)")
        elif SOF0 <= marker <= SOF2:
            self._frame(marker, body, length)

    def _frame(self, marker: int, body: bytes, length: int) -> None:
        depth, count = body[0], body[5]
        h, w = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        if self.planes:
            raise damaged("a second frame")
        if depth != 8:
            raise ImageError(f"JPEG files of {depth} bits cannot be read, those of 8 bits can")
        if count == 4:
            raise UnheldError("CMYK JPEG files cannot be held to their coefficients")
        if count not in (1, 3) or not h or not w:
            raise damaged(f"{count} components, {w}×{h} pixels")
        self.size, self.progressive = (w, h), marker == SOF2
        entries = [body[6 + 3 * n : 9 + 3 * n] for n in range(count)]
        factors = [(e[1] & 15, e[1] >> 4) if count > 1 else (1, 1) for e in entries]
        if not all(1 <= f <= 4 for pair in factors for f in pair):
            raise damaged("a sampling factor out of range")
        tall, wide = max(v for v, _ in factors), max(u for _, u in factors)
        rows, columns = _ceil(h, 8 * tall), _ceil(w, 8 * wide)
        if rows * columns > 8 * length:
            raise damaged(f"{w}×{h} pixels do not fit into {length} bytes")
        for entry, (v, u) in zip(entries, factors, strict=True):
            blocks = _ceil(_ceil(h * v, tall), 8), _ceil(_ceil(w * u, wide), 8)
            grid = np.zeros((rows * v, columns * u, 64), np.int16)
            table = np.ones((8, 8), np.int32)
            self.planes.append(Plane(entry[0], (v, u), blocks, grid, entry[2], table))

    def _scan(self, body: bytes, pieces: tuple[bytes, ...]) -> Scan:
        count = body[0]
        first, last, high, low = body[1 + 2 * count], body[2 + 2 * count], *divmod(body[-1], 16)
        if not self.progressive:
            first, last, high, low = 0, 63, 0, 0
        numbers, tables = body[1 : 1 + 2 * count : 2], body[2 : 2 + 2 * count : 2]
        planes = tuple(p for n in numbers for p in self.planes if p.number == n)
        if not count or len(planes) != count or len(set(numbers)) != count:
            raise damaged("a scan of components that the frame does not have")
        if not first <= last < 64 or (first == 0 < last and self.progressive) or low > 13:
            raise damaged("a scan of a band that there is not")
        if high and high != low + 1:
            raise damaged("a scan that refines by other than one bit")
        if count > 1 and (first or sum(v * u for v, u in (p.factors for p in planes)) > 10):
            raise damaged("a scan of several components with too many blocks")
        for plane in planes:
            if (plane.precision < 0).all():
                plane.table = self.steps[plane.selector]
        dc = tuple(self.codes.get(n >> 4) for n in tables)
        ac = tuple(self.codes.get(16 | n & 15) for n in tables)
        bits = (high, low)
        return Scan(planes, dc, ac, (first, last), bits, self.progressive, self.restart, pieces)


def _split(data: bytes, at: int) -> tuple[tuple[bytes, ...], int]:
    """The entropy-coded pieces from `at` on, without stuffing, and where the next marker stands."""
    pieces, start = [], at
    for found in MARKER.finditer(data, at):
        pieces.append(data[start : found.start()])
        if not 0xD0 <= data[found.start() + 1] <= 0xD7:
            at = found.start()
            break
        start = found.end()
    else:
        at = len(data)
        pieces.append(data[start:])
    if len(pieces) > 1 and not pieces[-1]:  # a restart marker at the very end
        pieces.pop()
    return tuple(p.rstrip(b"\xff").replace(b"\xff\x00", b"\xff") for p in pieces), at


def _ceil(a: int, b: int) -> int:
    return -(-a // b)
