"""Small networks with weights that matter: the compact one, and the published one by a formula."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.checkpoints import make_metadata, write
from restore.networks import (
    ADM,
    ARCHITECTURES,
    ColouredUNet,
    FunctionNetwork,
    MappedUNet,
    Network,
    PatchUNet,
    build,
)

SHARED = Path(os.environ.get("BCM_RESTORE_GOLDEN", Path(__file__).parents[3] / "shared" / "golden"))
beside = pytest.mark.skipif(
    not (SHARED / "adm_tiny.pt").is_file(), reason="golden files not beside the checkout"
)
JUMPING = sorted(set(ARCHITECTURES) - {"coloured", "mapped"})  # between levels
ADM_SMALL = {
    "model_channels": 32,
    "num_res_blocks": 1,
    "channel_mult": (1, 2),
    "attention_strides": (2,),
    "num_head_channels": 16,
    "num_classes": 3,
}
ADM_TINY = ADM_SMALL | {
    "channel_mult": (1, 1, 2, 2),
    "attention_strides": (4, 8),
    "num_classes": 10,
}


def seeded_patch(kind: type[PatchUNet] = PatchUNet, **config) -> PatchUNet:
    """A tiny PatchUNet whose zero-initialised layers are filled, so that everything matters."""
    torch.manual_seed(0)
    network = kind(**{"channels": (8, 12), "blocks": (1,), "middle": 1, **config})
    with torch.no_grad():
        for p in network.parameters():
            if not p.any():
                p.normal_(std=0.1)
    return network.eval()


def seeded_function(**config) -> FunctionNetwork:
    """A tiny FunctionNetwork whose zero-initialised layers are filled, so that everything matters.

    Its functions are lively: what they draw is as large as pictures are.
    """
    torch.manual_seed(0)
    small = {"channels": 32, "blocks": 1, "predictor": 1, "features": 8, "width": 8, "rank": 2}
    network = FunctionNetwork(**{**small, "window": 16, **config})
    with torch.no_grad():
        for p in network.parameters():
            if not p.any():
                p.normal_(std=0.1)
        network.head.weight.normal_(std=0.1)
        network.shared.third.weight.normal_(std=0.2)
    return network.eval()


def seeded(architecture: str) -> Network:
    """A tiny network without classes of any architecture, whose every layer matters."""
    if architecture == "patch":
        return seeded_patch()
    if architecture in ("coloured", "mapped"):
        return seeded_patch(ColouredUNet if architecture == "coloured" else MappedUNet)
    if architecture == "function":
        return seeded_function()
    if architecture == "adm":
        return small_adm(num_classes=None)
    torch.manual_seed(0)
    network = build(architecture, {"channels": 32, "blocks": 2, "features": 8, "window": 16})
    with torch.no_grad():
        for p in network.parameters():
            if not p.any():
                p.normal_(std=0.1)
    return network.eval()


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor that depends on its name alone, not on any version: NumPy froze this generator."""
    numbers = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape)
    scale = np.sqrt(3 / np.prod(shape[1:])) if len(shape) > 1 else 0.2
    return torch.from_numpy((numbers * scale + name.endswith("norm.weight")).astype(np.float32))


def small_adm(**changes) -> ADM:
    """A small ADM whose weights are a formula: see golden/README.md."""
    network = ADM(**ADM_SMALL | changes)
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    network.load_state_dict({k: seeded_tensor(k, shape) for k, shape in shapes.items()})
    return network.eval().requires_grad_(False)


def small_adm_inputs() -> tuple[torch.Tensor, ...]:
    """x, t, u and labels for `small_adm`."""
    levels = torch.tensor([80.0, 0.07]), torch.tensor([0.002, 15.0])
    return seeded_tensor("x", (2, 3, 16, 16)), *levels, torch.tensor([2, 0])


def write_classes(path: Path) -> Path:
    """A weight file of a tiny network of ten classes, which works on windows of 64 pixels."""
    generator = torch.Generator().manual_seed(0)
    shapes = build("adm", ADM_TINY).state_dict()
    weights = {k: torch.randn(v.shape, generator=generator) / 20 for k, v in shapes.items()}
    config = {k: list(v) if isinstance(v, tuple) else v for k, v in ADM_TINY.items()}
    write(path, weights, make_metadata("adm", config))
    return path
