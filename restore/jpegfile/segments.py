"""Segments: the parts of a JPEG file by their markers, without decoding any (T.81, annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import mmap

from restore.errors import ImageError
from restore.jpegfile.huffman import damaged

SOF0, SOF2, DHT, EOI, SOS, DQT, DNL, DRI, APP0, APP14, COM = (
    0xC0, 0xC2, 0xC4, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xEE, 0xFE,
)  # fmt: skip
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {DHT, 0xC8, 0xCC}
LOSSLESS = dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless") | {0xF7: "JPEG-LS"}
HIERARCHICAL = dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical")
UNDECODABLE = HIERARCHICAL | LOSSLESS  # by any decoder here

STARTS = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")  # of a segment: fill, RST, SOI, TEM have none
SCAN_ENDS = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # a marker that is no RST

# Each scan goes over all blocks again: so many may, and beyond that so many pixels in all of them.
FREE_SCANS = 32
SCANNED_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class Segment:
    """marker: its second byte. body: without the length. start, end: where it lies in the file."""

    marker: int
    body: bytes
    start: int
    end: int

    @property
    def is_application(self) -> bool:
        """Whether no pixel depends on it: application data and comments."""
        return APP0 <= self.marker <= 0xEF or self.marker == COM


@dataclass(frozen=True)
class Layout:
    """A file's segments up to its first scan, and what is known of the rest.

    segments: in order, the frame among them. scans: how many there are. ended: whether the end
    marker is there. complete: whether the scans go down to the last bit of every coefficient.
    size: (width, height) of the frame. components: of the frame. depth: bits a sample. flaws:
    sentences on what is wrong and does no harm.
    """

    segments: tuple[Segment, ...]
    scans: int
    ended: bool
    complete: bool
    size: tuple[int, int]
    components: int
    depth: int
    flaws: tuple[str, ...]


def read_layout(data: bytes | mmap) -> Layout:
    """The layout of a JPEG file.

    Raises ImageError for kinds of files that no decoder here reads, for more scans than a file of
    its size may have, and where there is no frame.
    """
    segments: list[Segment] = []
    flaws: list[str] = []
    at, frame, scans = 2, None, 0
    precision: dict[int, list[int]] = {}  # of each component, the last bit of each coefficient
    while segment := next_segment(data, at, flaws):
        at = segment.end
        if not scans:
            segments.append(segment)
        if segment.marker in FRAMES and not scans and frame is None:
            frame = segment
        if segment.marker == SOS:
            scans += 1
            _note_scan(precision, segment.body)
            found = SCAN_ENDS.search(data, at)
            at = found.start() if found else len(data)
    if frame is None or len(frame.body) < 6:
        raise damaged("it has no frame")
    body = frame.body
    if frame.marker in UNDECODABLE:
        raise ImageError(
            f"{UNDECODABLE[frame.marker]} JPEG files cannot be read; save it as baseline"
        )
    if body[0] != 8:
        raise ImageError(f"JPEG files of {body[0]} bits cannot be read, those of 8 bits can")
    size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
    if scans > FREE_SCANS and scans * size[0] * size[1] > SCANNED_PIXELS:
        raise ImageError(
            f"{scans} scans of {size[0]}×{size[1]} pixels are more than is ever read: no camera "
            "and no program writes such files"
        )
    ended = data.find(bytes((0xFF, EOI)), at) >= 0
    fine = frame.marker != SOF2 or not any(map(any, precision.values()))
    return Layout(tuple(segments), scans, ended, fine, size, body[5], body[0], tuple(flaws))


def _note_scan(precision: dict[int, list[int]], body: bytes) -> None:
    """Keep down to which bit a scan goes, by its header; one that makes no sense is passed over."""
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    first, last, low = body[1 + 2 * count], body[2 + 2 * count], body[3 + 2 * count] & 15
    for number in body[1 : 1 + 2 * count : 2]:
        bits = precision.setdefault(number, [1] * 64)
        bits[first : last + 1] = [low] * len(bits[first : last + 1])


def next_segment(data: bytes | mmap, at: int, flaws: list[str] | None = None) -> Segment | None:
    """The next segment from `at` on; None at the end marker and at the end of the file.

    An application segment that is too short, or longer than the file, is passed over with a
    sentence in `flaws`. ImageError where any other is cut short.
    """
    while found := STARTS.search(data, at):
        at, marker = found.start(), data[found.start() + 1]
        if marker == EOI:
            return None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if length >= 2 and len(body) == length - 2:
            return Segment(marker, body, at, at + 2 + length)
        if flaws is None or not (APP0 <= marker <= 0xEF or marker == COM):
            raise damaged(f"the segment of marker FF{marker:02X} is cut short")
        flaws.append(f"the segment of marker FF{marker:02X} is cut short and was left out")
        at += 2
    return None
