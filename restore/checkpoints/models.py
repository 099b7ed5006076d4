"""Model: a BCM made from a checkpoint's file, in evaluation mode, on a device, in a dtype.

The catalogue says what a file must be; the file is read only when it is that, and its tensors are
taken only when they fit the network. No code in a file ever runs.
"""

import functools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from restore.checkpoints import catalogue as catalogues
from restore.checkpoints import files, headers, parts, sources
from restore.checkpoints.catalogue import COMMIT, Checkpoint
from restore.devices import choose_device, choose_dtype, name_dtype
from restore.errors import CheckpointError, RequestError, ResourceError
from restore.presets import Beside

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from restore.bcm import BCM

Admit = Callable[[Checkpoint], object]
"""Raises where a checkpoint does not suit what is asked."""

log = logging.getLogger(__name__)


def admit_label(label: int | None) -> Admit:
    """For `load`: RequestError, before a model's tensors are read, where it has no such class."""

    def admit(row: Checkpoint) -> None:
        from restore.bcm import check_label  # torch loads where it is first needed

        check_label(label, row.classes or row.config.get("num_classes"))

    return admit


def load(
    spec: str | Path | Checkpoint = "default",
    device: str = "auto",
    dtype: str = "auto",
    *,
    exact: bool = False,
    allow_unverified: bool = False,
    offline: bool = False,
    catalogue: str | Path | None = None,
    admit: Admit | None = None,
) -> "BCM":
    """The model that NAME, FILE.safetensors or hf:OWNER/REPO[/FILE]@REVISION stands for.

    Args:
        spec: one of these, or a row of the catalogue.
        device: "auto" (CUDA, else MPS, else CPU) or one of them, used or refused.
        dtype: "auto" (bf16 where the GPU or the CPU computes in it, else fp32), "fp32", "bf16" or
            "fp16".
        exact: make fp32 of "auto", for ways to the noise and back, which bf16 changes most.
        allow_unverified: take a file whose hash nobody could check.
        offline: download nothing.
        catalogue: a file of rows that adds to the built-in ones; None is what
            BCM_RESTORE_CATALOG names, if anything.
        admit: called with the row before its tensors are read, to refuse what cannot be used.

    Returns:
        The model, which carries `checkpoint` and `sha256`.

    Raises:
        RequestError: usage error.
        CheckpointError: not to be had, not verified, not fitting.
        ResourceError: no space, memory or permission.
    """
    import torch

    from restore.bcm import BCM
    from restore.networks import build

    place = choose_device(device)
    kind = choose_dtype(dtype, place, exact=exact)
    checkpoint, weights = read_checkpoint(
        spec,
        allow_unverified=allow_unverified,
        offline=offline,
        catalogue=catalogue,
        admit=admit,
    )
    with torch.device("meta"):
        network = build(checkpoint.architecture, checkpoint.config)
    try:
        tensors = {name: _placed(value, place, kind) for name, value in weights.tensors.items()}
        files.check_finite(tensors, checkpoint.file)
        network.load_state_dict(tensors, assign=True)
        assert not any(value.is_meta for value in network.buffers()), "a buffer no file can fill"
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(f"{checkpoint.name} does not fit into the memory of {place}") from error
    model = BCM(network, sigma_data=checkpoint.sigma_data).eval().requires_grad_(False)
    model.checkpoint, model.sha256 = checkpoint, weights.sha256
    return model


def load_beside(model: "BCM", kind: Beside | None) -> "BCM":
    """The model of another noise that works beside a model, where that knows white noise alone.

    That is the model itself where `kind` is None, or its checkpoint names none. It is loaded once
    for a device and dtype. Errors as of `load`.
    """
    from restore.networks import ColouredUNet

    name = getattr(model.checkpoint, kind) if kind and model.checkpoint else ""
    if isinstance(model.network, ColouredUNet) or not name:
        return model
    return _load_once(name, str(model.device), name_dtype(model.dtype))


@functools.lru_cache(maxsize=4)
def _load_once(name: str, device: str, dtype: str) -> "BCM":
    return load(name, device, dtype)


def verify(
    spec: str | Path | Checkpoint = "default",
    *,
    allow_unverified: bool = False,
    offline: bool = False,
    catalogue: str | Path | None = None,
) -> str:
    """The SHA-256 of a model's file, after every check that `load` makes; errors as there.

    Of a part it is compared with the pinned one.
    """
    if isinstance(spec, Checkpoint) and spec.role:
        _check_trust(spec, allow_unverified)
        return parts.verify_file(sources.fetch(spec, offline=offline), spec)
    checkpoint, weights = read_checkpoint(
        spec, allow_unverified=allow_unverified, offline=offline, catalogue=catalogue
    )
    files.check_finite(weights.tensors, checkpoint.file)
    return weights.sha256


