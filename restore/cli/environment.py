"""Environment: the command `env`, versions, devices and caches, for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from restore.cli.options import Json, Verbose
from restore.cli.terminal import emit, escape, format_json

PACKAGES = (
    "bcm-restore", "torch", "numpy", "pillow", "opencv-python-headless", "scikit-image",
    "safetensors", "huggingface-hub", "typer", "rich",
)  # fmt: skip
SETTINGS = (
    "BCM_RESTORE_MODEL", "BCM_RESTORE_DEVICE", "BCM_RESTORE_DTYPE", "BCM_RESTORE_CATALOG",
    "HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    "PYTORCH_ENABLE_MPS_FALLBACK",
)  # fmt: skip
SECRETS = ("HF_TOKEN",)  # said to be set, never shown


def env(json: Json = False, verbose: Verbose = False) -> None:
    """Print versions, devices, caches: what to paste in a bug report."""
    facts = _facts()
    if json:
        emit(format_json(facts))
        return
    for title, rows in facts.items():
        emit(title)
        for name, value in rows.items():
            emit(f"  {name}: {escape(str(value))}")


def _facts() -> dict[str, dict[str, Any]]:
    return {
        "versions": _versions(),
        "devices": _devices(),
        "caches": _caches(),
        "catalogue": _catalogue(),
        "terminal": {
            "stdout": f"{sys.stdout.encoding}, {'a' if sys.stdout.isatty() else 'no'} terminal",
            "stderr": f"{sys.stderr.encoding}, {'a' if sys.stderr.isatty() else 'no'} terminal",
        },
        "variables": {
            **{name: os.environ[name] for name in SETTINGS if name in os.environ},
            **{name: "set, not shown" for name in SECRETS if name in os.environ},
        },
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _devices() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {
        "cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "cuda": "none",
        "mps": "here" if torch.backends.mps.is_available() else "none",
    }
    if torch.cuda.is_available():
        found["cuda"] = f"{torch.version.cuda}, {torch.cuda.device_count()} devices"
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{device.name}, {device.total_memory / 2**30:.1f} GiB"
    return found


def _caches() -> dict[str, str]:
    from restore.checkpoints import caches

    return {
        name: f"{path}, {'here' if path.is_dir() else 'not made yet'}"
        for name, path in caches().items()
    }


def _catalogue() -> dict[str, str]:
    from restore.checkpoints import locate, read_catalogue
    from restore.checkpoints.catalogue import builtin

    found = {"built-in": str(builtin())}
    own = os.environ.get("BCM_RESTORE_CATALOG")
    if own:
        found["own"] = f"{own}, {'here' if Path(own).is_file() else 'not there'}"
        if not Path(own).is_file():
            return found
    for name, row in read_catalogue().items():
        path = locate(row)
        found[name] = f"{row.source}, {path or 'not on this machine'}"
    return found
