"""Devices: where a model computes, in which precision, and when memory has run out.

A precision has one short name, `fp32`, `bf16` or `fp16`, on the command line and in records.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from restore.errors import RequestError

if TYPE_CHECKING:
    import torch

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # names, ours and torch's
# As the CPU's allocator, CUDA and MPS, and cuDNN and cuBLAS say it.
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def choose_device(name: str = "auto") -> torch.device:
    """The device that a name stands for.

    Args:
        name: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        RequestError: this machine has none such. An explicit device is never replaced.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RequestError(f"device {name!r}: expected auto, cpu, cuda, cuda:N or mps") from error
    here = {"cpu": 1, "cuda": torch.cuda.device_count() if cuda else 0, "mps": int(mps)}
    if device.type not in here:
        raise RequestError(f"device {name!r}: expected auto, cpu, cuda, cuda:N or mps")
    if (device.index or 0) >= here[device.type]:
        raise RequestError(
            f"device {name!r} was asked for and this machine has {here[device.type]} of that kind"
        )
    return device


def choose_dtype(name: str, device: torch.device, *, exact: bool = False) -> torch.dtype:
    """The precision that a name stands for on a device.

    Args:
        name: "auto" (bf16 where the device computes in it, else fp32), "fp32", "bf16" or "fp16".
        device: where the model computes.
        exact: "auto" means fp32, as on the way to the noise and back, which bf16 changes most.

    Raises:
        RequestError: no such name.
    """
    import torch

    if name in DTYPES:
        dtype: torch.dtype = getattr(torch, DTYPES[name])
        return dtype
    if name != "auto":
        raise RequestError(f"dtype {name!r}: expected auto, {', '.join(DTYPES)}")
    return torch.bfloat16 if _computes_in_bf16(device) and not exact else torch.float32


def name_dtype(dtype: torch.dtype) -> str:
    """The short name of a precision: fp32, bf16 or fp16."""
    return next(name for name, own in DTYPES.items() if str(dtype) == f"torch.{own}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, a device or torch's CPU allocator ran out of memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in OUT_OF_MEMORY)


def free_memory(device: torch.device) -> int | None:
    """Bytes that a device has left for us, None where it does not say.

    Of the CPU it is what Linux calls available, within the limit of our control group.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = dict(line.split(":") for line in file)
        free = int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    with suppress(OSError, ValueError):  # no such group, or one without a limit
        limit, used = (
            int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current")
        )
        free = min(free, limit - used)
    return max(free, 0)


def _computes_in_bf16(device: torch.device) -> bool:
    """Whether convolutions in bf16 are faster there than in float32, and not merely possible."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    instructions: Mapping[str, bool]
    instructions = getattr(torch.cpu, "get_capabilities", dict)()  # older versions do not say
    return any(instructions.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
