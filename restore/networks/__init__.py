"""Networks: F(c_in(t) x, t, u, label), the trainable part of a model; they know no task or file."""

from collections.abc import Mapping
from typing import Any

from restore.networks.adm import ADM
from restore.networks.network import Network
from restore.networks.patch import PatchUNet

ARCHITECTURES: dict[str, type[Network]] = {"adm": ADM, "patch": PatchUNet}


def build(architecture: str, config: Mapping[str, Any]) -> Network:
    """The network of an architecture ("adm" or "patch") with its constructor's arguments."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ValueError(f"unknown architecture {architecture!r}; known: {known}")
    return ARCHITECTURES[architecture](**config)


__all__ = ["ADM", "ARCHITECTURES", "Network", "PatchUNet", "build"]
