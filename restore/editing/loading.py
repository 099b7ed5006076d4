"""Loading: an editing model's files, verified, as its networks on a device.

Before any download it is checked that the extra is installed, that there is an adapter for so many
evaluations, and that memory and disk suffice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from restore.checkpoints import resolve
from restore.checkpoints.catalogue import Checkpoint, Part
from restore.checkpoints.files import TensorFile, check_finite, check_table
from restore.checkpoints.parts import Fetched, choose_adapters, fetch_parts
from restore.devices import choose_device, choose_dtype, free_memory, is_out_of_memory
from restore.editing import networks
from restore.editing.adapters import changed_weights, parse_adapter
from restore.editing.editor import Editor
from restore.editing.networks import Foreign
from restore.errors import CheckpointError, RequestError, ResourceError

STEPS = {6: (3, 3), 7: (3, 4), 8: (4, 4)}  # evaluations up and down, by their sum
WORKING_SHARE = 0.5  # of the UNet's bytes, for what is computed in float32 at an area of 512²
PADDINGS = {"text": networks.END, "text-2": "!"}  # what fills a prompt up


def load_editor(
    model: str | Path | Checkpoint = "icd-sd15",
    nfe: int = 8,
    device: str = "auto",
    dtype: str = "auto",
    *,
    side: int | None = None,
    offline: bool = False,
    allow_unverified: bool = False,
    catalogue: str | Path | None = None,
    announce: Callable[[str], object] | None = None,
) -> Editor:
    """The editing model of a name.

    Args:
        model: a name of the catalogue, or its row.
        nfe: evaluations up and down: 6, 7 or 8.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        dtype: of the UNet: "auto", "fp32", "bf16" or "fp16". The autoencoder stays in float32.
        side: of the square whose area pictures will be brought to, for the estimate of memory;
            default the model's.
        offline: download nothing.
        allow_unverified: take parts whose hash nobody could check.
        catalogue: a file with rows of one's own.
        announce: told what is to be downloaded, and under which licences.

    Raises:
        RequestError: no such model, device, dtype or number of evaluations.
        CheckpointError: a part that cannot be had, is not what it should be, or does not fit.
        ResourceError: the extra is not installed, or memory or disk are short.
    """
    checkpoint = model if isinstance(model, Checkpoint) else resolve(str(model), catalogue)
    parts = choose_parts(checkpoint, nfe)
    networks.check_extra()
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    check_memory(checkpoint, parts, place, kind, side)
    fetched = fetch_parts(
        checkpoint,
        list(parts.values()),
        offline=offline,
        allow_unverified=allow_unverified,
        announce=announce,
    )
    try:
        return build_editor(checkpoint, dict(zip(parts, fetched, strict=True)), place, kind)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(f"{checkpoint.name} does not fit into the memory of {place}") from error


def choose_parts(checkpoint: Checkpoint, nfe: int) -> dict[str, Part]:
    """The parts that so many evaluations need, by their role.

    RequestError where the checkpoint is no editing model, or has no adapters for them;
    CheckpointError where it lacks a part.
    """
    if nfe not in STEPS:
        raise RequestError(f"nfe is {nfe}, expected {', '.join(map(str, STEPS))} for editing")
    adapters = choose_adapters(checkpoint, *STEPS[nfe])
    common = [part for part in checkpoint.parts if not part.times]
    parts = {part.role: part for part in [*common, *adapters]}
    wanted = ["unet", "vae", "text", "vocabulary", "merges"]
    wanted += ["text-2"] if checkpoint.architecture == "sdxl" else []
    if missing := [role for role in wanted if role not in parts]:
        raise CheckpointError(f"{checkpoint.name} lacks a part: {', '.join(missing)}")
    known = networks.ARCHITECTURES.get(checkpoint.architecture, {})
    for role in ("unet", "vae", "text"):
        if role not in known and f"{role}-config" not in parts:
            raise CheckpointError(
                f"{checkpoint.name}: architecture {checkpoint.architecture!r} is not known "
                f"({', '.join(networks.ARCHITECTURES)}), and there is no part {role}-config"
            )
    return parts


def estimate_memory(
    checkpoint: Checkpoint, parts: Mapping[str, Part], dtype: torch.dtype, side: int | None = None
) -> int:
    """Bytes that an edit takes at its peak, about."""
    unet = parts["unet"].size * dtype.itemsize // 4
    others = sum(part.size for role, part in parts.items() if role in ("vae", "text", "text-2"))
    area = ((side or checkpoint.side or 512) / 512) ** 2
    return int(unet * (1 + WORKING_SHARE * area) + others)


def check_memory(
    checkpoint: Checkpoint,
    parts: Mapping[str, Part],
    device: torch.device,
    dtype: torch.dtype,
    side: int | None = None,
) -> None:
    """ResourceError where a device has not the memory that an edit takes."""
    needed, free = estimate_memory(checkpoint, parts, dtype, side), free_memory(device)
    if free is not None and free < needed:
        raise ResourceError(
            f"{checkpoint.name} takes about {needed / 1e9:.1f} GB of memory and {device} has "
            f"{free / 1e9:.1f} GB left: close other programs, or give --dtype bf16 or a smaller "
            "--side"
        )


def build_editor(
    checkpoint: Checkpoint,
    parts: Mapping[str, Fetched],
    device: torch.device,
    dtype: torch.dtype,
) -> Editor:
    """The networks of an editing model from its parts, by their role.

    CheckpointError where a part is not what it should be, or does not fit.
    """
    files = {role: parts[role].open() for role in ("unet", "forward", "reverse")}
    configs = _configs(checkpoint, parts)
    unet = networks.build_unet(configs["unet"])
    tokenizer = _tokenizer(parts)
    for role in ("forward", "reverse"):
        _check_adapter(unet, files[role])
    _fill(unet, files["unet"], {name: name for name in files["unet"].names}, device, dtype)
    vae = networks.build_autoencoder(configs["vae"])
    hashes = {role: file.sha256 for role, file in files.items()}
    hashes["vae"] = _load(vae, parts["vae"], networks.rename_autoencoder, device, torch.float32)
    encoders, roles = [], [role for role in PADDINGS if role in parts]
    for role in roles:
        encoder = networks.build_text_encoder(configs[role], projected=role == "text-2")

        def rename(names: Sequence[str], encoder: nn.Module = encoder) -> dict[str, str]:
            return networks.rename_text_encoder(names, list(encoder.state_dict()))

        precise = torch.float32 if parts[role].part.size < 1e9 else dtype
        hashes[role] = _load(encoder, parts[role], rename, device, precise)
        encoders.append(encoder)
    paddings = [tokenizer.convert_tokens_to_ids(PADDINGS[role]) for role in roles]
    return Editor(
        checkpoint,
        networks.UNet(unet),
        networks.Autoencoder(vae),
        networks.TextEncoder(tuple(encoders), tokenizer, tuple(paddings)),
        files["unet"],
        {"forward": files["forward"], "reverse": files["reverse"]},
        {"forward": parts["forward"].part.times, "reverse": parts["reverse"].part.times},
        hashes,
    )


def _configs(
    checkpoint: Checkpoint, parts: Mapping[str, Fetched]
) -> dict[str, networks.NetworkConfig]:
    """Each network's configuration: a part's where there is one, else the architecture's."""
    configs = dict(networks.ARCHITECTURES.get(checkpoint.architecture, {}))
    for role, fetched in parts.items():
        if role.endswith("-config"):
            config = networks.parse_config(fetched.read(), str(fetched.path))
            configs[role.removesuffix("-config")] = config
    return configs


