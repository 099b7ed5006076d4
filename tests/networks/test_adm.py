"""The published network: its keys, its numbers, its attention, what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.bcm import BCM
from restore.networks import ADM, build
from tests.support.networks import ADM_SMALL, ADM_TINY, SHARED, beside, small_adm, small_adm_inputs

HERE = Path(__file__).parents[1] / "golden"


def test_it_reproduces_the_small_pinned_output() -> None:
    expected = torch.from_numpy(np.load(HERE / "adm_small.npz")["network"])
    torch.testing.assert_close(small_adm()(*small_adm_inputs()), expected, rtol=0, atol=1e-4)


@beside
def test_it_reproduces_the_published_network_and_its_jump() -> None:
    network = build("adm", ADM_TINY).eval()
    network.load_state_dict(torch.load(SHARED / "adm_tiny.pt", weights_only=True), strict=True)
    golden = np.load(SHARED / "adm_tiny_io.npz")
    x, t, u, label, output, jump = (
        torch.from_numpy(golden[k]) for k in ("x", "t", "u", "label", "network", "jump")
    )
    with torch.no_grad():
        scaled = x * (t**2 + 0.25).rsqrt()[:, None, None, None]
        torch.testing.assert_close(network(scaled, t, u, label), output, rtol=0, atol=1e-4)
        jumped = BCM(network).jump(x, t, u, label)
        torch.testing.assert_close(jumped, jump, rtol=0, atol=1e-4)


def test_it_has_the_published_keys_and_shapes() -> None:
    with torch.device("meta"):
        network = ADM()
    found = {name: list(value.shape) for name, value in network.state_dict().items()}
    assert found == json.loads((HERE / "bcm_imagenet64_keys.json").read_text())
    assert sum(p.numel() for p in network.parameters()) == 279_941_571


def test_one_level_for_the_whole_batch_equals_the_same_for_each() -> None:
    network, (x, _, _, label) = small_adm(), small_adm_inputs()
    t, u = torch.tensor([2.4]), torch.tensor([0.1])
    one, each = network(x, t, u, label), network(x, t.expand(2), u.expand(2), label)
    torch.testing.assert_close(one, each, rtol=0, atol=1e-5)


def test_an_image_does_not_depend_on_the_rest_of_its_batch() -> None:
    network, inputs = small_adm(), small_adm_inputs()
    alone = network(*(value[1:] for value in inputs))
    torch.testing.assert_close(network(*inputs)[1:], alone, rtol=0, atol=1e-5)


def test_half_precision_stays_near_single() -> None:
    network, (x, t, u, label) = small_adm(), small_adm_inputs()
    single = network(x, t, u, label)
    half = network.bfloat16()(x.bfloat16(), t, u, label)
    assert half.dtype == torch.bfloat16
    assert (half.float() - single).abs().max() < 0.05 * single.abs().max()


def test_it_starts_at_zero() -> None:
    x, t, u, label = small_adm_inputs()
    assert not ADM(**ADM_SMALL)(x, t, u, label).any()


def test_a_label_is_needed_where_there_are_classes_and_refused_where_there_are_none() -> None:
    x, t, u, label = small_adm_inputs()
    with pytest.raises(ValueError, match="no label given"):
        ADM(**ADM_SMALL)(x, t, u)
    plain = ADM(**ADM_SMALL | {"num_classes": None})
    assert plain(x, t, u).shape == x.shape
    with pytest.raises(ValueError, match="a label given"):
        plain(x, t, u, label)


def test_it_says_what_tiling_needs_to_know() -> None:
    network = ADM(**ADM_TINY)
    assert (network.stride, network.window, network.receptive_field) == (8, 64, None)
    assert network.num_classes == 10


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"model_channels": 33}, "multiples of 32"), ({"num_head_channels": 24}, "do not divide")],
)
def test_widths_that_cannot_be_are_refused(change: dict[str, int], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ADM(**ADM_SMALL | change)
