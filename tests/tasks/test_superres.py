"""Superres: a JPEG is enlarged in one solve, and what is no exact reduction with tolerance."""

import io

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

import restore
from restore import metrics
from restore.bcm import BCM
from restore.degradations import Composed, Resize
from restore.errors import RequestError
from restore.images import Picture, decode
from restore.settings import Settings
from restore.tasks import Superres

TWO = Settings(nfe=2)


@pytest.fixture(scope="module")
def model() -> BCM:
    return restore.load("default", device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def small(photograph) -> np.ndarray:
    return photograph(width=96, height=80)


def compress(pixels: np.ndarray, quality: int, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def test_a_jpeg_is_enlarged_and_still_the_same_file(model, small):
    problem = Superres(2).open(compress(small, 40))
    assert isinstance(problem.degradation, Composed)
    result = Superres(2).restore(compress(small, 40), model, TWO)
    assert result.record.metrics["coefficients_kept"] > 0.99
    exact = Superres(2, sigma=0).restore(compress(small, 40), model, TWO)
    assert "coefficients_kept" not in exact.record.metrics
    assert exact.record.metrics["consistency_psnr_db"] > 40


def test_a_jpeg_that_lies_on_its_side_is_enlarged_upright(model, small):
    exif = Image.Exif()
    exif[0x0112] = 6
    result = Superres(size=(120, 144)).restore(compress(small, 60, exif=exif), model, TWO)
    assert result.picture.size == (120, 144)
    assert result.record.metrics["coefficients_kept"] > 0.98


def test_noise_is_not_enlarged_as_detail(model, photograph):
    truth = photograph(width=192, height=160)
    clean = Superres(2).degrade(Picture(truth)).pixels
    noisy = clean + np.random.default_rng(0).normal(0, 6, clean.shape)
    given = Picture(noisy.round().clip(0, 255).astype(np.uint8))
    found = Superres(2).open(given)
    assert found.sigma == pytest.approx(6, rel=0.3)
    ours, exact = (
        Superres(2, sigma=sigma).restore(given, model, TWO).picture for sigma in (None, 0)
    )
    assert metrics.psnr(ours.pixels, truth) > metrics.psnr(exact.pixels, truth) + 0.15


def test_an_exact_reduction_stays_exact(model, small):
    given = Picture(np.asarray(Image.fromarray(small).resize((48, 40), Image.Resampling.BICUBIC)))
    one, two = (Superres(2, sigma=sigma).restore(given, model, TWO) for sigma in (None, 0))
    assert isinstance(Superres(2).open(given).degradation, Resize)
    assert np.array_equal(one.picture.pixels, two.picture.pixels)
    assert one.record.metrics["consistency_psnr_db"] > 50


def test_methods_take_a_jpeg_too(model, small):
    data = compress(small[:32, :32], 50)
    for method in ("ddnm", "inversion"):
        result = Superres(2).restore(data, model, Settings(nfe=2, method=method))
        assert result.picture.size == tuple(2 * side for side in decode(data).size)


@pytest.mark.parametrize("sigma", [-1, 256, float("nan")])
def test_levels_that_cannot_be_are_refused(sigma):
    with pytest.raises(RequestError, match="sigma is"):
        Superres(2, sigma=sigma)


def test_a_camera_s_file_is_held_with_more_tolerance_the_more_it_is_enlarged(small):
    data = compress(small, 80)
    assert [Superres(scale).open(data).sigma for scale in (2, 3, 4)] == pytest.approx([0, 1.5, 3])
    assert Superres(4, sigma=1).open(data).sigma == 1
    assert Superres(4).open(decode(data)).sigma == 2  # of a PNG nobody knows that


def test_what_was_sharpened_is_not_enlarged_as_it_is(model):
    truth = np.ascontiguousarray(skimage.data.astronaut()[40:296, 100:356])
    plain = Superres(4).degrade(Picture(truth)).pixels.astype(float)
    over = 2 * plain - cv2.GaussianBlur(plain, (0, 0), 1)
    data = compress(over.round().clip(0, 255).astype(np.uint8), 85)
    assert Superres(4).open(data).sigma == 5
    ours, held = (
        Superres(4, sigma=sigma).restore(data, model, TWO).picture for sigma in (None, 0.001)
    )
    assert metrics.psnr(ours.pixels, truth) > metrics.psnr(held.pixels, truth) + 0.3
