"""PatchUNet: a compact, strictly local network."""

import pytest
import torch

from restore.networks import build
from tests.support.networks import seeded_patch


def test_the_default_is_compact():
    network = build("patch", {})
    assert 5e6 < sum(p.numel() for p in network.parameters()) < 6e6
    assert network.flops_per_pixel <= 0.5e6


def test_flops_are_what_torch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    network = build("patch", {})
    with FlopCounterMode(display=False) as counter:  # with gradients: it knows no packed weights
        network(torch.zeros(1, 3, 64, 64), torch.ones(1), torch.ones(1))
    convolutions = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    assert convolutions / 64**2 == pytest.approx(network.flops_per_pixel)


def test_levels_of_a_batch_act_as_folded_levels_of_one():
    network = seeded_patch()
    x, t, u = torch.randn(3, 3, 16, 24), torch.tensor([0.01, 0.3, 70.0]), torch.tensor([5, 0.3, 1])
    with torch.no_grad():
        together = network(x, t, u)
        alone = torch.cat([network(x[i : i + 1], t[i : i + 1], u[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_both_levels_matter():
    network, x, one = seeded_patch(), torch.randn(1, 3, 16, 16), torch.ones(1)
    with torch.no_grad():
        base = network(x, one, one)
        assert not torch.allclose(base, network(x, 2 * one, one))
        assert not torch.allclose(base, network(x, one, 2 * one))


@pytest.mark.parametrize("config", [{}, {"channels": (4, 6, 8), "blocks": (2, 1), "middle": 2}])
def test_no_pixel_sees_past_the_receptive_field(config):
    network = seeded_patch(**config).double()
    field = network.receptive_field
    side = -(-(2 * field + 40) // 8) * 8
    x = torch.randn(1, 3, side, side, dtype=torch.float64)
    changed = x.clone()
    at = side // 2
    changed[..., at, at] += 10
    one = torch.ones(1)
    with torch.no_grad():
        difference = (network(x, one, one) - network(changed, one, one)).abs().sum(dim=(0, 1))
    rows = difference.sum(dim=1).nonzero()[:, 0]
    assert at - field <= rows.min()
    assert rows.max() <= at + field
    assert rows.max() - rows.min() > field  # and the bound is not a wild one


def test_a_network_without_classes_refuses_a_label():
    with pytest.raises(ValueError, match="no classes"):
        seeded_patch()(torch.zeros(1, 3, 8, 8), torch.ones(1), torch.ones(1), torch.zeros(1).long())


def test_unknown_architectures_are_refused_by_name():
    with pytest.raises(ValueError, match="known: adm, coloured, dit, function, mapped, patch"):
        build("vgg", {})


def test_in_16_bits_a_difference_between_pixels_outlasts_rounding_each_to_8():
    network = seeded_patch().bfloat16()
    with torch.no_grad():
        for p in network.stem.parameters():
            p.zero_()
        network.stem.weight[0, :2, 1, 1] = torch.tensor([1.0, -1.0])
        patches = torch.ones(1, 12, 4, 4)
        patches[:, 0] += 2**-10
        assert (network.stemmed(patches)[:, 0] == 2**-10).all()


def test_levels_are_embedded_as_bfloat16_holds_them_whatever_the_dtype():
    network = build("patch", {"channels": [8, 12], "blocks": [1], "middle": 1})
    t, u = torch.tensor([0.03, 0.39, 7.0]), torch.tensor([0.002, 0.39, 80.0])
    with torch.no_grad():
        full = network.embedding(t, u)
        low = network.bfloat16().embedding(t, u)
    assert full.dtype == torch.float32
    assert torch.equal(full, low.float())
