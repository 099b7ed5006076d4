"""Sharpen: an unsharp mask, as any editor has it."""

import cv2
import numpy as np
import pytest
import torch

from restore.degradations import Sharpen
from restore.errors import RequestError
from tests.support.degradations import image


def test_it_is_the_unsharp_mask():
    x = image(1, 3, 40, 53)
    plane = x[0, 0].double().numpy()
    blurred = cv2.GaussianBlur(plane, (0, 0), 1.3, borderType=cv2.BORDER_REFLECT)
    wanted = torch.from_numpy(plane + 0.8 * (plane - blurred))
    # OpenCV's Gaussian is sampled and cut, ours is its own transform.
    assert (Sharpen((40, 53), 0.8, 1.3)(x)[0, 0] - wanted).abs().max() < 0.01


def test_no_amount_changes_nothing():
    x = image(2, 3, 9, 7)
    assert torch.allclose(Sharpen((9, 7), 0.0)(x), x, atol=1e-6)


@pytest.mark.parametrize(("amount", "radius"), [(-0.1, 1), (np.inf, 1), (1, 0)])
def test_what_is_no_sharpening_is_refused(amount, radius):
    with pytest.raises(RequestError, match="sharpening by"):
        Sharpen((9, 7), amount, radius)
