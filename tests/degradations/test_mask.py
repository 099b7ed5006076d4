"""Mask: known pixels stay bit for bit."""

import pytest
import torch

from restore.degradations import Mask
from restore.errors import RequestError
from tests.support.degradations import HALF, image


def test_a_mask_keeps_known_pixels_bit_for_bit_whatever_the_hole_holds():
    x, y = image(1, 3, 37, 53, seed=1), image(1, 3, 37, 53, seed=2)
    y[:, :, ~HALF[0, 0]] = torch.nan
    projected = Mask(HALF).project(x, y)
    known = HALF.expand_as(x)
    assert torch.equal(projected[known], y[known])
    assert torch.equal(projected[~known], x[~known])


def test_a_mask_of_another_kind_is_refused():
    with pytest.raises(RequestError, match="expected"):
        Mask(torch.ones(1, 3, 4, 4, dtype=torch.bool))
    with pytest.raises(RequestError, match="bool"):
        Mask(torch.ones(1, 1, 4, 4))
