"""Adapters: both namings, the sum they merge, what is not for this network."""

import pytest
import torch
from torch import nn

from restore.editing.adapters import merge_, parse_adapter
from restore.errors import CheckpointError


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 5))


def kohya(alpha: float = 0.5, rank: int = 2) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "lora_unet_down_0.lora_down.weight": torch.randn(rank, 3, 3, 3, generator=draw),
        "lora_unet_down_0.lora_up.weight": torch.randn(4, rank, 1, 1, generator=draw),
        "lora_unet_down_0.alpha": torch.tensor(alpha),
        "lora_unet_down_1.lora_down.weight": torch.randn(rank, 4, generator=draw),
        "lora_unet_down_1.lora_up.weight": torch.randn(5, rank, generator=draw),
        "lora_unet_down_1.alpha": torch.tensor(alpha),
    }


def test_the_sum_is_the_formulas_and_another_adapter_takes_the_place_of_the_first() -> None:
    network, adapter = Small(), kohya()
    original = {name: value.clone() for name, value in network.state_dict().items()}
    for tensors in (adapter, {**adapter, "lora_unet_down_1.alpha": torch.tensor(4.0)}):
        merge_(network, parse_adapter(tensors, "a"), original.__getitem__, "a")
        scale = float(tensors["lora_unet_down_1.alpha"]) / 2
        up, down = tensors["lora_unet_down_1.lora_up.weight"], tensors[
            "lora_unet_down_1.lora_down.weight"
        ]  # fmt: skip
        expected = original["down.1.weight"] + scale * up @ down
        assert torch.allclose(network.down[1].weight, expected, atol=1e-6)
    up, down = (
        adapter["lora_unet_down_0.lora_up.weight"],
        adapter["lora_unet_down_0.lora_down.weight"],
    )
    expected = original["down.0.weight"] + 0.25 * torch.einsum("or,rikl->oikl", up[..., 0, 0], down)
    assert torch.allclose(network.down[0].weight, expected, atol=1e-6)
    assert torch.equal(network.down[0].bias, original["down.0.bias"])


def test_peft_names_say_the_same_with_an_alpha_of_eight() -> None:
    named = {
        "unet.base_model.model.down.1.lora_A.weight": torch.ones(64, 4),
        "unet.base_model.model.down.1.lora_B.weight": torch.ones(5, 64),
    }
    ((module, change),) = parse_adapter(named, "a").items()
    assert module == "down_1"
    assert change.scale == 1 / 8
    assert torch.equal(change.merged(torch.zeros(5, 4)), torch.full((5, 4), 8.0))


def test_weights_in_bf16_are_summed_in_float32() -> None:
    network = Small()
    original = {name: value.clone() for name, value in network.state_dict().items()}
    exact = Small()
    for each in (exact, network.to(torch.bfloat16)):
        merge_(each, parse_adapter(kohya(), "a"), original.__getitem__, "a")
    assert torch.equal(network.down[1].weight, exact.down[1].weight.to(torch.bfloat16))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lora_unet_up_7.lora_down.weight": torch.ones(2, 4),
          "lora_unet_up_7.lora_up.weight": torch.ones(5, 2)}, "another UNet: 1 of its 3 .*'up_7'"),
        ({"lora_unet_down_1.lora_up.weight": torch.ones(6, 2)}, "'down_1' is .6, 4. and .5, 4."),
        ({"lora_unet_down_1.lora_up.weight": torch.ones(5, 3)}, "factors of 'down_1' do not fit"),
        ({"lora_unet_down_2.lora_up.weight": torch.ones(5, 3)}, "'down_2' has no lora_down"),
        ({"lora_te_text_model.alpha": torch.ones(1)}, "no adapter of a UNet: .*'lora_te_text"),
    ],
)  # fmt: skip
def test_what_is_not_for_this_network_is_refused_and_changes_nothing(change, problem) -> None:
    network = Small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=problem):
        merge_(network, parse_adapter(kohya() | change, "a"), before.__getitem__, "a")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
