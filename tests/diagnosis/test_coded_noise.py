"""Noise under a JPEG: its level before it was compressed, and none where there was none."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.diagnosis import diagnose
from restore.diagnosis.coded_noise import measure_coded_noise
from restore.jpegfile.quality import luma_table

CLEAN = cv2.GaussianBlur(data.astronaut()[:384, :384], (0, 0), 1.5)
IN_LUMA = 0.669  # of noise in each colour


def compressed(sigma: float, quality: int, seed: int = 0) -> bytes:
    z = np.random.default_rng(seed).standard_normal(CLEAN.shape)
    stream = io.BytesIO()
    noisy = (CLEAN + sigma * z).round().clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def shown(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("quality", [60, 75, 90])
@pytest.mark.parametrize("sigma", [10, 20])
def test_its_level_is_that_before_the_steps(sigma, quality):
    pixels = shown(compressed(sigma, quality)).astype(np.float32)
    found = measure_coded_noise(pixels, luma_table(quality))
    assert found is not None
    assert found.sigma == pytest.approx(IN_LUMA * sigma, rel=0.15)
    assert found.alike
    assert found.weakest <= found.sigma


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_what_had_none_has_none(quality):
    pixels = shown(compressed(0, quality)).astype(np.float32)
    found = measure_coded_noise(pixels, luma_table(quality))
    assert found is None or not found.alike


def test_a_file_and_what_was_one_tell_alike():
    file = compressed(10, 75)
    for given in (file, shown(file), shown(file)[5:, 3:]):
        noise = diagnose(given).noise
        assert noise is not None
        assert noise.sigma == pytest.approx(10, rel=0.15)
        assert noise.sentence.startswith("Noise of ")
        assert "before it was compressed" in noise.sentence


def test_a_grey_picture_has_all_of_it_in_luma():
    z = np.random.default_rng(0).standard_normal(CLEAN.shape[:2])
    noisy = (CLEAN.mean(axis=2) + 12 * z).round().clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=75)
    noise = diagnose(stream.getvalue()).noise
    assert noise is not None
    assert noise.sigma == pytest.approx(12, rel=0.15)


@pytest.mark.parametrize(("sigma", "quality"), [(10, 90), (20, 90), (20, 75)])
@pytest.mark.parametrize("cut", [(0, 0), (5, 11)])
def test_colour_tells_where_luma_is_texture_all_over(sigma, quality, cut):
    grass = data.grass()[:320, :320, None].repeat(3, 2)
    z = np.random.default_rng(0).standard_normal(grass.shape)
    given = []
    for pixels in (grass, grass + sigma * z):
        stream = io.BytesIO()
        Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8)).save(
            stream, "JPEG", quality=quality
        )
        given.append(shown(stream.getvalue())[cut[0] :, cut[1] :])
    clean, noisy = (diagnose(one).noise for one in given)
    assert clean is None
    assert noisy is not None
    assert noisy.sigma == pytest.approx(sigma, rel=0.3)  # chroma has few frequencies left


def test_texture_in_colour_is_no_noise():
    fur = data.chelsea()[20:276, 80:336]
    for quality in (90, 95):
        stream = io.BytesIO()
        Image.fromarray(fur).save(stream, "JPEG", quality=quality)
        assert diagnose(stream.getvalue()).noise is None
