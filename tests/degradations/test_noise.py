"""Noise: its level in a picture, and a picture with more of it."""

import numpy as np
import pytest
import torch
from skimage import data

from restore.degradations import Free, Noise
from restore.degradations.noise import estimate_sigma, noisy
from restore.errors import RequestError
from restore.images import Picture
from tests.support.degradations import image


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_noise_has_a_level_above_0(sigma):
    with pytest.raises(RequestError, match="above 0"):
        Noise(sigma)


@pytest.mark.parametrize(("t", "share"), [(0.2, 0.5), (0.4, 0.8), (0.1, 0.2)])
def test_an_image_and_a_noisy_one_are_weighed_by_their_variances(t, share):
    x, y = image(1, 3, 8, 8), image(1, 3, 8, 8, seed=1)
    mean = Noise(0.2).posterior_mean(x, y, t)
    assert torch.allclose(mean, (1 - share) * x + share * y, atol=1e-6)


def test_free_leaves_every_image_alone():
    x = image(1, 3, 8, 8)
    assert Free()(x) is None
    assert torch.equal(Free().project(x, None), x)
    assert Free().project(x, None, out=x) is x


@pytest.mark.parametrize("sigma", [5, 15, 25])
@pytest.mark.parametrize("depth", [8, 16])
def test_the_noise_of_a_picture_is_found(sigma, depth):
    given = noisy(Picture(data.astronaut()[60:156, 180:276]).at_depth(depth), sigma)
    assert estimate_sigma(given) == pytest.approx(sigma, rel=0.3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (40, 40)])
def test_a_picture_without_any_noise_has_none(shape):
    assert estimate_sigma(Picture(np.full((*shape, 3), 77, np.uint8))) == 0


def test_noise_is_added_as_asked():
    flat = np.full((100, 100, 3), 128, np.uint8)
    made = noisy(flat, 10, seed=1).pixels.astype(float) - 128
    assert made.std() == pytest.approx(10, rel=0.02)
    assert abs(made.mean()) < 0.2
    assert np.array_equal(noisy(flat, 10, seed=1).pixels, noisy(flat, 10, seed=1).pixels)
    assert not np.array_equal(noisy(flat, 10, seed=1).pixels, noisy(flat, 10, seed=2).pixels)
