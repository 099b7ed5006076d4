"""What is an image is read, damage is named, and no file claims more than it holds."""

import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageFile

from restore.errors import ImageError
from restore.images import (
    decode,
    sniff,
)
from tests.support.image_files import (
    FORMATS,
    chunk,
    needs_avif,
    photo,
    png16,
    samples,
    saved,
    tiff,
)

# What is an image, and which


@pytest.mark.parametrize("format", [*FORMATS, "QOI", pytest.param("AVIF", marks=needs_avif)])
def test_content_decides_the_format(format):
    data = photo(format)
    assert sniff(data) == decode(data).format == format


@pytest.mark.parametrize(
    ("data", "truth"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\n<html><head>", "HTML"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="x">', "SVG"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
        (b"%PDF-1.7", "PDF"),
        (b"GIF89a", "GIF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC|HEIF"),  # the extra is missing, or reads it
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41isom", "video"),
        (b"II*\0\x10\0\0\0CR\2\0", "camera raw"),
        (b"hello world", "68 65 6c 6c 6f 20 77 6f"),
    ],
)
def test_what_is_no_image_is_named(data, truth):
    with pytest.raises(ImageError, match=truth):
        decode(data)


# Damage


@pytest.mark.parametrize(
    "format", [*FORMATS, "progressive", pytest.param("AVIF", marks=needs_avif)]
)
@pytest.mark.parametrize("missing", [20, 0.5, 0.9])
def test_truncated_files_are_refused(format, missing):
    data = photo("JPEG", progressive=True) if format == "progressive" else photo(format)
    cut = missing if missing >= 1 else int(len(data) * missing)
    with pytest.raises(ImageError, match=r"truncated|damaged|cannot"):
        decode(data[:-cut])


@pytest.mark.parametrize("make", [lambda p: png16(p, 2), tiff])
def test_truncated_deep_files_are_refused(make):
    data = make(samples(40, 40, depth=16))
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2])


def test_a_png_is_verified_to_its_end():
    whole = photo("PNG")
    place = whole.index(b"IDAT") + 20
    flipped = bytes([whole[place] ^ 1])
    with pytest.raises(ImageError, match="truncated PNG"):
        decode(whole[:-12])
    with pytest.raises(ImageError, match="checksum of its IDAT"):
        decode(whole[:place] + flipped + whole[place + 1 :])
    assert decode(whole + b"trailing bytes do no harm").size == (64, 48)


@pytest.mark.parametrize("whole", [photo("PNG"), png16(samples(40, 40, depth=16), 2)])
def test_a_png_whose_pixels_stop_early_is_refused_though_its_checksums_hold(whole):
    start = whole.index(b"IDAT") + 4
    half = whole[start : start + (len(whole) - start) // 2]
    with pytest.raises(ImageError):
        decode(whole[: start - 8] + chunk(b"IDAT", half) + chunk(b"IEND", b""))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", range(20))
def test_any_damage_is_an_image_error_or_a_picture(format, seed):
    generator = np.random.default_rng(seed)
    data = bytearray(photo(format))
    for place in generator.integers(0, len(data), 6):
        data[place] = generator.integers(0, 256)
    with suppress(ImageError):
        decode(bytes(data), max_pixels=10**6)


# Bombs


@pytest.mark.parametrize("format", [*FORMATS, "QOI", pytest.param("AVIF", marks=needs_avif)])
def test_the_pixel_cap_is_checked(format):
    assert decode(photo(format), max_pixels=64 * 48).size == (64, 48)
    with pytest.raises(ImageError, match="64x48 pixels, more than the 3071 allowed"):
        decode(photo(format), max_pixels=64 * 48 - 1)


def test_a_small_progressive_jpeg_cannot_claim_megapixels():
    data = photo("JPEG", progressive=True)
    place = data.index(b"\xff\xc2") + 5
    claim = data[:place] + struct.pack(">HH", 9000, 9000) + data[place + 4 :]
    with pytest.raises(ImageError, match="9000x9000 pixels, more than the 64000000 allowed"):
        decode(claim)
    with pytest.raises(ImageError, match=r"more than \d+ bytes can hold"):
        decode(claim, max_pixels=100_000_000)


def test_a_small_png_cannot_claim_megapixels():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 2000, 8, 2, 0, 0, 0))
    start, end = photo("PNG").split(photo("PNG")[8:33])
    with pytest.raises(ImageError, match="30000x2000 pixels, more than"):
        decode(start + header + end)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_text_and_profile_bombs_are_dropped_and_cost_no_picture(kind):
    bomb = chunk(kind, b"name\0\0" + zlib.compress(bytes(2**23)))
    data = photo("PNG")
    picture = decode(data[:33] + 40 * bomb + data[33:])
    assert np.array_equal(picture.pixels, decode(data).pixels)
    assert picture.warnings
    assert not picture.icc
    assert not picture.metadata.texts


@pytest.mark.parametrize("format", FORMATS)
def test_flat_images_are_no_bombs(format):
    assert decode(saved(Image.new("RGB", (1500, 1000), "teal"), format)).size == (1500, 1000)


def test_pillows_safety_switches_stay_as_they_are():
    decode(photo("PNG"))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3
