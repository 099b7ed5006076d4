"""Weight files: safetensors, checked before any tensor is made and hashed from the bytes in use.

A file is read once, into one buffer that the tensors share, so what was hashed is what is used. One
of gigabytes is a `TensorFile`: hashed as it streams by, it then gives one tensor at a time.

The safetensors library is not used: it writes metadata in random order, so that two files of the
same weights would have two hashes, it reads a buffer into a second one, and takes any dtype.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from restore.checkpoints.headers import (
    COUNTS,
    DTYPES,
    HEADER_LIMIT,
    Header,
    identify,
    parse_header,
)
from restore.errors import CheckpointError, ResourceError
from restore.files import open_atomically

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Weights:
    """The tensors of a file, on the CPU in the file's dtypes, with what it says of itself."""

    tensors: Mapping[str, "Tensor"]
    metadata: Mapping[str, str]
    sha256: str


def read_tensors(
    path: str | Path,
    admit: Callable[[Header], None],
    *,
    sha256: str = "",
    size: int = 0,
) -> Weights:
    """The tensors of a safetensors file, once everything about it is in order.

    A pinned `size` and `sha256` are compared first; then the header's structure is checked and
    `admit` called with it, which raises where the header does not suit; the tensors come last.
    CheckpointError says what is wrong, ResourceError that the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno()).st_size
            if size and found != size:
                what = identify(stream.read(4096), found) or "another file, or not all of it"
                raise CheckpointError(f"{path}: {found:,} bytes for {size:,}; it is {what}")
            buffer = _grown(stream, b"", found if sha256 else min(found, 8 + HEADER_LIMIT))
            if sha256:
                _compare_hashes(path, sha256, hashlib.sha256(buffer).hexdigest())
            header = parse_header(buffer, found, str(path))
            admit(header)
            buffer = _grown(stream, buffer, found)
    except (OSError, MemoryError) as error:
        raise explain_unreadable(path, error) from error
    if len(buffer) != found:
        raise CheckpointError(f"{path} changed while it was read")
    seen = sha256 or hashlib.sha256(buffer).hexdigest()
    return Weights(_tensors(header, buffer), header.metadata, seen)


class TensorFile:
    """A safetensors file from which tensors are read one by one, each into memory of its own.

    The file stays open. What was hashed is what is read: a change of it is found out.
    """

    def __init__(self, path: str | Path, *, sha256: str = "", size: int = 0) -> None:
        """Check a file as `read_tensors` does, holding none of it; errors as there.

        Whole numbers beside the weights are taken too.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise CheckpointError(f"there is no file {path}")
        try:
            self._stream = self.path.open("rb")
            found = self._stamp()[0]
            if size and found != size:
                what = identify(self._stream.read(4096), found) or "another file, or not all of it"
                raise CheckpointError(f"{path}: {found:,} bytes for {size:,}; it is {what}")
            self.sha256 = hashlib.file_digest(self._stream, "sha256").hexdigest()
            if sha256:
                _compare_hashes(self.path, sha256, self.sha256)
            self._stream.seek(0)
            head = self._stream.read(min(found, 8 + HEADER_LIMIT))
        except (OSError, MemoryError) as error:
            raise explain_unreadable(self.path, error) from error
        self._dtypes = {**DTYPES, **COUNTS}
        self.header = parse_header(head, found, str(path), self._dtypes)
        self._hashed = self._stamp()

    @property
    def names(self) -> list[str]:
        return list(self.header.entries)

    def tensor(self, name: str) -> "Tensor":
        """The tensor of a name that the file has, on the CPU in the file's dtype."""
        import torch

        entry = self.header.entries[name]
        buffer = bytearray(entry.end - entry.start)
        try:
            self._stream.seek(self.header.size + entry.start)
            filled = self._stream.readinto(buffer)
            changed = filled != len(buffer) or self._stamp() != self._hashed
        except (OSError, MemoryError) as error:
            raise explain_unreadable(self.path, error) from error
        if changed:
            raise CheckpointError(f"{self.path} changed while it was in use")
        dtype = getattr(torch, self._dtypes[entry.dtype][0])
        return torch.frombuffer(buffer, dtype=dtype).reshape(entry.shape)

    def close(self) -> None:
        self._stream.close()

    def _stamp(self) -> tuple[int, int]:
        """Size and time of the last change."""
        status = os.fstat(self._stream.fileno())
        return status.st_size, status.st_mtime_ns


def write(path: str | Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str]) -> str:
    """Write a safetensors file, whole or not at all, and return its SHA-256.

    Equal tensors and metadata give equal bytes.
    """
    digest = hashlib.sha256()
    with open_atomically(path) as stream:
        for block in serialize(tensors, metadata):
            stream.write(block)
            digest.update(block)
    return digest.hexdigest()