def _tokenizer(parts: Mapping[str, Fetched]) -> Foreign:
    """The tokenizer of its two files, after they were compared with their hashes."""
    for role in ("vocabulary", "merges"):
        parts[role].read()
    return networks.build_tokenizer(parts["vocabulary"].path, parts["merges"].path)


def _check_adapter(unet: nn.Module, file: TensorFile) -> None:
    """CheckpointError unless an adapter's names and shapes are of this UNet."""
    blank = {
        name: torch.empty(entry.shape, device="meta")
        if math.prod(entry.shape) > 1
        else torch.tensor(1.0)  # an alpha: its value has no part in names and shapes
        for name, entry in file.header.entries.items()
    }
    changed_weights(unet, parse_adapter(blank, str(file.path)), str(file.path))


def _load(
    network: nn.Module,
    fetched: Fetched,
    rename: Callable[[Sequence[str]], dict[str, str]],
    device: torch.device,
    dtype: torch.dtype,
) -> str:
    """Fill a network from a part, and return the part's SHA-256."""
    file = fetched.open()
    try:
        _fill(network, file, rename(file.names), device, dtype)
    finally:
        file.close()
    return file.sha256


def _fill(
    network: nn.Module,
    file: TensorFile,
    names: Mapping[str, str],
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Fill a network on the meta device from a file, whose names stand for today's in `names`.

    CheckpointError where the file does not fit, or holds what is no number.
    """
    shapes = file.header.shapes
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {new: shapes[old] for old, new in names.items()}
    check_table(found, expected, str(file.path))
    tensors: dict[str, Tensor] = {}
    for old, new in names.items():
        tensors[new] = file.tensor(old).to(device, dtype)
        check_finite({old: tensors[new]}, str(file.path))
    networks.fill_(network, tensors)
