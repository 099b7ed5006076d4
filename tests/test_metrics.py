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


def test_texture_in_the_wrong_place_is_an_error_that_sharpness_does_not_see():
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, :32] = images(size=(64, 32, 3))
    mirrored = half[:, ::-1].copy()
    assert metrics.sharpness(mirrored) == pytest.approx(metrics.sharpness(half))
    assert metrics.texture_error(half, half) == 0
    assert metrics.texture_error(mirrored, half) > 2


def test_texture_of_another_draw_is_as_good():
    a = images(size=(64, 64, 3))
    other = np.random.default_rng(1).integers(0, 256, a.shape, np.uint8)
    flat = np.full_like(a, 128)
    assert metrics.texture_error(other, a) < 0.2 < metrics.texture_error(flat, a)
    assert metrics.texture_error(flat, flat // 2) == 0
    assert metrics.texture_error(a[:5], a[:5]) == 0  # less than a block


def test_texture_of_sixteen_bits_is_that_of_eight():
    a, b = images(size=(32, 32, 3)), images(size=(32, 32, 3))[::-1] // 2
    wide = [v.astype(np.uint16) * 257 for v in (a, b)]
    assert metrics.texture_error(*wide) == pytest.approx(metrics.texture_error(a, b))


def test_grain_is_what_is_drawn_on_what_is_smooth():
    sky = np.full((64, 64, 3), 128, np.uint8)
    noise = np.random.default_rng(0).integers(-4, 5, sky.shape)
    grained = (sky + noise).astype(np.uint8)
    assert metrics.grain(sky, sky) == metrics.grain(sky, grained) == 0  # smoother is no grain
    assert metrics.grain(grained, sky) > 1  # 4 levels at most in each channel
    wide = [v.astype(np.uint16) * 257 for v in (grained, sky)]
    assert metrics.grain(*wide) == pytest.approx(metrics.grain(grained, sky))


def test_grain_is_not_looked_for_in_texture():
    a = images(size=(64, 64, 3))
    b = np.random.default_rng(1).integers(0, 256, a.shape, np.uint8)
    assert metrics.grain(a, b // 2) == 0
    assert metrics.grain(a[:5], b[:5]) == 0  # less than a block
