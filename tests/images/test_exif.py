"""Profiles and EXIF go from any format to any; of several pictures the first is taken."""

import struct
from io import BytesIO

import pytest
from PIL import ExifTags, Image

from restore.images import (
    Picture,
    decode,
    encode,
    encode_file,
)
from tests.support.image_files import (
    FORMATS,
    GREY,
    SRGB,
    cmyk_profile,
    described,
    exif_of,
    needs_avif,
    photo,
    samples,
    saved,
)

# Metadata


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_profile_and_exif_go_from_any_format_to_any(source, target):
    origin = photo("PNG", exif=described(interop={1: "R98"}), icc_profile=SRGB)
    data = encode(decode(encode(decode(origin), source)), target)
    main, camera, place = exif_of(data)
    assert main[0x010F] == "Maker"
    assert camera[0x9003] == "2024:01:02 03:04:05"
    assert place[2] == (48.0, 8.0, 1.5)
    assert Image.open(BytesIO(data)).getexif().get_ifd(0xA005)[1] == "R98"
    assert Image.open(BytesIO(data)).info["icc_profile"] == SRGB


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_profile_and_exif_survive_at_sixteen_bits(format):
    picture = Picture(samples(depth=16), icc=SRGB, exif=described())
    again = decode(encode(picture, format))
    assert again.icc == SRGB
    assert exif_of(encode(again, format))[1][0x9003] == "2024:01:02 03:04:05"
    assert again.warnings == ()


@pytest.mark.parametrize("format", FORMATS)
def test_strip_leaves_out_exif_and_keeps_colours(format):
    picture = decode(photo("JPEG", exif=described(6), icc_profile=SRGB), upright=False)
    again = decode(encode(picture, format, strip=True))
    assert again.exif is None
    assert again.icc == SRGB
    assert again.size == (48, 64)


@pytest.mark.parametrize("name", ["garbage", "cut", "grey", "CMYK"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_profile_that_does_not_fit_is_dropped_with_a_warning(name, format):
    bad = {"garbage": b"garbage", "cut": SRGB[:300], "grey": GREY, "CMYK": cmyk_profile()}[name]
    picture = decode(photo(format, icc_profile=bad))
    assert picture.icc is None
    assert any("ICC" in warning for warning in picture.warnings)


def test_a_grey_picture_keeps_a_grey_profile_only():
    grey = Image.new("L", (5, 4), 9)
    assert decode(saved(grey, "PNG", icc_profile=GREY)).icc == GREY
    assert decode(saved(grey, "PNG", icc_profile=SRGB)).icc is None


def test_the_preview_in_exif_is_left_behind():
    """IFD1 shows the unrestored picture, and what was painted over."""
    camera = described()
    preview = b"\0\1\x02\x01\0\x02\0\0\0\x04abc\0\0\0\0\0"
    block = bytearray(camera + preview)
    count = struct.unpack_from(">H", block, 14)[0]
    struct.pack_into(">I", block, 16 + 12 * count, len(camera) - 6)
    exif = Image.Exif()
    exif.load(bytes(block))
    assert exif.get_ifd(ExifTags.IFD.IFD1)
    picture = decode(photo("JPEG", exif=bytes(block)))
    assert b"abc" not in picture.exif
    assert b"Maker" in picture.exif


@pytest.mark.parametrize(
    ("note", "described", "left_out"),
    [(70000, 10, "maker's note"), (0, 70000, "longest tags"), (40000, 70000, "longest tags")],
)
def test_of_exif_too_long_for_jpeg_goes_in_what_fits(note, described, left_out):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.ImageDescription] = "x" * described
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: bytes(note), ExifTags.Base.ISOSpeed: 100}
    made = encode_file(Picture(samples(), exif=exif.tobytes()), "JPEG")
    (warning,) = made.warnings
    assert left_out in warning
    again = decode(made.data)
    assert b"Maker" in again.exif
    assert (b"x" * 10 in again.exif) == (described < 1000)
    assert not encode_file(Picture(samples(), exif=exif.tobytes()), "PNG").warnings


# Several pictures in a file


@pytest.mark.parametrize(
    "format", ["PNG", "WEBP", "TIFF", "MPO", pytest.param("AVIF", marks=needs_avif)]
)
def test_of_several_pictures_the_first_is_taken_with_a_warning(format):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    picture = decode(saved(frames[0], format, save_all=True, append_images=frames[1:], **options))
    assert picture.paged
    assert any("first of several" in warning for warning in picture.warnings)
    assert abs(picture.pixels[16, 16].astype(int) - (255, 0, 0)).max() < 8
    assert not decode(photo("PNG")).paged
