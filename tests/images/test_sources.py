"""Arrays, bytes and Pillow images give the same picture."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from restore.errors import ImageError, RequestError
from restore.images import (
    as_picture,
    decode,
)
from tests.support.image_files import (
    described,
    photo,
    samples,
)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_arrays_are_pictures(channels, depth):
    array = samples(channels=channels, depth=depth) | 1
    picture = as_picture(array)
    assert picture.grey == (channels < 3)
    assert picture.size == (9, 12)
    assert np.array_equal(
        as_picture(array.astype(array.dtype.newbyteorder(">"))).pixels, picture.pixels
    )


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((4, 4, 3), 2.0, np.float32), "floats"),
        (np.zeros((4, 4), bool), "found bool"),
        (np.zeros((4, 4), np.int64), "found int64"),
        (np.zeros((4, 4, 5), np.uint8), r"found \(4, 4, 5\)"),
        (np.zeros((0, 4), np.uint8), r"found \(0, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "found"),
        (torch.zeros(3, 4, 4, 2, 2), r"found \(3, 4, 4, 2, 2\)"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_picture_is_refused(array, reason):
    with pytest.raises(RequestError, match=reason):
        as_picture(array)


def test_every_kind_of_source_gives_the_same_picture(tmp_path):
    data = photo("PNG", exif=described(8))
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    expected = decode(data)
    for source in (path, str(path), data, bytearray(data), Image.open(path), expected):
        picture = as_picture(source)
        assert np.array_equal(picture.pixels, expected.pixels)
        assert picture.exif == expected.exif
        assert picture.format == "PNG"


def test_pillow_images_are_left_as_they_were():
    image = Image.open(BytesIO(photo("JPEG", exif=described(6))))
    as_picture(image)
    assert image.getexif()[0x0112] == 6
    assert image.size == (64, 48)
    with pytest.raises(ImageError, match="float"):
        as_picture(Image.new("F", (4, 4)))
    with pytest.raises(ImageError, match="truncated"):
        as_picture(Image.open(BytesIO(photo("JPEG")[:-100])))
