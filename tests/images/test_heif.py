"""HEIC files, which the extra `heif` reads: the picture that is meant, and what stands beside."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from restore.errors import ImageError
from restore.images import decode, encode_file, read_header

heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")

Y, X = np.mgrid[:48, :64]
PIXELS = np.dstack((X * 4, Y * 5, X + Y)).astype(np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(autouse=True)
def registered():
    heif.register_heif_opener()


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, "HEIF", quality=95, **options)
    return stream.getvalue()


def near(pixels, expected):
    return np.abs(pixels.astype(int) - expected).mean() < 3  # levels, of a lossy file


def test_colours_greys_and_transparency_come_as_they_are():
    photo = Image.fromarray(PIXELS)
    assert near(decode(saved(photo)).pixels, PIXELS)
    grey = decode(saved(photo.convert("L")))
    assert grey.grey
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    assert near(decode(saved(clear)).alpha, np.asarray(photo.convert("L")))


def test_what_stands_beside_the_pixels_goes_to_the_next_file():
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0112: 6})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    data = saved(Image.fromarray(PIXELS), exif=exif.tobytes(), icc_profile=SRGB, xmp=xmp)
    picture = decode(data)
    assert picture.size == read_header(data).size == (48, 64)  # turned once
    assert near(picture.pixels, np.rot90(PIXELS, -1))
    made = decode(encode_file(picture, "PNG").data)
    assert (made.icc, made.metadata.xmp, made.warnings) == (SRGB, xmp, ())
    assert b"Maker" in made.exif


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_pictures_the_main_one_is_taken_with_a_warning(first):
    photos = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    data = saved(photos[0], save_all=True, append_images=photos[1:], primary_index=first)
    picture = decode(data)
    assert near(picture.pixels, np.asarray(photos[first]))
    assert "several pictures" in picture.warnings[0]


@pytest.mark.parametrize("deep", [False, True])
def test_ten_bits_are_read_at_eight_with_a_warning(deep, monkeypatch):
    monkeypatch.setattr(heif.options, "SAVE_HDR_TO_12_BIT", False)
    samples = PIXELS.astype(np.uint16) * 257 if deep else PIXELS
    image = heif.from_bytes("RGB;16" if deep else "RGB", (64, 48), samples.tobytes())
    stream = io.BytesIO()
    image.save(stream, quality=95)
    picture = decode(stream.getvalue())
    assert near(picture.pixels, PIXELS)
    expected = ("HEIC of more than 8 bits a sample was read at 8",) if deep else ()
    assert picture.warnings == expected


@pytest.mark.parametrize("share", [0.03, 0.3, 0.6, 0.99])
def test_a_file_that_is_cut_short_fails(share):
    data = saved(Image.fromarray(PIXELS))
    with pytest.raises(ImageError, match="damaged HEIC"):
        decode(data[: int(share * len(data))])
