"""What is encoded is read again, and values keep to their range."""

import tracemalloc
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from restore.errors import ImageError, RequestError
from restore.images import (
    Picture,
    as_picture,
    check_encodable,
    decode,
    encode,
    format_of,
)
from tests.support.image_files import (
    LOSSLESS,
    photo,
    samples,
)

# Encoding


@pytest.mark.parametrize("format", LOSSLESS)
def test_eight_bits_survive_every_lossless_format(format):
    rgba = samples(40, 30, 4) | 1
    again = decode(encode(as_picture(rgba), format))
    assert again.format == format
    assert np.array_equal(np.dstack((again.pixels, again.alpha)), rgba)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_is_hardly_larger_and_no_other_by_the_quicker_search(channels):
    """Noise on a slope is made of runs alone; equal rows and repeated columns are not.

    OpenCV, which is quicker, knows no grey with alpha.
    """
    generator = np.random.default_rng(0)
    noise = generator.integers(100, 108, (512, 600, channels), np.uint8)
    slope = np.broadcast_to((np.arange(600) // 3).astype(np.uint8)[:, None], noise.shape)
    tiled = np.tile(generator.integers(0, 256, (512, 60, channels), np.uint8), (1, 10, 1))
    for pixels, quick in ((noise, channels != 2), (tiled, False), (slope, False)):
        file = BytesIO()
        image = Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels)
        image.save(file, "PNG", compress_level=4)
        alpha = pixels[..., -1] if channels in (2, 4) else None
        colours = pixels if alpha is None else pixels[..., :-1]
        data = encode(Picture(np.ascontiguousarray(colours), alpha), "PNG")
        assert np.array_equal(np.asarray(Image.open(BytesIO(data))), np.asarray(image))
        assert len(data) <= 1.03 * len(file.getvalue())  # 1.02 in the part that is tried
        assert (len(data) != len(file.getvalue())) == quick


def test_jpeg_is_fine_by_default_and_keeps_colour_at_full_size():
    picture = decode(photo("PNG"))
    data = encode(picture, "JPEG")
    sampling = [layer[1:3] for layer in Image.open(BytesIO(data)).layer]
    assert sampling == [(1, 1)] * 3
    assert abs(decode(data).pixels.astype(int) - picture.pixels).max() < 12
    assert len(encode(picture, "JPEG", quality=50)) < len(data)
    assert decode(encode(as_picture(samples(channels=1)), "JPEG")).grey


def test_webp_loses_only_when_told():
    picture = as_picture(samples(40, 40))
    assert np.array_equal(decode(encode(picture, "WEBP")).pixels, picture.pixels)
    assert len(encode(picture, "WEBP", quality=50)) < len(encode(picture, "WEBP"))


@pytest.mark.parametrize("quality", [0, 101, -1])
def test_quality_has_a_range(quality):
    with pytest.raises(RequestError, match="1 to 100"):
        encode(as_picture(samples()), "JPEG", quality=quality)


@pytest.mark.parametrize(
    ("size", "format", "alpha", "reason"),
    [
        ((16384, 1), "WEBP", False, "16383"),
        ((1, 65501), "JPEG", False, "65500"),
        ((8, 8), "JPEG", True, "transparency"),
        ((8, 8), "AVIF", False, "cannot be written"),
        ((8, 8), "GIF", False, "cannot be written"),
    ],
)
def test_the_limits_of_encoders_are_known_beforehand(size, format, alpha, reason):
    with pytest.raises(RequestError, match=reason):
        check_encodable(size, format, alpha)


@pytest.mark.parametrize(("format", "side"), [("WEBP", 16383), ("JPEG", 65500)])
def test_the_limits_of_encoders_are_true(format, side):
    check_encodable((side, 1), format, False)
    assert decode(encode(as_picture(np.zeros((1, side), np.uint8)), format)).size == (side, 1)


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("a.png", "PNG"),
        ("b/c.JPG", "JPEG"),
        ("d.jpeg", "JPEG"),
        ("e.webp", "WEBP"),
        ("f.tif", "TIFF"),
    ],
)
def test_an_ending_names_the_format(path, format):
    assert format_of(path) == format


@pytest.mark.parametrize("path", ["a", "b.psd", ".png", "c.png.txt"])
def test_an_ending_not_known_is_refused_with_those_that_are(path):
    with pytest.raises(RequestError, match=r"\.png, \.apng, \.jpg"):
        format_of(path)


# Ranges


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (1, 4000), (256, 256)])
def test_to_the_network_and_back_is_the_identity(depth, channels, size):
    picture = Picture(samples(*size, channels, depth))
    x = picture.tensor()
    assert x.dtype == torch.float32
    assert x.shape == (1, 3, *size)
    assert x.min() >= -1
    assert x.max() <= 1
    assert np.array_equal(picture.with_tensor(x).pixels, picture.pixels)


def test_the_ends_of_the_range_meet():
    ends = Picture(np.array([[[0], [65535]]], np.uint16)).tensor()
    assert ends[0, 0, 0].tolist() == [-1, 1]


def test_results_are_clipped_and_rounded():
    picture = Picture(np.zeros((1, 4, 3), np.uint8))
    x = torch.tensor([-1.5, 1.5, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1]).expand(1, 3, 1, 4)
    assert picture.with_tensor(x).pixels[0, :, 0].tolist() == [0, 255, 0, 1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_results_of_any_float_type_are_taken(dtype):
    picture = Picture(samples())
    assert picture.with_tensor(picture.tensor().to(dtype)).pixels.dtype == np.uint8


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_result_that_is_not_finite_is_an_error(value):
    picture = Picture(samples())
    x = picture.tensor()
    x[0, 1, 3, 4] = value
    with pytest.raises(ImageError, match="not finite"):
        picture.with_tensor(x)


def test_grey_results_are_the_mean_of_the_channels():
    x = torch.tensor([-0.2, 0.0, 0.5]).reshape(1, 3, 1, 1)
    assert Picture(np.zeros((1, 1, 1), np.uint8)).with_tensor(x).pixels.item() == round(1.1 * 127.5)


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_follows_to_another_size(depth):
    picture = as_picture(samples(6, 5, 4, depth))
    same = picture.with_tensor(torch.zeros(1, 3, 6, 5))
    assert np.array_equal(same.alpha, picture.alpha)
    larger = picture.with_tensor(torch.zeros(1, 3, 12, 15))
    assert larger.alpha.shape == (12, 15)
    assert larger.alpha.dtype == picture.alpha.dtype
    assert larger.size == (15, 12)


def test_results_of_any_size_need_little_memory():
    picture, x = Picture(np.zeros((1, 1, 3), np.uint8)), torch.zeros(1, 3, 2000, 2000)
    tracemalloc.start()
    pixels = picture.with_tensor(x).pixels
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes + 16 * 2**20  # a float copy would be 48 megabytes