def read_checkpoint(
    spec: str | Path | Checkpoint,
    *,
    allow_unverified: bool = False,
    offline: bool = False,
    catalogue: str | Path | None = None,
    admit: Admit | None = None,
) -> tuple[Checkpoint, files.Weights]:
    """The checkpoint of a spec, with architecture and configuration known, and its tensors.

    They fit the network's table; that they are finite is not checked yet. `admit` is called with
    the checkpoint before its tensors are read, and before it is downloaded where its catalogue says
    which network it fits; what it raises ends the reading.
    """
    checkpoint = spec if isinstance(spec, Checkpoint) else catalogues.resolve(str(spec), catalogue)
    if checkpoint.parts:
        raise RequestError(
            f"{checkpoint.name} edits pictures by words (`bcm-restore edit`): it is no model for "
            "other tasks"
        )
    _check_trust(checkpoint, allow_unverified)
    if admit and checkpoint.architecture and checkpoint.config:
        admit(checkpoint)
    path = sources.fetch(checkpoint, offline=offline)
    pinned = checkpoint.sha256
    if checkpoint.source == "hub" and not pinned:
        pinned = sources.read_promised_sha256(path)
        if not pinned and not allow_unverified:
            raise CheckpointError(
                f"{checkpoint.name}: the Hub gave no SHA-256 for this file, so nothing can be "
                "compared; --allow-unverified loads it all the same"
            )
    described = checkpoint

    def admit_header(header: headers.Header) -> None:
        nonlocal described
        described = _described(checkpoint, header, path)
        if admit:
            admit(described)
        expected = files.list_shapes(described.architecture, described.config)
        files.check_table(header.shapes, expected, str(path))

    weights = files.read_tensors(path, admit_header, sha256=pinned, size=checkpoint.bytes)
    if not pinned and checkpoint.source != "file":
        log.warning("%s is unverified: the SHA-256 seen is %s", checkpoint.name, weights.sha256)
    return described, weights


def find_architecture(checkpoint: Checkpoint) -> str:
    """Which network a checkpoint is of, by its row or its file's header; "" where neither tells.

    Nothing is verified, and nothing downloaded.
    """
    if checkpoint.architecture or checkpoint.source != "file":
        return checkpoint.architecture
    try:
        with Path(checkpoint.file).open("rb") as stream:
            head = stream.read(8 + headers.HEADER_LIMIT)
            size = stream.seek(0, 2)
        found = headers.parse_header(head[: min(size, len(head))], size, checkpoint.file)
    except (OSError, CheckpointError):
        return ""
    return found.metadata.get("bcm.architecture", "")


def _placed(value: "Tensor", device: "torch.device", dtype: "torch.dtype") -> "Tensor":
    """A copy of a weight where it will be used, images' channels last."""
    import torch

    layout = torch.channels_last if value.ndim == 4 else torch.preserve_format
    return value.to(device, dtype, copy=True, memory_format=layout)


def _check_trust(checkpoint: Checkpoint, allow_unverified: bool) -> None:
    """CheckpointError for what cannot be verified, unless that is allowed."""
    if allow_unverified or checkpoint.source in ("embedded", "file"):
        return
    if not checkpoint.verified and (checkpoint.role or checkpoint.file.endswith(catalogues.SUFFIX)):
        raise CheckpointError(
            f"{checkpoint.name}{_of_part(checkpoint)} is unverified: nobody could check its hash. "
            "--allow-unverified loads it and prints the hash seen; compare that with the "
            "publisher's"
        )
    moving = checkpoint.source == "hub" and not COMMIT.fullmatch(checkpoint.revision)
    if moving and not checkpoint.role:  # a part of a known hash cannot
        raise CheckpointError(
            f"{checkpoint.name}: {checkpoint.revision!r} is a branch or a tag, which can move. "
            "Give the full commit, 40 hexadecimal digits, or --allow-unverified"
        )


def _of_part(checkpoint: Checkpoint) -> str:
    return f"'s {checkpoint.file}" if checkpoint.role else ""


def _described(checkpoint: Checkpoint, header: headers.Header, path: Path) -> Checkpoint:
    """The checkpoint with what its file says of itself, where the catalogue says nothing."""
    if checkpoint.architecture and checkpoint.config:
        return checkpoint
    metadata = header.metadata
    if missing := sorted({"bcm.architecture", "bcm.config"} - metadata.keys()):
        raise CheckpointError(
            f"{path} does not say which network it fits: no {' and no '.join(missing)} in its "
            "metadata, which `bcm-restore models convert` writes"
        )
    architecture = metadata["bcm.architecture"]
    if checkpoint.architecture not in ("", architecture):
        raise CheckpointError(
            f"{path} is for the network {architecture!r}, expected {checkpoint.architecture!r}"
        )
    try:
        config = json.loads(metadata["bcm.config"])
        sigma_data = float(metadata.get("bcm.sigma_data", 0.5))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its metadata cannot be read: {error}") from error
    if not isinstance(config, dict) or not 0 < sigma_data < 100:
        raise CheckpointError(f"{path}: bcm.config is no table, or bcm.sigma_data out of range")
    return replace(
        checkpoint,
        architecture=architecture,
        config=config,
        sigma_data=sigma_data,
        classes=config.get("num_classes"),
        license=checkpoint.license or metadata.get("modelspec.license", ""),
        summary=checkpoint.summary or metadata.get("modelspec.title", ""),
    )
