"""Resize: Pillow's bicubic, and the nearest image to it."""

import numpy as np
import pytest
import torch
from PIL import Image

from restore.degradations import Resize
from restore.errors import RequestError
from tests.support.degradations import image


@pytest.mark.parametrize(
    ("large", "small"),
    [((64, 48), (32, 24)), ((63, 50), (21, 17)), ((101, 77), (60, 45)), ((300, 7), (149, 7))],
)
def test_resize_is_pillows_bicubic(large, small):
    x = image(1, 3, *large)
    y = Resize(large, small)(x)
    for c in range(3):
        shrunk = Image.fromarray(x[0, c].numpy()).resize(small[::-1], Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(shrunk) - y[0, c].numpy()).max() < 1e-5


def test_the_projection_onto_a_small_image_is_the_nearest():
    degradation = Resize((24, 20), (10, 9))
    x, y = image(1, 1, 24, 20, seed=1).double(), image(1, 1, 10, 9, seed=2).double()
    columns = torch.eye(24 * 20, dtype=torch.float64).view(-1, 1, 24, 20)
    matrix = degradation(columns).flatten(1).T
    nearest = x.flatten() - torch.linalg.pinv(matrix) @ (matrix @ x.flatten() - y.flatten())
    assert torch.allclose(degradation.project(x, y).flatten(), nearest, atol=1e-7)


@pytest.mark.parametrize("small", [(0, 4), (9, 4), (8, 9)])
def test_a_size_that_is_no_reduction_is_refused(small):
    with pytest.raises(RequestError, match="no reduction"):
        Resize((8, 8), small)


def test_matrices_first_used_without_gradients_serve_those_with_them():
    degradation = Resize((12, 14), (6, 7), sigma=0.1)
    x, y = torch.rand(1, 3, 12, 14).double(), torch.rand(1, 3, 6, 7).double()
    with torch.inference_mode():
        degradation.posterior_mean(x.clone(), y.clone(), 0.3)
    x.requires_grad_()
    degradation(x).square().sum().backward()
    assert float(x.grad.abs().max()) > 0
