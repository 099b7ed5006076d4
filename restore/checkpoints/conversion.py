"""Conversion: a published PyTorch file (.pt), which is a pickle, as a safetensors file of ours.

    .pt: a zip archive, stored, of one pickle (names, shapes, storage numbers) and the raw storages

Nothing in the pickle runs: the archive's layout is checked first, then every global that the pickle
names against a short list, and only then `torch.load(..., weights_only=True)` reads it. There is no
second try without that. The network reads its configuration off the keys and shapes.
"""

import errno
import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeGuard

from restore.checkpoints import files, headers
from restore.checkpoints.catalogue import SUFFIX
from restore.checkpoints.pickles import PICKLE_LIMIT, check_pickle, clean_name
from restore.errors import CheckpointError, RequestError
from restore.record import JSON

if TYPE_CHECKING:
    from torch import Tensor

MEMBER_LIMIT = 20_000


def convert(
    source: str | Path,
    target: str | Path,
    *,
    architecture: str = "adm",
    config: Mapping[str, object] | None = None,
    part: str | None = None,
    dtype: str = "float32",
    sigma_data: float = 0.5,
    title: str = "",
    license: str = "",
    training: str = "",
    overwrite: bool = False,
) -> dict[str, JSON]:
    """Write `source` (.pt) to `target` (.safetensors) and return what was found.

    `architecture` is a row of `restore.networks.ARCHITECTURES`. `config` overrides what the keys
    tell, such as {"num_head_channels": 32}, which leaves no trace in them. `part` names the state
    dict in a file of several. `dtype` is "float32", "float16" or "bfloat16". The result has
    `architecture`, `config`, `sha256`, `bytes`, `parameters`, `source_sha256`. RequestError (asked
    wrongly), CheckpointError (a file that is not taken) or ResourceError (cannot be written).
    """
    import torch

    from restore.networks import ARCHITECTURES, read_config

    source, target = Path(source), Path(target)
    kinds = {name: getattr(torch, name) for name, _ in headers.DTYPES.values()}
    if dtype not in kinds:
        raise RequestError(f"dtype {dtype!r}: expected {', '.join(kinds)}")
    if architecture not in ARCHITECTURES:
        raise RequestError(f"architecture {architecture!r}: expected {', '.join(ARCHITECTURES)}")
    if target.suffix != SUFFIX:
        raise RequestError(f"the target {target} must end in {SUFFIX}")
    if target.exists() and not overwrite:
        raise RequestError(f"{target} exists; --existing overwrite replaces it")
    tensors, source_sha256 = read_published(source, part)
    try:
        config = {**read_config(architecture, tensors), **(config or {})}
    except ValueError as error:
        raise CheckpointError(f"{source}: {error}") from error
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    files.check_table(shapes, files.list_shapes(architecture, config), str(source))
    tensors = {name: value.to(kinds[dtype]).contiguous() for name, value in tensors.items()}
    files.check_finite(tensors, str(source))
    metadata = files.make_metadata(
        architecture,
        config,
        sigma_data=sigma_data,
        training=training or f"converted from {source.name}, SHA-256 {source_sha256}",
        title=title or source.stem,
        license=license,
    )
    sha256 = files.write(target, tensors, metadata)
    return {
        "architecture": architecture,
        "config": config,
        "sha256": sha256,
        "bytes": target.stat().st_size,
        "parameters": sum(value.numel() for value in tensors.values()),
        "source_sha256": source_sha256,
    }


