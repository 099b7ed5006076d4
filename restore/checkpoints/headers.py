"""Header: what a safetensors file says it holds, checked before anything else of it is read.

    8 bytes n, little-endian | n bytes JSON: name -> {dtype, shape, data_offsets} | the tensors

It is read here, and not by the safetensors library, because that one takes duplicate keys and sets
no limits; and because a file that is something else altogether should be called what it is.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from restore.errors import CheckpointError

HEADER_LIMIT = 4 * 2**20
TENSOR_LIMIT = 10_000
DTYPES = {"F16": ("float16", 2), "BF16": ("bfloat16", 2), "F32": ("float32", 4)}
COUNTS = {"I64": ("int64", 8)}  # which files of others hold beside their weights

Dtypes = Mapping[str, tuple[str, int]]  # PyTorch's name and bytes, by the file's name


class TensorEntry(NamedTuple):
    """Where one tensor lies: offsets count from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file says it holds; `size` is the header's own, prefix included."""

    size: int
    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: entry.shape for name, entry in self.entries.items()}


def parse_header(head: bytes | bytearray, size: int, where: str, dtypes: Dtypes = DTYPES) -> Header:
    """The header of a safetensors file of `size` bytes whose first bytes are `head`.

    CheckpointError unless it is JSON of the right form, of a bounded size and number of tensors,
    without duplicate keys, in `dtypes` alone, and its tensors fill the file, no hole, no overlap.
    """

    def refuse(problem: str) -> NoReturn:
        raise CheckpointError(f"{where} is no valid safetensors file: {problem}")

    if what := identify(bytes(head[:4096]), size):
        raise CheckpointError(f"{where} is {what}, not a safetensors file")
    length = int.from_bytes(head[:8], "little")
    if size < 8 or not 2 <= length <= size - 8:
        refuse(f"{size:,} bytes are too few for a header of {length:,}: truncated, or another kind")
    if length > HEADER_LIMIT:
        refuse(f"its header claims {length:,} bytes, at most {HEADER_LIMIT:,} are taken")
    try:
        text = bytes(head[8 : 8 + length]).decode()
        entries = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        refuse(f"its header is no JSON: {error}")
    if not isinstance(entries, dict):
        refuse("its header is no JSON object")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        refuse("its metadata are no strings")
    if len(entries) > TENSOR_LIMIT:
        refuse(f"it holds {len(entries):,} tensors, at most {TENSOR_LIMIT:,} are taken")
    parsed = {}
    for name, entry in entries.items():
        if not name.isprintable() or len(name) > 200:
            refuse(f"the name {name[:200]!r} is too long or not printable")
        try:
            parsed[name] = _entry(entry, dtypes)
        except ValueError as error:
            refuse(f"tensor {name!r}: {error}")
    end = 0
    for name, entry in sorted(parsed.items(), key=lambda item: item[1][2:]):
        if entry.start != end:
            refuse(f"tensor {name!r} starts at {entry.start:,} and the one before ends at {end:,}")
        end = entry.end
    if end != size - 8 - length:
        refuse(f"its tensors need {end:,} bytes and {size - 8 - length:,} follow: truncated?")
    return Header(8 + length, parsed, metadata)


def identify(head: bytes, size: int) -> str:
    """What a file that is no safetensors file really is, by its first bytes; "" where unknown."""
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 8 + length <= size and length <= HEADER_LIMIT:
        return ""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if size == 0:
        return "an empty file"
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "a Git LFS pointer, which stands for the file (`git lfs pull` fetches it)"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page, such as a login or error page saved under the file's name"
    if text.startswith((b"<?xml", b"<error")):
        return "an XML document, such as a storage service's error message"
    if text.startswith(b'{"error"'):
        return "a JSON error message saved under the file's name"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, as PyTorch writes (`bcm-restore models convert` takes those)"
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return "a Python pickle"
    if head[257:262] == b"ustar":
        return "a tar archive"
    signatures = {
        b"\x1f\x8b": "a gzip archive",
        b"GGUF": "a GGUF file",
        b"\x89HDF": "an HDF5 file",
        b"\x89PNG": "a PNG image",
        b"\xff\xd8\xff": "a JPEG image",
    }
    return next((name for start, name in signatures.items() if head.startswith(start)), "")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries: dict[str, object] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"the key {name!r} stands there twice")
        entries[name] = value
    return entries


def _entry(entry: object, dtypes: Dtypes) -> TensorEntry:
    """One tensor's line of the header; ValueError says what is wrong with it."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError("expected dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        raise ValueError(f"dtype {dtype!r} is not taken, only {', '.join(dtypes)}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError("shape and offsets are lists of whole numbers")
    if len(shape) > 8 or len(offsets) != 2:
        raise ValueError("at most 8 dimensions and exactly 2 offsets")
    needed = math.prod(shape) * dtypes[dtype][1]
    if needed != offsets[1] - offsets[0] or needed == 0:
        raise ValueError(f"{shape} {dtype} needs {needed:,} bytes, its offsets are {offsets}")
    return TensorEntry(dtype, tuple(shape), *offsets)
