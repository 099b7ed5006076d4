"""Directory: tags of a TIFF file, or of an EXIF block, as bytes in their order (TIFF 6.0, 2).

    directory = count, tags, offset of the next;   tag = number, kind, count, value or its offset

BigTIFF, with 64 bits for counts and offsets, is read; what is written has 32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

from restore.errors import ImageError

Bytes: TypeAlias = bytes | mmap

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
         16: 8, 17: 8, 18: 8}  # fmt: skip
CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q",
         17: "q", 18: "Q"}  # fmt: skip
MOST_DIRECTORIES = 4096
MOST_TAGS = 4096


@dataclass(frozen=True)
class Tag:
    """kind: of its values, as TIFF numbers them. count: of values. data: as stored."""

    kind: int
    count: int
    data: bytes


Nested: TypeAlias = "Tag | Mapping[int, Nested]"


@dataclass(frozen=True)
class Directory:
    """tags: by number. order: "<" or ">", of their bytes. following: where the next is, or 0."""

    tags: Mapping[int, Tag]
    order: str
    following: int = 0

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The whole numbers of a tag; the default where there is none, or it holds others."""
        found = self.values(tag)
        whole = all(isinstance(number, int) for number in found)
        return tuple(int(number) for number in found) if found and whole else default

    def values(self, tag: int) -> tuple[float, ...]:
        """The numbers of a tag, ratios divided out; none where it holds none."""
        found = self.tags.get(tag)
        if found is None:
            return ()
        if found.kind in (5, 10):
            pairs = struct.unpack(
                f"{self.order}{2 * found.count}{'iI'[found.kind == 5]}", found.data
            )
            return tuple(a / b if b else 0.0 for a, b in zip(pairs[::2], pairs[1::2], strict=True))
        if found.kind not in CODES:
            return ()
        return struct.unpack(f"{self.order}{found.count}{CODES[found.kind]}", found.data)

    def bytes(self, tag: int) -> bytes:
        """The value of a tag as it is stored; b"" where there is none."""
        found = self.tags.get(tag)
        return found.data if found else b""


def read_first_offset(data: Bytes) -> tuple[str, bool, int]:
    """The order of bytes, whether the file is a BigTIFF, and where its first directory begins."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    raw = data[8:16] if big else data[4:8]
    if len(raw) < (8 if big else 4):
        raise ImageError("truncated TIFF: it stops within its header")
    return order, big, struct.unpack(f"{order}{'Q' if big else 'I'}", raw)[0]


def read_directory(data: Bytes, offset: int, order: str, big: bool = False) -> Directory:
    """The directory at an offset. Tags whose values lie outside the file are left out.

    ImageError where the directory itself does.
    """
    head, entry, field = (8, 20, 8) if big else (2, 12, 4)
    word = "Q" if big else "I"
    raw = data[offset : offset + head]
    if offset < 8 or len(raw) < head:
        raise ImageError("damaged TIFF: a directory lies outside the file")
    (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", raw)
    body = data[offset + head : offset + head + entry * min(count, MOST_TAGS)]
    if len(body) < entry * count:
        raise ImageError("truncated TIFF: it stops within a directory")
    tags: dict[int, Tag] = {}
    for at in range(0, len(body), entry):
        number, kind, values = struct.unpack(f"{order}HH{word}", body[at : at + entry - field])
        size = SIZES.get(kind, 0) * values
        raw = body[at + entry - field : at + entry]
        if size > field:
            (place,) = struct.unpack(f"{order}{word}", raw)
            raw = data[place : place + size] if place + size <= len(data) else b""
        if size and len(raw) >= size:
            tags.setdefault(number, Tag(kind, values, raw[:size]))
    end = offset + head + entry * count
    raw = data[end : end + field]
    following = struct.unpack(f"{order}{word}", raw)[0] if len(raw) == field else 0
    return Directory(tags, order, following)


def iterate_directories(data: Bytes) -> Iterator[tuple[int, Directory]]:
    """Where each directory of a chain is, and what it holds. ImageError where the first fails."""
    order, big, offset = read_first_offset(data)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < MOST_DIRECTORIES:
        seen.add(offset)
        try:
            found = read_directory(data, offset, order, big)
        except ImageError:
            if len(seen) == 1:
                raise
            return
        yield offset, found
        offset = found.following


def write_directory(tags: Mapping[int, Nested], order: str, offset: int) -> bytes:
    """A directory that begins at an offset, with the values behind it; numbers of 64 bits get 32.

    A directory within is in place of a tag. ImageError for numbers that need more.
    """
    entries = bytearray(struct.pack(f"{order}H", len(tags)))
    behind = bytearray()
    start = offset + 2 + 12 * len(tags) + 4
    for number, tag in sorted(tags.items()):
        place = start + len(behind)
        if not isinstance(tag, Tag):
            behind += write_directory(tag, order, place)
            entries += struct.pack(f"{order}HHII", number, 4, 1, place)
            continue
        tag = _narrow(tag, order)
        raw = tag.data
        if len(raw) > 4:
            behind += raw + bytes(len(raw) % 2)
            raw = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", number, tag.kind, tag.count) + raw.ljust(4, b"\0")
    return bytes(entries) + bytes(4) + bytes(behind)


def _narrow(tag: Tag, order: str) -> Tag:
    if tag.kind not in (16, 17, 18):
        return tag
    numbers = struct.unpack(f"{order}{tag.count}{CODES[tag.kind]}", tag.data)
    try:
        return Tag(4, tag.count, struct.pack(f"{order}{tag.count}I", *numbers))
    except struct.error as error:
        raise ImageError("damaged TIFF: an offset lies outside the file") from error