def serialize(
    tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str]
) -> list[bytes | memoryview]:
    """The bytes of a safetensors file, in blocks that share the tensors' memory."""
    import torch

    codes = {name: code for code, (name, _) in DTYPES.items()}
    arrays = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    order = sorted(arrays, key=lambda name: (-arrays[name].element_size(), name))
    end = 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        dtype = codes[str(arrays[name].dtype).removeprefix("torch.")]
        shape = list(arrays[name].shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    blocks = [arrays[name].reshape(-1).view(torch.uint8).numpy().data for name in order]
    return [len(text).to_bytes(8, "little"), text, *blocks]


def make_metadata(
    architecture: str,
    config: Mapping[str, object],
    *,
    sigma_data: float = 0.5,
    training: str = "",
    title: str = "",
    license: str = "",
) -> dict[str, str]:
    """The metadata of a weight file, by which it loads without any catalogue."""
    return {
        "bcm.architecture": architecture,
        "bcm.config": json.dumps(dict(config)),
        "bcm.sigma_data": str(sigma_data),
        "bcm.training": training,
        "modelspec.title": title,
        "modelspec.license": license,
    }


def digest(path: str | Path) -> str:
    """The SHA-256 of a file's bytes."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise explain_unreadable(Path(path), error) from error


def list_shapes(architecture: str, config: Mapping[str, object]) -> dict[str, tuple[int, ...]]:
    """The keys and shapes that an architecture needs, worked out without any memory.

    CheckpointError for an unknown architecture or a configuration that cannot be built.
    """
    import torch

    from restore.networks import build

    try:
        _check_config(config)
        with torch.device("meta"):
            network = build(architecture, config)
    except (TypeError, ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        text = json.dumps(dict(config))[:200]
        raise CheckpointError(
            f"no network {architecture!r} is built from {text}: {error}"
        ) from error
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def check_table(found: Shapes, expected: Shapes, where: str) -> None:
    """CheckpointError, with counts and the first names, unless keys and shapes are the expected."""
    problems = {
        "missing": [k for k in expected if k not in found],
        "unexpected": [k for k in found if k not in expected],
        "of another shape": [
            f"{k} {list(found[k])} for {list(expected[k])}"
            for k in expected
            if k in found and found[k] != expected[k]
        ],
    }
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for kind, names in problems.items()
        if names
    ]
    if parts:
        raise CheckpointError(
            f"{where} does not fit the network, which has {len(expected)} tensors: "
            + "; ".join(parts)
        )


def check_finite(tensors: Mapping[str, "Tensor"], where: str) -> None:
    """CheckpointError, with counts and the first names, where a tensor holds NaN or infinity."""
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        dtype = str(tensors[broken[0]].dtype).removeprefix("torch.")
        raise CheckpointError(
            f"{where}: NaN or infinite values in {len(broken)} of {len(tensors)} tensors "
            f"({', '.join(broken[:3])}{', …' if len(broken) > 3 else ''}), taken as {dtype}"
        )


def explain_unreadable(path: Path, error: OSError | MemoryError) -> CheckpointError | ResourceError:
    """The error to raise for a file that cannot be opened or read."""
    if isinstance(error, MemoryError):
        return ResourceError(f"{path} does not fit into memory")
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return CheckpointError(f"there is no file {path}")
    return ResourceError(f"cannot read {path}: {error.strerror}")


def _grown(stream: BinaryIO, buffer: bytes | bytearray, size: int) -> bytearray:
    """The buffer grown to `size` bytes by what follows in the file; shorter where that ends."""
    grown = bytearray(size)
    grown[: len(buffer)] = buffer
    with memoryview(grown) as view, view[len(buffer) :] as rest:
        read = stream.readinto(rest)  # type: ignore[attr-defined]
    del grown[len(buffer) + read :]
    return grown


def _compare_hashes(path: Path, expected: str, found: str) -> None:
    if found != expected:
        raise CheckpointError(
            f"{path} is not the file it should be: SHA-256 {found}, expected {expected}. It is "
            "damaged, or was replaced; remove it (`bcm-restore models rm`) and fetch it again"
        )


def _check_config(config: Mapping[str, object]) -> None:
    """ValueError for a configuration so large that building even its table would take long."""
    for key, value in config.items():
        limit = 64 if key.endswith("blocks") or key == "middle" else 4096
        limit = 10**6 if key == "num_classes" else limit
        numbers = value if isinstance(value, list | tuple) else [value]
        if len(numbers) > 16 or not all(n is None or isinstance(n, int) for n in numbers):
            raise ValueError(f"{key}: expected a whole number, or at most 16 of them")
        if not all(0 <= n <= limit for n in numbers if isinstance(n, int)):
            raise ValueError(f"{key}: {value} is out of range, which is 0 to {limit}")


def _tensors(header: Header, buffer: bytearray) -> dict[str, "Tensor"]:
    """The tensors of a checked header, sharing the buffer's memory."""
    import torch

    tensors = {}
    for name, entry in header.entries.items():
        kind, size = DTYPES[entry.dtype]
        flat = torch.frombuffer(
            buffer,
            dtype=getattr(torch, kind),
            count=(entry.end - entry.start) // size,
            offset=header.size + entry.start,
        )
        tensors[name] = flat.reshape(entry.shape)
    return tensors
