"""Transfer: what goes to a device and back as integers is what goes as floats."""

import numpy as np
import pytest
import torch

from restore.images import Picture
from restore.images.transfer import as_image, as_pixels, fetch_pixels, send_pixels


def picture(depth: int, channels: int, height: int = 96, width: int = 67) -> Picture:
    kind = np.uint8 if depth == 8 else np.uint16
    pixels = np.random.default_rng(0).integers(0, 2**depth, (height, width, channels), kind)
    pixels[0, :2, 0] = 0, 2**depth - 1
    return Picture(pixels)


def bits(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels if pixels.itemsize == 1 else pixels.view(np.int16))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", [8, 16])
def test_integers_become_the_same_image_to_the_bit(depth, channels):
    given = picture(depth, channels)
    found = as_image(bits(given.pixels), depth)
    assert torch.equal(found, given.tensor())
    assert found.is_contiguous()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", [8, 16])
def test_an_image_becomes_the_same_integers(depth, channels):
    blank = picture(depth, channels)
    x = 2.4 * torch.rand(1, 3, 90, 61, generator=torch.Generator().manual_seed(0)) - 1.2
    x[0, :, :8, :8] = (torch.arange(64.0).view(8, 8) + 0.5) * 2 / 255 - 1  # halves
    found = as_pixels(x, depth, channels == 1).numpy().view(blank.pixels.dtype)
    assert np.array_equal(found, blank.with_tensor(x).pixels)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_picture_comes_back_as_it_went(depth):
    given = picture(depth, 3)
    device = torch.device("cpu")
    assert np.array_equal(fetch_pixels(given, send_pixels(given, device)).pixels, given.pixels)
    x = torch.zeros(1, 3, 4, 4)
    assert send_pixels(x, device) is x
