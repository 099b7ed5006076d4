"""Sixteen bits come and go exactly."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import RequestError
from restore.images import (
    Picture,
    as_picture,
    decode,
    encode,
)
from tests.support.image_files import (
    GREY,
    SRGB,
    chunk,
    described,
    png16,
    samples,
    tiff,
)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_is_read_exactly(channels):
    pixels = samples(channels=channels, depth=16) | 1  # never quite transparent
    extra = (
        chunk(b"gAMA", struct.pack(">I", 100000)),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(SRGB if channels > 2 else GREY)),
        chunk(b"eXIf", described(6)[6:]),
    )
    picture = decode(png16(pixels, {1: 0, 2: 4, 3: 2, 4: 6}[channels], *extra), upright=False)
    read = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    assert picture.depth == 16
    assert np.array_equal(read, pixels)
    assert picture.icc
    assert picture.orientation == 6


@pytest.mark.parametrize("colour_type", [0, 2])
def test_sixteen_bit_png_with_a_transparent_colour(colour_type):
    pixels = samples(channels=3 if colour_type else 1, depth=16)
    key = chunk(b"tRNS", pixels[4, 5].astype(">u2").tobytes())
    picture = decode(png16(pixels, colour_type, key))
    assert picture.alpha[4, 5] == 0
    assert (picture.alpha == 65535).sum() == picture.alpha.size - 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_tiff_is_read_exactly(channels, options):
    pixels = samples(20, 33, channels, depth=16) | 1
    kind = {1: "minisblack", 3: "rgb", 4: "rgb"}[channels]
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    picture = decode(tiff(pixels.squeeze(), kind, **extra, **options))
    read = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    assert np.array_equal(read, pixels)


def test_sixteen_bit_tiff_of_other_conventions():
    grey, rgba = samples(channels=1, depth=16), samples(channels=4, depth=16) | 1
    white = decode(tiff(grey[..., 0], "miniswhite"))
    assert np.array_equal(white.pixels, 65535 - grey)
    assert decode(tiff(rgba, extrasamples=["unspecified"])).alpha is None
    multiplied = (rgba[..., :3].astype(float) * rgba[..., 3:] / 65535).round().astype(np.uint16)
    picture = decode(tiff(np.dstack((multiplied, rgba[..., 3])), extrasamples=["assocalpha"]))
    loss = abs(picture.pixels.astype(int) - rgba[..., :3]) * (rgba[..., 3:] / 65535)
    assert loss.max() <= 1.0


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (7, 5), (700, 600)])
def test_what_is_written_is_read_again(format, channels, depth, size):
    picture = as_picture(samples(*size, channels, depth))
    again = decode(encode(picture, format))
    if format == "TIFF" and depth == 16 and channels == 2:
        assert not again.grey  # neither Pillow nor OpenCV reads the pair
    else:
        assert again.grey == picture.grey
    assert again.depth == depth
    assert (again.pixels == picture.pixels).all()
    assert np.array_equal(again.alpha, picture.alpha) or again.alpha is picture.alpha is None


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_others_read_our_sixteen_bits(format, channels):
    pixels = samples(600, 700, channels, depth=16) | 1
    data = encode(as_picture(pixels), format)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    assert np.array_equal(read.reshape(pixels.shape)[..., order], pixels)
    if format == "TIFF":
        assert np.array_equal(tifffile.imread(BytesIO(data)).reshape(pixels.shape), pixels)
    assert Image.open(BytesIO(data)).size == (700, 600)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_sixteen_bits_are_refused_where_they_do_not_fit(format):
    picture = as_picture(samples(depth=16))
    with pytest.raises(RequestError, match="cannot hold 16 bits"):
        encode(picture, format)
    with pytest.raises(RequestError, match="cannot hold 16 bits"):
        encode(as_picture(samples()), format, depth=16)
    assert decode(encode(picture, format, depth=8)).depth == 8


def test_depths_change_exactly():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    eight = Picture(every).at_depth(8).pixels
    assert np.array_equal(eight, np.rint(every / 257).astype(np.uint8))
    assert np.array_equal(Picture(eight).at_depth(16).at_depth(8).pixels, eight)
    assert Picture(np.full((1, 1, 1), 255, np.uint8)).at_depth(16).pixels.item() == 65535
