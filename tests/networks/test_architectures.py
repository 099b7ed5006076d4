"""The table of architectures, and what holds of each."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import restore
from restore import checkpoints
from restore.bcm import BCM
from restore.errors import RequestError
from restore.networks import ARCHITECTURES, Network, build, read_config
from restore.tiling import TiledBCM
from tests.support.memory import PeakMemory
from tests.support.networks import ADM_SMALL, JUMPING, seeded

GOLDEN = Path(__file__).parents[1] / "golden"
CONFIGS = {
    "adm": [
        {},
        {"num_classes": None, "channel_mult": [1, 2, 2]},
        {k: list(v) if isinstance(v, tuple) else v for k, v in ADM_SMALL.items()}
        | {"model_channels": 64, "num_head_channels": 64},
    ],
    "mapped": [{}, {"channels": [8, 12], "blocks": [1], "middle": 1, "features": 8}],
    "coloured": [{}, {"channels": [8, 12], "blocks": [1], "middle": 1, "features": 8}],
    "dit": [{}, {"channels": 32, "blocks": 2, "features": 8}],
    "function": [
        {},
        {"channels": 32, "blocks": 2, "predictor": 1, "features": 8, "width": 8, "rank": 2},
        {"channels": 48, "blocks": 1, "predictor": 2, "features": 16, "width": 12, "rank": 1},
    ],
    "patch": [
        {},
        {"channels": [8, 12], "blocks": [1], "middle": 1, "features": 8},
        {"channels": [8, 8, 12, 16], "blocks": [3, 1, 2], "middle": 4, "features": 16},
    ],
}
EACH = [(name, config) for name, configs in CONFIGS.items() for config in configs]


def state_dict(architecture: str, config: dict) -> dict[str, torch.Tensor]:
    """Names and shapes alone."""
    with torch.device("meta"):
        return build(architecture, config).state_dict()


def test_every_architecture_is_tried() -> None:
    assert set(CONFIGS) == set(ARCHITECTURES)


@pytest.mark.parametrize(("architecture", "config"), EACH)
def test_a_network_reads_its_configuration_off_its_state_dict(architecture, config) -> None:
    tensors = state_dict(architecture, config)
    found = read_config(architecture, tensors)
    assert found.items() >= config.items()
    rebuilt = state_dict(architecture, found)
    assert {k: v.shape for k, v in rebuilt.items()} == {k: v.shape for k, v in tensors.items()}
    json.dumps(found)  # as a file's metadata has it


def test_the_published_configuration_is_read_off_the_published_keys() -> None:
    keys = json.loads((GOLDEN / "bcm_imagenet64_keys.json").read_text())
    tensors = {name: torch.empty(shape, device="meta") for name, shape in keys.items()}
    assert read_config("adm", tensors) == checkpoints.resolve("imagenet64").config


def test_the_state_dict_of_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="no bidirectional"):
        read_config("adm", state_dict("patch", {}))
    with pytest.raises(ValueError, match=r"lacks a tensor of a compact network.*stem\.weight"):
        read_config("patch", state_dict("adm", {}))
    with pytest.raises(ValueError, match=r"lacks a tensor.*shared\.first\.bias"):
        read_config("function", state_dict("dit", {}))
    with pytest.raises(ValueError, match="no pixels of patches"):
        read_config("dit", state_dict("function", {}))


def test_an_unknown_architecture_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="known: adm, coloured, dit, function, mapped, patch"):
        read_config("vit", {})
    with pytest.raises(ValueError, match="known: adm, coloured, dit, function, mapped, patch"):
        build("vit", {})


UNTOLD = {  # what leaves no trace in the tensors of `seeded`
    "adm": {"num_head_channels": 16},
    "dit": {"window": 16},
    "function": {"window": 16},
}


def write(name: str, path: Path) -> Network:
    """A seeded network, also written to a file."""
    network = seeded(name)
    tensors = network.state_dict()
    config = {**read_config(name, tensors), **UNTOLD.get(name, {})}
    checkpoints.write(path, tensors, checkpoints.make_metadata(name, config))
    return network


@pytest.mark.parametrize("name", JUMPING)
def test_a_file_holds_all_of_a_network(name, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    network = write(name, path)
    loaded = checkpoints.load(path, device="cpu", dtype="fp32").network
    assert type(loaded) is type(network)
    assert loaded.window == network.window
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in loaded.state_dict().items())
    with torch.no_grad():
        images = [n(torch.ones(1, 3, 16, 16), *torch.ones(2, 1)) for n in (loaded, network)]
    torch.testing.assert_close(*images, rtol=1e-4, atol=1e-4)  # its memory may lie otherwise


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_of_pytorch_becomes_the_same_network(name, tmp_path) -> None:
    network = seeded(name)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    source, path = tmp_path / "model.pt", tmp_path / "model.safetensors"
    checkpoints.convert(source, path, architecture=name, config=UNTOLD.get(name))
    loaded = checkpoints.load(path, device="cpu", dtype="fp32").network
    assert loaded.window == network.window
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in loaded.state_dict().items())


@pytest.mark.parametrize("name", JUMPING)
@pytest.mark.parametrize("size", [(1, 1), (37, 50)])
def test_pictures_of_any_size_go_through_in_windows(name, size) -> None:
    """In the same ones again, to the same pixels; each window is told of."""
    model, seen = BCM(seeded(name)), []
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    tiled = TiledBCM(model, "auto", None, lambda: seen.append(1))
    with torch.no_grad():
        once, twice = (tiled.denoise(x, 0.4) for _ in range(2))
    assert once.shape == x.shape
    assert torch.isfinite(once).all()
    assert torch.equal(once, twice)
    assert len(seen) == 2 * tiled.window_count(*size)


@pytest.mark.parametrize("name", JUMPING)
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_task_runs_in_either_precision(name, dtype, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    write(name, path)
    pixels = np.arange(16 * 20 * 3, dtype=np.uint8).reshape(16, 20, 3)
    model = restore.load(path, device="cpu", dtype=dtype)
    result = restore.denoise(pixels, sigma=10, model=model)
    assert result.report["dtype"] == dtype
    assert result.picture.pixels.shape == pixels.shape
    with pytest.raises(RequestError, match="device"):
        restore.load(path, device="cuda:77")


MEMORY = [
    ("adm", {"model_channels": 32, "num_res_blocks": 1, "num_head_channels": 16}),
    ("dit", {"blocks": 1}),
    ("function", {"blocks": 1, "predictor": 1}),
    ("patch", {"blocks": [1, 1], "middle": 1}),
]


@pytest.mark.parametrize(("name", "config"), MEMORY)
def test_an_evaluation_takes_the_memory_that_a_network_says(name, config) -> None:
    """By its tensors; kernels may take room of their own, so it says up to twice as much."""
    network = build(name, {**config, "num_classes": None} if name == "adm" else config)
    network.eval().requires_grad_(False)
    x, one = torch.zeros(8, 3, 64, 64), torch.ones(1)
    with PeakMemory(*network.parameters(), x) as peak:
        network(x, one, one)
    said = network.bytes_per_pixel * x[:, 0].numel()
    assert 0.5 * said < peak.bytes <= said
