"""Networks: F(c_in(t) x, t, u, label), the trainable part of a model; they know no task or file.

A new architecture is its file, a row of the table below and its test.
"""

from collections.abc import Mapping

from torch import Tensor

from restore.networks.adm import ADM
from restore.networks.coloured import ColouredUNet
from restore.networks.function import FunctionNetwork
from restore.networks.mapped import MappedUNet
from restore.networks.network import Config, FilteredNoise, Network
from restore.networks.patch import PatchUNet
from restore.networks.transformer import DiT

ARCHITECTURES: dict[str, type[Network]] = {
    "adm": ADM,
    "coloured": ColouredUNet,
    "dit": DiT,
    "function": FunctionNetwork,
    "mapped": MappedUNet,
    "patch": PatchUNet,
}


def build(architecture: str, config: Mapping[str, object]) -> Network:
    """The network of an architecture of the table with its constructor's arguments."""
    return _class(architecture)(**config)


def read_config(architecture: str, tensors: Mapping[str, Tensor]) -> Config:
    """The arguments of the network of an architecture whose state dict this is.

    ValueError where the architecture is unknown or the state dict is another network's.
    """
    return _class(architecture).read_config(tensors)


def _class(architecture: str) -> type[Network]:
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ValueError(f"unknown architecture {architecture!r}; known: {known}")
    return ARCHITECTURES[architecture]


__all__ = [
    "ADM",
    "ARCHITECTURES",
    "ColouredUNet",
    "Config",
    "DiT",
    "FunctionNetwork",
    "MappedUNet",
    "Network",
    "PatchUNet",
    "build",
    "read_config",
]
