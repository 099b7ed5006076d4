"""Noise: found where it is, with its level and its kind, and not where it is not."""

import cv2
import numpy as np
import pytest
from skimage import data

from restore.diagnosis import find_noise

CLEAN = data.astronaut()[:320, :320].astype(np.float32)
CLEAN = cv2.resize(cv2.GaussianBlur(CLEAN, (0, 0), 1.5), None, fx=0.75, fy=0.75)


def noisy(sigma: float, channels: int = 3, smooth: float = 0, shot: bool = False) -> np.ndarray:
    z = np.random.default_rng(0).standard_normal((*CLEAN.shape[:2], channels)).astype(np.float32)
    if smooth:
        z = cv2.GaussianBlur(z, (0, 0), smooth)
        z /= z.std()
    if shot:
        z = z * np.sqrt(CLEAN / 128)
    return (CLEAN + sigma * z).round().clip(0, 255)


@pytest.mark.parametrize("sigma", [2, 5, 10, 25])
def test_white_noise_is_found_with_its_level(sigma):
    found = find_noise(noisy(sigma))
    assert found is not None
    assert found.sigma == pytest.approx(sigma, rel=0.1)
    assert (found.spectrum, found.colour) == ("white", "colour")
    assert found.strongest == pytest.approx(sigma, rel=0.15)


def test_grey_noise_is_stronger_along_grey():
    found = find_noise(noisy(10, channels=1))
    assert found is not None
    assert found.colour == "grey"
    assert found.sigma == pytest.approx(10, rel=0.1)
    assert found.strongest == pytest.approx(10 * 3**0.5, rel=0.1)


def test_a_grey_picture_has_noise_in_its_channel():
    found = find_noise(noisy(10)[..., :1])
    assert found is not None
    assert found.sigma == pytest.approx(10, rel=0.1)
    assert found.colour == "grey"


def test_correlated_noise_is_told_from_white():
    found = find_noise(noisy(15, smooth=1))
    assert found is not None
    assert found.spectrum == "correlated"
    assert 8 < found.sigma < 16


def test_noise_that_rises_with_brightness_says_so():
    found = find_noise(noisy(12, shot=True))
    assert found is not None
    assert found.bright > 1.6 * found.dark
    assert "where it is dark" in found.sentence


def stripes() -> np.ndarray:
    return np.where(np.arange(240) % 4 < 2, 60.0, 190.0)[None, :, None].repeat(240, 0)


def words() -> np.ndarray:
    page = np.full((240, 240), 235, np.uint8)
    for row in range(20, 240, 22):
        cv2.putText(page, "Lorem ipsum dolor", (4, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 20, 1)
    return page[..., None]


@pytest.mark.parametrize(
    "pixels",
    [CLEAN, data.grass()[:300, :300, None], stripes(), words(), CLEAN[:40, :40]],
    ids=["photograph", "texture", "pattern", "text", "too small"],
)
def test_where_there_is_none_none_is_found(pixels):
    found = find_noise(pixels.astype(np.float32))
    assert found is None or found.sigma < 1.5


def test_clipped_paper_hides_no_noise_beside_it():
    pixels = noisy(10)
    pixels[:120] = 255
    found = find_noise(pixels)
    assert found is not None
    assert found.sigma == pytest.approx(10, rel=0.15)
