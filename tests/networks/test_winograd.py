"""Winograd: convolutions of 3×3 by fewer multiplications are convolutions.

In float32 they round about twice as much as sums over nine pixels: 1e-5 of the largest value is ten
times what is seen.
"""

import pytest
import torch
import torch.nn.functional as F

from restore.networks import winograd
from restore.networks.packed import pack_inner
from restore.networks.winograd import Winograd, matrices, scratch, transformable
from tests.support.networks import seeded_patch

pytestmark = pytest.mark.skipif(
    not torch.backends.mkl.is_available(), reason="a PyTorch without MKL"
)


def last(*shape: int) -> torch.Tensor:
    return torch.randn(*shape).contiguous(memory_format=torch.channels_last)


def near(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return torch.allclose(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.fixture
def layer() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(7, 5, 3, 3), torch.randn(7)


def test_a_tile_of_six_by_six_gives_four_by_four():
    tile, kernel = (torch.randn(n, n, dtype=torch.float64) for n in (6, 3))
    back, of_kernel, of_tile = matrices()
    y = back @ ((of_kernel @ kernel.flatten()) * (of_tile @ tile.flatten()))
    wanted = F.conv2d(tile[None, None], kernel[None, None])[0, 0]
    torch.testing.assert_close(y.view(4, 4), wanted, atol=1e-12, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("chunk", [1, 20_000, 1 << 20])
@pytest.mark.parametrize("size", [(3, 1), (4, 8), (9, 5), (17, 30), (40, 16)])
def test_it_is_the_convolution_whatever_the_size_and_the_chunk(layer, size, chunk, monkeypatch):
    monkeypatch.setattr(winograd, "CHUNK", chunk)
    x, scale, bias = last(1, 5, *size), torch.randn(7), torch.randn(7)
    plain = Winograd.of(*layer)
    for rows in (0, 1):
        wanted = F.conv2d(x, *layer, padding=(rows, 1))
        assert near(plain(x, rows, 1), wanted)
        to = last(*wanted.shape)
        sum_ = to + wanted
        plain.add_(to, x, rows, 1)
        assert near(to, sum_)
        scaled = F.conv2d(x, layer[0], padding=(rows, 1)) * scale[:, None, None]
        wanted = F.relu(scaled + bias[:, None, None])
        assert near(plain.scaled(scale, bias)(x, rows, 1, relu=True), wanted)


@torch.no_grad()
def test_nothing_of_an_earlier_call_is_left(layer):
    once = Winograd.of(*layer)
    x = last(1, 5, 11, 9)
    wanted = once(x, 1, 1)
    for kept in scratch._kept.values():
        kept.fill_(torch.nan)
    assert torch.equal(once(x, 1, 1), wanted)


def test_what_is_kept_serves_with_and_without_inference_mode(layer):
    once, x = Winograd.of(*layer), last(1, 5, 30, 31)
    scratch._kept.clear()
    with torch.inference_mode():
        inside = once(x, 1, 1)
    with torch.no_grad():
        assert torch.equal(once(x, 1, 1), inside)


def test_wide_layers_in_float32_are_transformed_once_for_all_levels():
    network = seeded_patch(channels=(16, 128), blocks=(1,), middle=1)
    with torch.no_grad():
        pairs = [network.embedding(torch.tensor([t]), torch.tensor([0.002])) for t in (0.1, 1.0)]
        one = network._pack(pairs[0], None)
        other = network._pack(pairs[1], one)
    kinds = [[isinstance(layer, Winograd) for layer in row] for row in one.first]
    assert kinds == [[False], [True], [False]]
    assert other.first[1][0].weight is one.first[1][0].weight
    assert not torch.equal(other.first[1][0].scale, one.first[1][0].scale)
    assert other.second is one.second


def test_narrow_layers_other_kernels_and_16_bits_are_not():
    assert transformable(torch.zeros(128, 128, 3, 3))
    for weight in (
        torch.zeros(128, 64, 3, 3),
        torch.zeros(128, 128, 1, 1),
        torch.zeros(128, 128, 3, 3, dtype=torch.bfloat16),
    ):
        assert not transformable(weight)
    assert isinstance(pack_inner(torch.zeros(128, 128, 3, 3), torch.zeros(128)), Winograd)
