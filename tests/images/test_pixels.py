"""Kinds of pixels, transparency and orientation become one kind of picture."""

import struct
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from restore.errors import ImageError
from restore.images import (
    as_picture,
    decode,
    encode,
)
from tests.support.image_files import (
    FORMATS,
    LOSSLESS,
    SRGB,
    chunk,
    cmyk_profile,
    described,
    exif_of,
    photo,
    png16,
    samples,
    saved,
    tiff,
)

# Kinds of pixels


@pytest.mark.parametrize(
    ("mode", "grey", "alpha"),
    [
        ("1", True, False),
        ("L", True, False),
        ("LA", True, True),
        ("I;16", True, False),
        ("P", False, False),
        ("RGB", False, False),
        ("RGBA", False, True),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_greys_stay_grey_and_palettes_expand(mode, grey, alpha, format):
    image = Image.new(mode, (5, 4), 1)
    picture = decode(saved(image, format))
    assert picture.grey is grey
    assert (picture.alpha is not None) is alpha
    assert picture.depth == (16 if mode == "I;16" else 8)


@pytest.mark.parametrize(
    ("mode", "transparent"), [("L", 7), ("RGB", (7, 7, 7)), ("P", 7), ("P", bytes([255] * 7 + [0]))]
)
def test_a_transparent_colour_becomes_alpha(mode, transparent):
    image = Image.new(mode, (5, 4), 3)
    if mode == "P":
        image.putpalette(range(30))
    image.putpixel((2, 1), (7, 7, 7) if mode == "RGB" else 7)
    alpha = decode(saved(image, "PNG", transparency=transparent)).alpha
    assert alpha[1, 2] == 0
    assert (alpha == 255).sum() == 19


def test_one_bit_is_black_and_white():
    assert set(decode(saved(Image.linear_gradient("L").convert("1"), "PNG")).pixels.flat) == {
        0,
        255,
    }


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile_or_is_refused(format):
    inks = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    inks.paste((0, 0, 0, 255), (8, 0, 16, 16))
    picture = decode(saved(inks, format, icc_profile=cmyk_profile(), **exact(format)))
    assert picture.pixels[3, 3].tolist() == [255, 255, 255]
    assert picture.pixels[3, 12].tolist() == [0, 0, 0]
    assert any("CMYK" in warning for warning in picture.warnings)
    with pytest.raises(ImageError, match="CMYK with no colour profile"):
        decode(saved(inks, format))
    with pytest.raises(ImageError, match="CMYK with a broken colour profile"):
        decode(saved(inks, format, icc_profile=SRGB))


def exact(format):
    return {"quality": 100} if format == "JPEG" else {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: saved(Image.new("LAB", (4, 4)), "TIFF"), "CIELAB"),
        (lambda: tiff(samples(depth=16), "cielab"), "CIELAB"),
        (lambda: saved(Image.new("F", (4, 4)), "TIFF"), "float"),
        (lambda: tiff(samples().astype(np.float32)), "float"),
        (lambda: tiff(samples(depth=16).astype(np.int16)), "signed"),
        (lambda: saved(Image.new("I", (4, 4)), "TIFF"), "signed"),
        (lambda: tiff(samples().astype(np.uint32)), "32 bits"),
        (lambda: tiff(samples(channels=4, depth=16), "separated"), "another colour space"),
        (
            lambda: tiff(
                *(samples(channels=2, depth=16), "minisblack"),
                planarconfig="contig",
                extrasamples=["unassalpha"],
            ),
            "grey with alpha",
        ),
        (lambda: tiff(samples(3, 16, 16, depth=16), planarconfig="separate"), "planes"),
        (
            lambda: tiff(samples(), extratags=[(50706, 1, 4, b"\1\4\0\0", True)]),
            "camera raw",
        ),
    ],
)
def test_what_is_not_read_says_why(data, reason):
    with pytest.raises(ImageError, match=reason):
        decode(data())


# Transparency


def test_colour_bleeds_under_transparent_pixels_only():
    rgba = samples(20, 30, 4)
    rgba[..., 3] |= 1
    rgba[5:15, 10:25, 3] = 0
    rgba[5:15, 10:25, :3] = (255, 0, 255)
    picture = as_picture(rgba)
    seen = rgba[..., 3] > 0
    assert np.array_equal(picture.pixels[seen], rgba[seen, :3])
    assert np.array_equal(picture.alpha, rgba[..., 3])
    assert np.array_equal(picture.pixels[5, 17], rgba[4, 17, :3])
    assert not (picture.pixels[~seen] == (255, 0, 255)).all(axis=1).any()


@pytest.mark.parametrize("opacity", [0, 255])
def test_nothing_bleeds_where_all_or_nothing_is_seen(opacity):
    rgba = samples(channels=4)
    rgba[..., 3] = opacity
    assert np.array_equal(as_picture(rgba).pixels, rgba[..., :3])


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", [*LOSSLESS, "JPEG"])
def test_orientation_is_applied_once_and_dropped(format, orientation):
    stored = Image.fromarray(cv2.resize(samples(3, 5), (40, 24), interpolation=cv2.INTER_NEAREST))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    data = saved(stored, format, exif=described(orientation), **options.get(format, {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))))
    picture = decode(data)
    assert np.array_equal(picture.pixels, expected)
    assert picture.orientation == 1
    written = encode(picture)
    assert 0x0112 not in exif_of(written)[0]
    assert exif_of(written)[0][0x010F] == "Maker"
    assert np.array_equal(decode(written).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_deep_files(orientation):
    pixels = samples(5, 8, depth=16)
    oracle = decode(
        saved(Image.fromarray((pixels >> 8).astype(np.uint8)), "PNG", exif=described(orientation))
    )
    stored = {
        "PNG": png16(pixels, 2, chunk(b"eXIf", described(orientation)[6:])),
        "TIFF": tiff(pixels, extratags=[(274, 3, 1, orientation, True)]),
    }
    for data in stored.values():
        picture = decode(data)
        assert np.array_equal(picture.pixels >> 8, oracle.pixels)
        assert picture.orientation == 1
        assert 0x0112 not in exif_of(encode(picture))[0]


def test_a_picture_not_upright_keeps_its_tag_until_it_is():
    data = photo("JPEG", exif=described(6))
    stored = decode(data, upright=False)
    assert (stored.size, stored.orientation) == ((64, 48), 6)
    assert stored.upright().size == (48, 64)
    assert stored.upright().upright().size == (48, 64)
    assert decode(encode(stored)).size == (48, 64)


@pytest.mark.parametrize("orientation", [0, 9, 99])
@pytest.mark.parametrize("format", FORMATS)
def test_an_orientation_that_is_none_is_dropped(orientation, format):
    picture = decode(photo(format, exif=described(orientation)))
    assert picture.size == (64, 48)
    assert any(str(orientation) in warning for warning in picture.warnings)
    assert 0x0112 not in exif_of(encode(picture))[0]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "block",
    [
        b"garbage",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 20,
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0",
    ],
)
def test_garbage_in_exif_is_dropped_with_a_warning(block):
    data = photo("JPEG")
    segment = b"Exif\0\0" + block
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    picture = decode(data)
    assert picture.size == (64, 48)
    assert picture.exif is None
    assert any("EXIF" in warning for warning in picture.warnings)