def read_published(path: str | Path, part: str | None = None) -> tuple[dict[str, "Tensor"], str]:
    """The state dict of a PyTorch file, on the CPU, and the file's SHA-256.

    CheckpointError for whatever is no archive of plain tensors, by the name of what it is.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            check_pickle(path, _archived_pickle(path, stream))
            stream.seek(0)
            try:
                loaded = torch.load(stream, map_location="cpu", weights_only=True)
            except MemoryError:
                raise
            except Exception as error:  # a malformed pickle can end in almost any of them
                # PyTorch's message goes on to say how to load it unsafely, so it is not repeated.
                cause = re.search(r"WeightsUnpickler error: (.*)", str(error))
                kind = (cause and cause[1]) or type(error).__name__
                raise CheckpointError(f"{path} is no readable PyTorch file: {kind}") from error
    except (OSError, MemoryError) as error:
        raise files.explain_unreadable(path, error) from error
    tensors = _state_dict(loaded, part, path)
    for name, value in tensors.items():
        _check_tensor(name, value, path)
    return tensors, sha256


def _archived_pickle(path: Path, stream: BinaryIO) -> bytes:
    """The pickle of a PyTorch archive, once the archive's layout is in order."""
    head, size = stream.read(4096), path.stat().st_size
    stream.seek(0)
    if not head.startswith(b"PK\x03\x04"):
        if head.startswith(b"\x80"):
            check_pickle(path, stream.read(PICKLE_LIMIT))
        what = headers.identify(head, size) or "no zip archive"
        raise CheckpointError(
            f"{path} is {what}; taken are files that torch.save wrote since PyTorch 1.6"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            return _checked_member(path, archive, size)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # of an offset below zero
            raise
        raise CheckpointError(f"{path} is a damaged or truncated zip archive: {error}") from error


def _checked_member(path: Path, archive: zipfile.ZipFile, size: int) -> bytes:
    """data.pkl of an archive whose members are stored, apart from each other, and PyTorch's."""
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    names = [member.filename for member in members]
    records = {name.partition("/")[2]: name for name in names}
    if len(members) > MEMBER_LIMIT or len(set(names)) != len(names):
        raise CheckpointError(f"{path} has too many members, or one name twice")
    for member, after in zip(members, [*members[1:], None], strict=True):
        end = after.header_offset if after else size
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise CheckpointError(
                f"{path}: its member {clean_name(member.filename)} is compressed or encrypted, and "
                "PyTorch stores its own: an archive bomb, or another kind of zip"
            )
        if member.file_size > end - member.header_offset:
            raise CheckpointError(
                f"{path}: its member {clean_name(member.filename)} overlaps the next one"
            )
    if "constants.pkl" in records or any(record.startswith("code/") for record in records):
        raise CheckpointError(f"{path} is a TorchScript program; those run code and are not taken")
    if "data.pkl" not in records:
        inside = ", ".join(map(clean_name, names[:3])) or "nothing"
        raise CheckpointError(
            f"{path} is a zip archive, not one that torch.save wrote; it holds {inside}. Unpack it "
            "first"
        )
    if archive.getinfo(records["data.pkl"]).file_size > PICKLE_LIMIT:
        raise CheckpointError(f"{path}: its pickle has more than {PICKLE_LIMIT:,} bytes")
    return archive.read(records["data.pkl"])


def _state_dict(loaded: object, part: str | None, path: Path) -> dict[str, "Tensor"]:
    """The one mapping of names to tensors in what was loaded, or the part that was asked for."""
    import torch

    def filled(value: object) -> TypeGuard[dict[str, "Tensor"]]:
        return (
            isinstance(value, dict)
            and len(value) > 0
            and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in value.items())
        )

    parts = {"": loaded} if filled(loaded) else {}
    if isinstance(loaded, dict) and not parts:
        parts = {str(key): value for key, value in loaded.items() if filled(value)}
    if part is not None and part not in parts:
        raise RequestError(
            f"{path} has no part {part!r}; it has {', '.join(map(clean_name, parts)) or 'none'}"
        )
    if part is None and len(parts) != 1:
        several = f"several state dicts ({', '.join(map(clean_name, parts))}): choose one"
        found = several if parts else "no tensors"
        raise CheckpointError(f"{path} holds {found}")
    state = parts[part] if part is not None else next(iter(parts.values()))
    for wrapper in ("module.", "_orig_mod."):  # of DistributedDataParallel and of torch.compile
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return {name: value.detach() for name, value in state.items()}


def _check_tensor(name: str, value: "Tensor", path: Path) -> None:
    """CheckpointError unless it is a plain tensor in a known dtype with memory of its own."""
    import torch

    kinds = [getattr(torch, kind) for kind, _ in headers.DTYPES.values()]
    if not name.isprintable() or len(name) > 200:
        problem = "no name of a weight"
    elif value.layout != torch.strided or value.is_quantized or value.dtype not in kinds:
        problem = f"{value.dtype} in layout {value.layout}"
    elif value.untyped_storage().nbytes() < value.numel() * value.element_size():
        problem = f"expanded: {list(value.shape)} from {value.untyped_storage().nbytes():,} bytes"
    else:
        return
    raise CheckpointError(f"{path}: tensor {clean_name(name)} is {problem}, which is not taken")
