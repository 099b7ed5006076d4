"""Superres: shrunk again, the result is the given picture."""

import numpy as np
import pytest

from restore import metrics
from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture, encode
from restore.tasks import (
    Superres,
)
from restore.tasks.superres import enlarge_bicubic
from tests.support.tasks import ONE, resized, samples


@pytest.mark.parametrize("scale", [1.1, 1.7, 2, 2.5, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_shrunk_again_the_result_is_the_given_picture(scale, channels, real, astronaut):
    small = samples(
        Superres(scale).degrade(as_picture(astronaut[:64, :80])).pixels, channels, np.uint8
    )
    result = Superres(scale).restore(small, real, ONE)
    height, width = (round(side * scale) for side in small.shape[:2])
    assert result.picture.size == (width, height)
    assert result.report["size_out"] == [width, height]
    proof = result.report["metrics"]
    assert proof["consistency_psnr_db"] is None or proof["consistency_psnr_db"] >= 55
    if channels == 3:
        assert metrics.psnr(resized(result.image, small.shape[1::-1]), small) >= 55


@pytest.mark.parametrize("size", [(57, 40), (56, 80), (100, 99), (300, 41)])
def test_it_enlarges_to_any_size(size, model, clean):
    result = Superres(size=size, stretch=True).restore(clean, model, ONE)
    assert result.picture.size == size
    assert result.report["metrics"]["psnr_input_db"] > 10


@pytest.mark.parametrize(
    ("size", "made"), [((112, 400), (112, 80)), ((400, 60), (84, 60)), ((63, 45), (63, 45))]
)
def test_it_fits_inside_a_size_in_proportion(size, made, model, clean):
    assert Superres(size=size).size_out((56, 40)) == made
    assert Superres(size=size).restore(clean, model, ONE).picture.size == made


def test_the_input_is_enlarged_as_pillow_does(clean):
    for size in ((112, 80), (95, 68), (56, 41), (300, 200)):
        wanted = resized(clean, size)
        found = enlarge_bicubic(Picture(clean), size).pixels
        assert metrics.max_error(found, wanted) <= 1
        assert metrics.psnr(found, wanted) > 60


def test_transparency_is_enlarged_too(model, clean):
    given = samples(clean, 4, np.uint8)
    given[..., 3] = np.where(np.arange(56) < 28, 255, 3)
    alpha = Superres(2).restore(given, model, ONE).image[..., 3]
    assert alpha.shape == (80, 112)
    assert (alpha[:, :46] == 255).all()
    assert (alpha[:, 66:] == 3).all()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "give either a scale or a size"),
        ({"scale": 2, "size": (112, 80)}, "give either a scale or a size"),
        ({"scale": 1}, "scale is 1, expected a factor above 1"),
        ({"scale": 0.5}, "scale is 0.5"),
        ({"scale": -2}, "scale is -2"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": "2"}, "scale is '2'"),
        ({"scale": 1.001}, "56×40 is not larger than the given 56×40"),
        ({"size": (56, 40)}, "56×40 is not larger"),
        ({"size": (112, 39)}, "55×39 is not larger"),
        ({"size": (112.5, 80)}, "expected .width, height. in pixels"),
        ({"size": (112,)}, "expected .width, height. in pixels"),
        ({"size": 112}, "expected .width, height. in pixels"),
        ({"scale": 1000}, "over the limit of 64 megapixels"),
        ({"scale": 1e306}, "over the limit of 64 megapixels"),
        ({"size": (10**9, 10**9)}, "over the limit of 64 megapixels"),
    ],
)
def test_enlargements_that_cannot_be_are_refused(asked, sentence, model, clean):
    with pytest.raises(RequestError, match=sentence):
        Superres(asked.get("scale"), size=asked.get("size")).restore(clean, model)


def test_the_limit_on_pixels_is_the_caller_s(model, clean):
    with pytest.raises(RequestError, match="over the limit of 4,000 pixels"):
        Superres(2).restore(clean, model, ONE, max_pixels=4000)
    with pytest.raises(ImageError, match="more than the 2000 allowed"):
        Superres(2).restore(encode(Picture(clean)), model, ONE, max_pixels=2000)
