"""Laws of the room `images`: what comes in goes out again, and what is damaged is named."""

import struct
import tracemalloc
import zlib
from contextlib import suppress
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, features

from restore.errors import ImageError, RequestError
from restore.images import (
    Picture,
    as_picture,
    check_encodable,
    decode,
    encode,
    encode_file,
    format_of,
    sniff,
)

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
LOSSLESS = ("PNG", "WEBP", "TIFF")
DEPTHS = {8: np.uint8, 16: np.uint16}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")


def samples(height=12, width=9, channels=3, depth=8, seed=0):
    """Noise, so that any wrong row, channel or byte shows."""
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 2**depth, shape, DEPTHS[depth])


def saved(image, format, **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def photo(format, **options):
    """A smooth colour image of 64x48 in a file, so that JPEG keeps it nearly."""
    y, x = np.mgrid[:48, :64]
    return saved(
        Image.fromarray(np.dstack((x * 4, y * 5, x + y)).astype(np.uint8)), format, **options
    )


def chunk(kind, payload):
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def png16(pixels, colour_type, *extra):
    """A 16-bit PNG by the book, so that our own encoder is not its own witness."""
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body


def tiff(pixels, photometric="rgb", **options):
    file = BytesIO()
    tifffile.imwrite(file, pixels, photometric=photometric, **options)
    return file.getvalue()


def profile(space, **tags):
    """The smallest ICC profile of a colour space."""
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, payload in tags.items():
        table += name.encode() + struct.pack(">II", place + len(body), len(payload))
        body += payload
    kind, connection = (b"prtr", b"Lab ") if space == b"CMYK" else (b"mntr", b"XYZ ")
    header = struct.pack(
        ">I4sI4s4s4s12s4s28sIII48s",
        *(place + len(body), b"", 0x02400000, kind, space, connection, bytes(12), b"acsp"),
        *(bytes(28), 63190, 65536, 54061, bytes(48)),
    )
    return header + struct.pack(">I", len(tags)) + table + body


def cmyk_profile():
    """Inks that only darken: no ink is white, black ink is black."""
    corners = np.indices((2, 2, 2, 2)).reshape(4, -1).T
    light = 255 * (1 - corners[:, 3]) * (1 - corners[:, :3].sum(axis=1) / 4)
    lab = np.stack([light, np.full(16, 128), np.full(16, 128)], axis=1).round().astype(np.uint8)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    return profile(
        b"CMYK",
        A2B0=b"mft1"
        + bytes((0, 0, 0, 0, 4, 3, 2, 0))
        + matrix
        + ramp * 4
        + lab.tobytes()
        + ramp * 3,
    )


GREY = profile(b"GRAY", kTRC=b"curv" + struct.pack(">IIHH", 0, 1, 0x0233, 0))


def described(orientation=None, interop=None):
    """EXIF with a tag in each directory, as a camera writes it."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8769] = {0x9003: "2024:01:02 03:04:05"} | ({0xA005: interop} if interop else {})
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 1.5)}
    if orientation is not None:
        exif[0x0112] = orientation
    return exif.tobytes()


def exif_of(data):
    exif = Image.open(BytesIO(data)).getexif()
    return exif, exif.get_ifd(0x8769), exif.get_ifd(0x8825)


# What is an image, and which


@pytest.mark.parametrize("format", [*FORMATS, pytest.param("AVIF", marks=needs_avif)])
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
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
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


@pytest.mark.parametrize("format", [*FORMATS, pytest.param("AVIF", marks=needs_avif)])
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


# Sixteen bits


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


# Encoding


@pytest.mark.parametrize("format", LOSSLESS)
def test_eight_bits_survive_every_lossless_format(format):
    rgba = samples(40, 30, 4) | 1
    again = decode(encode(as_picture(rgba), format))
    assert again.format == format
    assert np.array_equal(np.dstack((again.pixels, again.alpha)), rgba)


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


# Images in memory


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
        (np.zeros((4, 4, 3), np.float32), "floats"),
        (np.zeros((4, 4), bool), "found bool"),
        (np.zeros((4, 4), np.int64), "found int64"),
        (np.zeros((4, 4, 5), np.uint8), r"found \(4, 4, 5\)"),
        (np.zeros((0, 4), np.uint8), r"found \(0, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "found"),
        (torch.zeros(3, 4, 4), "found Tensor"),
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


# Files
