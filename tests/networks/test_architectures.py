"""The table of architectures: each reads its own configuration off a state dict."""

import json
from pathlib import Path

import pytest
import torch

from restore import checkpoints
from restore.networks import ARCHITECTURES, build, read_config
from tests.support.networks import ADM_SMALL

GOLDEN = Path(__file__).parents[1] / "golden"
CONFIGS = {
    "adm": [
        {},
        {"num_classes": None, "channel_mult": [1, 2, 2]},
        {k: list(v) if isinstance(v, tuple) else v for k, v in ADM_SMALL.items()}
        | {"model_channels": 64, "num_head_channels": 64},
    ],
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
    with pytest.raises(ValueError, match="known: adm, dit, function, patch"):
        read_config("vit", {})
    with pytest.raises(ValueError, match="known: adm, dit, function, patch"):
        build("vit", {})
