"""Tiny Stable Diffusions from tests/golden/icd, and a closed-form network that needs no extra."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from restore.editing import networks
from restore.editing.adapters import merge_, parse_adapter
from restore.editing.schedule import level
from restore.editing.words import Conditioning
from tests.support.hub_server import COMMIT

GOLDEN = Path(__file__).parents[1] / "golden" / "icd"
TINY, TINY_XL = GOLDEN / "tiny", GOLDEN / "tinyxl"
FILES = {
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
UP, DOWN = (19, 259, 519, 779), (999, 779, 519, 259)
NOTHING_SAID = Conditioning(torch.zeros(1, 77, 1))


def need_extra() -> None:
    """Skip, in words, where diffusers or transformers are not installed."""
    pytest.importorskip("diffusers", reason=f"the extra is not installed: {networks.EXTRA}")
    pytest.importorskip("transformers", reason=f"the extra is not installed: {networks.EXTRA}")


@cache
def journeys() -> dict[str, Tensor]:
    """The traces of the released code, by name."""
    with np.load(GOLDEN / "journeys.npz") as data:
        return {name: torch.from_numpy(data[name]) for name in data}


@cache
def word_pairs() -> list[dict]:
    return json.loads((GOLDEN / "words.json").read_text())["pairs"]


def config(folder: Path, kind: str) -> networks.NetworkConfig:
    return networks.parse_config((folder / kind / "config.json").read_bytes(), kind)


def unet(folder: Path = TINY, told_size: tuple[int, int] | None = None) -> networks.UNet:
    network = networks.build_unet(config(folder, "unet"))
    networks.fill_(network, load_file(folder / "unet" / FILES["unet"]))
    return networks.UNet(network, told_size)


def autoencoder() -> networks.Autoencoder:
    network = networks.build_autoencoder(config(TINY, "vae"))
    networks.fill_(network, load_file(TINY / "vae" / FILES["vae"]))
    return networks.Autoencoder(network)


def text_encoder() -> networks.TextEncoder:
    network = networks.build_text_encoder(config(TINY, "text_encoder"))
    networks.fill_(network, load_file(TINY / "text_encoder" / FILES["text_encoder"]))
    return networks.TextEncoder((network,), tokenizer(), (539,))


def tokenizer():
    folder = TINY / "tokenizer"
    return networks.build_tokenizer(folder / "vocab.json", folder / "merges.txt")


def adapt(network: networks.UNet, direction: str, folder: Path = TINY) -> networks.UNet:
    """The network with its "forward" or "reverse" adapter instead of what was merged before."""
    original = load_file(folder / "unet" / FILES["unet"])
    path = next(folder.glob(f"{direction}-*.safetensors"))
    merge_(network.network, parse_adapter(load_file(path), path.name), original.__getitem__, "x")
    return network


class Gaussian:
    """The exact noise in a latent whose clean values are N(0, scale²), each by itself.

        E[ε | x] = σ x / (α² scale² + σ²)

    Words and guidance change nothing. `calls` counts, `images` sums the sizes of batches.
    """

    def __init__(self, scale: float = 0.8) -> None:
        self.scale = scale
        self.calls = self.images = 0

    def __call__(self, x: Tensor, t: int, words: Conditioning, w: Sequence[float]) -> Tensor:
        assert len(w) == len(x)
        self.calls, self.images = self.calls + 1, self.images + len(x)
        alpha, sigma = level(t)
        return sigma * x / (alpha**2 * self.scale**2 + sigma**2)


def tiny_catalogue(path: Path, **row: object) -> Path:
    """Write a catalogue with the tiny model as the row [tiny-sd], on a Hub at someone/tiny."""
    roles = {
        "unet": f"unet/{FILES['unet']}",
        "unet-config": "unet/config.json",
        "vae": f"vae/{FILES['vae']}",
        "vae-config": "vae/config.json",
        "text": f"text_encoder/{FILES['text_encoder']}",
        "text-config": "text_encoder/config.json",
        "vocabulary": "tokenizer/vocab.json",
        "merges": "tokenizer/merges.txt",
        "forward": "forward-19-259-519-779.safetensors",
        "reverse": "reverse-259-519-779-999.safetensors",
    }
    times = {"forward": list(UP), "reverse": list(DOWN)}
    lines = ["[tiny-sd]", 'source = "parts"', 'tasks = ["edit"]', 'architecture = "tiny"']
    known = {"guidance": 7.0, "tau": 0.8, "side": 128} | row
    lines += [f"{key} = {json.dumps(value)}" for key, value in known.items()]
    for role, name in roles.items():
        data = (TINY / name).read_bytes()
        part = {
            "role": role,
            "repo": "someone/tiny",
            "revision": COMMIT,
            "file": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "license": "MIT",
            "times": times.get(role, []),
        }
        lines.append("[[tiny-sd.parts]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in part.items()]
    path.write_text("\n".join(lines))
    return path
