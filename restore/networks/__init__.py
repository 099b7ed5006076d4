"""Networks: F(c_in(t) x, t, u, label), the trainable part of a model; they know no task or file.

Every network has `num_classes`, `stride` (height and width are multiples of it),
`receptive_field` (pixels to each side; None where attention is global) and `window` (the size it
was trained at, where it only works there).
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from restore.networks.adm import ADM
from restore.networks.patch import PatchUNet

ARCHITECTURES: dict[str, type[nn.Module]] = {"adm": ADM, "patch": PatchUNet}


def build(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """The network of an architecture ("adm" or "patch") with its constructor's arguments."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ValueError(f"unknown architecture {architecture!r}; known: {known}")
    return ARCHITECTURES[architecture](**config)


__all__ = ["ADM", "ARCHITECTURES", "PatchUNet", "build"]
