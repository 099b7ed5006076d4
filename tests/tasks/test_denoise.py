"""Denoise: noise that is found is taken away, and where there is none the picture is left alone."""

import cv2
import numpy as np
import pytest
from skimage import data

import restore
from restore import metrics
from restore.bcm import BCM
from restore.images import Picture, decode
from restore.settings import Settings
from restore.tasks import Denoise
from tests.support.cases import case

CLEAN = data.coffee()[80:272, 200:392]


@pytest.fixture(scope="module")
def model() -> BCM:
    return restore.load("default", device="cpu", dtype="fp32")


def add(z: np.ndarray) -> Picture:
    return Picture((CLEAN + z).round().clip(0, 255).astype(np.uint8))


def noise(name: str) -> np.ndarray:
    z = np.random.default_rng(0).standard_normal(CLEAN.shape)
    if name == "correlated":
        z = cv2.GaussianBlur(z, (0, 0), 1)
        return 15 * z / z.std()
    if name == "grey":
        return 15 * z[..., :1]
    return 12 * z


@pytest.mark.parametrize("name", ["white", "correlated", "grey"])
def test_noise_of_any_kind_is_taken_away_about_as_well_as_can_be(name, model):
    given = add(noise(name))
    found = Denoise().restore(given, model).record.metrics
    levels = (8, 10, 12, 15, 18, 22, 26, 30)
    best = max(
        metrics.psnr(Denoise(sigma=sigma).restore(given, model).picture.pixels, CLEAN)
        for sigma in levels
    )
    ours = metrics.psnr(Denoise().restore(given, model).picture.pixels, CLEAN)
    assert ours > best - 0.6
    assert found["sigma"] == pytest.approx(15 if name == "grey" else 12, rel=0.3)


def test_a_picture_without_noise_is_left_as_it_is(model):
    page = np.full((200, 200, 3), 255, np.uint8)
    cv2.putText(page, "no noise here", (10, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (20, 20, 20), 1)
    result = Denoise().restore(Picture(page), model, Settings(samples=2))
    assert np.array_equal(result.picture.pixels, page)
    assert result.record.nfe == 0
    assert "left as it is" in result.record.warnings[-1]
    assert not np.array_equal(Denoise(sigma=9).restore(Picture(page), model).picture.pixels, page)


@pytest.mark.parametrize("sigma", [2, 5])
def test_noise_that_texture_hides_in_grey_is_taken_at_its_own_level(sigma, model):
    """Fur has all frequencies, as noise has, but no colour of its own: colour tells the level."""
    fur = data.chelsea()[60:188, 100:260]
    z = np.random.default_rng(0).standard_normal(fur.shape)
    given = Picture(np.rint(fur + sigma * z).clip(0, 255).astype(np.uint8))
    found = Denoise().restore(given, model).picture.pixels
    assert metrics.psnr(found, fur) > metrics.psnr(given.pixels, fur) + 1


@pytest.mark.parametrize("name", ["10-text-page-1-bit.png", "11-screenshot.png"])
def test_cases_without_noise_come_back_as_they_are(name, model):
    result = Denoise().restore(case(name), model)
    assert np.array_equal(result.picture.pixels, decode(case(name).read_bytes()).pixels)
    assert result.report["metrics"]["sigma"] < 0.5
    assert "no photograph" in result.report["warnings"][-1]


def test_a_screenshot_with_real_noise_in_its_photograph_is_denoised(model):
    """Paper that is white by clipping says nothing of the noise beside it."""
    photo = data.coffee()[:300, :300]
    noisy = photo + np.random.default_rng(0).normal(0, 12, photo.shape)
    pixels = np.rint(noisy).clip(0, 255).astype(np.uint8)
    pixels[:100] = 255
    found = Denoise().restore(Picture(pixels), model).report["metrics"]
    assert found["sigma"] == pytest.approx(12, rel=0.3)


def test_noise_of_a_grey_picture_is_told_to_be_stronger():
    """All three channels have the same noise, √3 times as strong along grey."""
    for source, gain in ((Picture(CLEAN[..., :1]), 3**0.5), (Picture(CLEAN), 1.0)):
        assert Denoise(sigma=15).open(source).severity == pytest.approx(15 * gain)
