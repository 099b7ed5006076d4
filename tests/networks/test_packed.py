"""Packed: the compact network through oneDNN's fused convolutions equals itself through plain ones.

In bf16 both round each map to 8 significant bits, at other places: after a block the packed one has
rounded once where the plain one has twice. So they are compared with float32 too.
"""

import copy
import pickle
import threading

import pytest
import torch

from restore.networks import packed, patch, winograd
from restore.networks.packed import available, packable
from tests.support.networks import seeded_patch

here = pytest.mark.skipif(
    not available(torch.float32), reason="no x86 processor, or a PyTorch without these operators"
)
ONE, TWO = torch.tensor([0.1]), torch.tensor([2.0])
CONFIGS = [{}, {"channels": (4, 6, 8), "blocks": (2, 1), "middle": 2}]


def plain(network, x, t=ONE, u=TWO):
    """With gradients, which packed weights do not have."""
    return network(x, t, u).detach().float()


@torch.no_grad()
def fused(network, x, t=ONE, u=TWO):
    assert packable(network, x, t)
    return network(x, t, u).float()


@here
@pytest.mark.parametrize("fewest", [1, winograd.FEWEST])
@pytest.mark.parametrize("strip", [1, 4 << 20])
@pytest.mark.parametrize("size", [(8, 8), (16, 200), (264, 24), (136, 72)])
@pytest.mark.parametrize("config", CONFIGS)
def test_packed_weights_answer_what_plain_ones_do(config, size, strip, fewest, monkeypatch):
    monkeypatch.setattr(packed, "STRIP", strip)
    monkeypatch.setattr(winograd, "FEWEST", fewest)  # channels from which multiplications are saved
    network, x = seeded_patch(**config), torch.randn(2, 3, *size)
    expected = plain(network, x)
    assert torch.allclose(fused(network, x), expected, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.skipif(not available(torch.bfloat16), reason="this processor has no bf16")
def test_in_bf16_packed_weights_are_as_near_to_float32_as_plain_ones():
    network, x = (
        seeded_patch(channels=(16, 24, 32), blocks=(2, 2), middle=2),
        torch.randn(1, 3, 96, 64),
    )
    network.bfloat16()
    exact = plain(copy.deepcopy(network).float(), x)
    by_plain, by_packed = (
        float((run(network, x) - exact).square().mean().sqrt()) for run in (plain, fused)
    )
    assert 0 < by_packed < 1.2 * by_plain


@here
def test_strips_do_not_change_a_pixel(monkeypatch):
    network, x = seeded_patch(), torch.randn(1, 3, 160, 48)
    whole = fused(network, x)
    monkeypatch.setattr(packed, "STRIP", 1)
    assert torch.allclose(fused(network, x), whole, atol=1e-6)


@here
def test_a_change_of_the_weights_is_seen():
    network, x = seeded_patch(), torch.randn(1, 3, 16, 16)
    for change in (
        lambda weight: weight.mul_(2),
        lambda weight: weight.data.mul_(2),
        lambda weight: setattr(weight, "data", weight.data + 0.1),
    ):
        before = fused(network, x)
        with torch.no_grad():
            change(network.stem.weight)
        after = fused(network, x)
        assert not torch.allclose(after, before)
        assert torch.allclose(after, plain(network, x), atol=1e-5)


@here
def test_levels_are_told_apart_however_many(monkeypatch):
    monkeypatch.setattr(packed, "PAIRS", 2)
    network, x = seeded_patch(), torch.randn(1, 3, 16, 16)
    for t in (0.1, 0.2, 3.0, 0.1):
        level = torch.tensor([t])
        assert torch.allclose(fused(network, x, level), plain(network, x, level), atol=1e-5)


@here
def test_a_used_network_is_copied_and_pickled():
    network, x = seeded_patch(), torch.randn(1, 3, 16, 16)
    expected = fused(network, x)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(fused(other, x), expected)


@here
def test_threads_share_one_network():
    network, x, found = seeded_patch(), torch.randn(1, 3, 32, 32), {}

    def run(n: int) -> None:
        level = torch.tensor([0.1 * (n + 1)])
        found[n] = fused(network, x, level)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(12):
        level = torch.tensor([0.1 * (n + 1)])
        assert torch.equal(found[n], fused(network, x, level))


@here
def test_any_strides_of_the_image_will_do():
    network, x = seeded_patch(), torch.randn(1, 3, 48, 48)
    part = x[:, :, 8:40, 16:40]
    expected = fused(network, part.clone())
    assert torch.equal(fused(network, part), expected)
    assert torch.equal(fused(network, part.contiguous(memory_format=torch.channels_last)), expected)


@torch.no_grad()
def test_what_packed_weights_cannot_do_goes_the_plain_way(monkeypatch):
    network, x, both = seeded_patch(), torch.randn(2, 3, 16, 16), torch.tensor([0.1, 0.2])
    assert not packable(network, x, both)
    assert not packable(network, x.double(), ONE)
    assert not packable(copy.deepcopy(network).double(), x, ONE)
    with torch.enable_grad():
        assert not packable(network, x, ONE)
    with torch.backends.mkldnn.flags(enabled=False):
        assert not packable(network, x, ONE)
    with torch.inference_mode():  # changes of such weights are not counted
        assert not packable(copy.deepcopy(network), x, ONE)
    monkeypatch.setattr(packed, "available", lambda dtype: False)
    monkeypatch.setattr(patch.Convolution, "pack", None)
    assert torch.isfinite(network(x, ONE, TWO)).all()


def test_an_operator_that_answers_wrongly_is_not_used(monkeypatch):
    right = packed.Convolution.__call__
    available.cache_clear()
    try:
        monkeypatch.setattr(packed.Convolution, "__call__", lambda *a, **k: right(*a, **k) + 0.5)
        assert not available(torch.float32)
    finally:
        available.cache_clear()
