"""Weight files of a small network, and rows of a catalogue that name them."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from restore.checkpoints.catalogue import Checkpoint
from restore.networks import build
from tests.support.hub_server import COMMIT, HubServer

CONFIG = {"channels": [8, 8], "blocks": [1], "middle": 1, "features": 8}
REPO = "someone/photo-model"


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    network = build("patch", CONFIG)
    return {name: torch.randn_like(value) / 10 for name, value in network.state_dict().items()}


def row(source: str, server: HubServer, model: Path, **values: Any) -> Checkpoint:
    data = server.files[model.name]
    known = {
        "name": "mine",
        "source": source,
        "file": model.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "repo": REPO if source == "hub" else "",
        "revision": COMMIT if source == "hub" else "",
        "url": "" if source == "hub" else f"{server.address}/plain/{model.name}",
    }
    return Checkpoint(**known | values)


def left_over(folder: Path) -> list[str]:
    """Names of files with content below a folder, locks and tags aside."""
    return [p.name for p in folder.rglob("*") if p.is_file() and p.suffix not in (".lock", ".TAG")]
