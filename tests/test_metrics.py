"""Metrics: known values."""

import math

import numpy as np
import pytest

from restore import metrics


def images(dtype=np.uint8, size=(40, 50, 3)):
    random = np.random.default_rng(0)
    return random.integers(0, np.iinfo(dtype).max, size, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_psnr_of_a_constant_error(dtype):
    a = np.full((9, 9, 3), 100, dtype)
    peak = np.iinfo(dtype).max
    assert metrics.psnr(a, a + 5) == pytest.approx(20 * math.log10(peak / 5))
    assert metrics.psnr(a, a) == math.inf


def test_psnr_inside_a_mask_counts_its_pixels_alone():
    a = images()
    b, where = a.copy(), np.zeros(a.shape[:2], bool)
    where[3:9, 4:8] = True
    b[~where] = 0
    assert metrics.psnr(a, b, where) == math.inf
    assert metrics.psnr(a, b, ~where) < 10


def test_strips_change_nothing(monkeypatch):
    a, b = images(), images()[::-1].copy()
    whole = metrics.psnr(a, b), metrics.ssim(a, b), metrics.max_error(a, b)
    monkeypatch.setattr(metrics, "STRIP", 17)
    assert (metrics.psnr(a, b), metrics.ssim(a, b), metrics.max_error(a, b)) == pytest.approx(whole)


def test_ssim_is_scikit_images():
    from skimage.metrics import structural_similarity

    a, b = images(), images() // 2
    wanted = structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )[1].mean()  # fmt: skip
    assert metrics.ssim(a, b) == pytest.approx(wanted)
    assert metrics.ssim(a, a) == pytest.approx(1)
    assert math.isnan(metrics.ssim(a[:5], b[:5]))


def test_the_largest_error():
    a = images()
    b = a.copy()
    b[7, 7, 1] ^= 0x40
    assert metrics.max_error(a, b) == 0x40
    assert metrics.max_error(a, b, np.zeros(a.shape[:2], bool)) == 0


def test_a_blurred_image_is_less_sharp():
    a = images()
    blurred = a // 2 + np.roll(a, 1, 0) // 2
    assert metrics.sharpness(blurred) < metrics.sharpness(a)
    assert 0 <= metrics.blur(a) < metrics.blur(blurred) <= 1


def test_other_shapes_and_depths_are_refused():
    with pytest.raises(ValueError, match="one shape and depth"):
        metrics.psnr(images(), images(np.uint16))
