"""Damage fails the file, harmless flaws warn, what is not supported says so; nobody else speaks."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import ImageError
from restore.images import as_picture, decode, read_header
from restore.jpegfile import read_jpeg
from tests.support.cases import CASES, case


def photo(**options):
    y, x = np.mgrid[:48, :64]
    file = BytesIO()
    pixels = np.dstack((x * 4, y * 5, x + y)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def chunk(kind, payload):
    checksum = struct.pack(">I", zlib.crc32(kind + payload))
    return struct.pack(">I", len(payload)) + kind + payload + checksum


def png(*extra, before=b"", width=9, height=7, data=None):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(height * (width + 1))) if data is None else data
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + before + b"".join(chunks)


# JPEG


@pytest.mark.parametrize("end", [b"", b"\xff", b"VENDOR TRAILER" * 9])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_missing_end_marker_is_a_warning(end, options):
    data = photo(**options)
    assert data.endswith(b"\xff\xd9")
    picture = decode(data[:-2] + end)
    assert np.array_equal(picture.pixels, decode(data).pixels)
    assert "end marker" in picture.warnings[0]
    read_jpeg(data[:-2] + end)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}])
@pytest.mark.parametrize("missing", [5, 0.1, 0.5])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_missing_coefficients_are_no_missing_end_marker(options, missing, end):
    data = photo(**options)
    cut = data[: len(data) - (missing if missing > 1 else int(missing * len(data)))]
    try:
        picture = decode(cut + end)
    except ImageError:
        return
    assert end  # put back behind a whole number of scans
    assert "last scans are missing" in picture.warnings[0]


def test_a_case_without_its_end_marker_is_restored():
    assert "end marker" in decode(case("16-no-end-marker.jpg").read_bytes()).warnings[0]


@pytest.mark.parametrize(
    "body", [b"", b"Adobe", b"JFIF\0", b"JFIF\0\1", b"Exif\0\0", b"ICC_PROFILE\0"]
)
@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE])
def test_short_application_segments_do_no_harm(marker, body):
    data = photo()
    segment = struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
    for odd in (data[:2] + segment + data[2:], data[:20] + segment + data[20:]):
        assert np.array_equal(decode(odd).pixels, decode(data).pixels)
        read_jpeg(odd)


def test_an_application_segment_of_no_length_is_left_out_with_a_warning():
    data = photo()
    picture = decode(data[:2] + b"\xff\xe5\0\1" + data[2:])
    assert "FFE5" in picture.warnings[0]


def test_bytes_left_over_in_a_scan_are_damage_and_padding_is_not():
    with pytest.raises(ImageError, match="left over"):
        decode(case("29-damaged-jpeg.jpg").read_bytes())
    with pytest.raises(ImageError, match="left over"):
        read_jpeg(case("29-damaged-jpeg.jpg").read_bytes())
    data = photo()
    for padding in (bytes(7), b"\xff" * 3):
        picture = decode(data[:-2] + padding + data[-2:])
        assert np.array_equal(picture.pixels, decode(data).pixels)
    assert "without meaning" in decode(data[:-2] + bytes(7) + data[-2:]).warnings[0]


def test_changed_bytes_in_a_scan_are_seen_where_decoding_loses_its_way():
    """Not all can be: codes fall into step again, and what was changed is a value like another."""
    seen = 0
    for seed in range(20):
        data = bytearray(photo(quality=95))
        random = np.random.default_rng(seed)
        for at in random.integers(data.index(b"\xff\xda") + 20, len(data) - 2, 12):
            data[at] = int(random.integers(1, 255))
        try:
            seen += bool(decode(bytes(data)).warnings)
        except ImageError:
            seen += 1
    assert seen >= 12


@pytest.mark.parametrize("scans", ["jpeg", "denoise"])
def test_more_scans_than_anybody_writes_are_refused_at_once(scans):
    data = case("rel-09-883-scans.jpg").read_bytes()
    with pytest.raises(ImageError, match="883 scans"):
        decode(data, scans=scans == "denoise")
    with pytest.raises(ImageError, match="883 scans"):
        read_header(case("rel-09-883-scans.jpg"))


def test_a_file_of_twelve_bits_is_not_damaged():
    for read in (decode, read_jpeg, read_header):
        with pytest.raises(ImageError, match="of 12 bits cannot be read"):
            read(case("18-twelve-bit.jpg").read_bytes())


@pytest.mark.parametrize(
    ("marker", "kind"),
    [(0xC3, "lossless"), (0xC5, "hierarchical"), (0xCF, "lossless"), (0xF7, "JPEG-LS")],
)
def test_kinds_of_jpeg_that_nobody_reads_are_named(marker, kind):
    data = photo()
    at = data.index(b"\xff\xc0")
    for read in (decode, read_jpeg):
        with pytest.raises(ImageError, match=f"{kind} JPEG files cannot be read"):
            read(data[: at + 1] + bytes((marker,)) + data[at + 2 :])


# PNG


def test_of_two_headers_none_is_believed():
    with pytest.raises(ImageError, match="IHDR out of its place"):
        decode(case("rel-02-two-headers.png").read_bytes())


@pytest.mark.parametrize("kind", [b"gAMA", b"tEXt", b"eXIf", b"iCCP", b"tIME", b"pHYs"])
def test_a_wrong_checksum_of_metadata_drops_them_with_a_warning(kind):
    bad = bytearray(chunk(kind, bytes(20)))
    bad[-1] ^= 1
    picture = decode(png(bytes(bad)))
    assert f"checksum of the chunk {kind.decode()}" in picture.warnings[0]


@pytest.mark.parametrize("kind", [b"PLTE", b"tRNS", b"ABCD"])
def test_a_wrong_checksum_of_what_pixels_need_is_damage(kind):
    bad = bytearray(chunk(kind, bytes(6)))
    bad[-1] ^= 1
    with pytest.raises(ImageError, match="checksum"):
        decode(png(bytes(bad)))


def test_png_of_kinds_that_are_not_read_say_so():
    with pytest.raises(ImageError, match="CgBI"):
        decode(png(before=chunk(b"CgBI", bytes(4))))
    with pytest.raises(ImageError, match="ABCD, which is not known"):
        decode(png(chunk(b"ABCD", b"")))


def test_pixels_in_two_places_are_damage():
    whole = zlib.compress(bytes(70))
    split = chunk(b"IDAT", whole[:5]) + chunk(b"tIME", bytes(7))
    with pytest.raises(ImageError, match="IDAT out of its place"):
        decode(png(split, data=whole[5:]))


# TIFF


def test_what_libtiff_reports_is_damage():
    with pytest.raises(ImageError, match="damaged TIFF: Fax4Decode: Bad code word"):
        decode(case("28-damaged-fax.tif").read_bytes())


@pytest.mark.parametrize(
    "name", ["rel-14-deflate.tif", "rel-14-strip-cut.tif", "rel-14-filter.png"]
)
def test_damaged_files_of_an_attack_fail(name):
    with pytest.raises(ImageError, match="damaged"):
        decode(case(name).read_bytes())


def test_chroma_of_less_than_full_size_is_read():
    picture = decode(case("17-ycbcr-uncompressed.tif").read_bytes())
    assert np.abs(picture.pixels.mean(axis=(0, 1)) - (175, 126, 110)).max() <= 1


@pytest.mark.parametrize("compression", [34712, 50002, 34887, 9, 12345])
def test_a_compression_that_is_not_known_is_named(compression):
    file = BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8), np.uint8))
    data = bytearray(file.getvalue())
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", compression)
    with pytest.raises(ImageError, match=r"TIFF of compression .* is not read"):
        decode(bytes(data))


@pytest.mark.parametrize("bits", [(8,), (8, 8, 8, 1), (8, 8, 8, 16)])
def test_bits_of_samples_that_are_none_are_not_counted(bits):
    file = BytesIO()
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    tifffile.imwrite(file, pixels, photometric="rgb")
    data = bytearray(file.getvalue())
    at = data.index(struct.pack("<HHI", 258, 3, 3))
    data[at : at + 12] = struct.pack("<HHII", 258, 3, len(bits), len(data))
    if len(bits) == 1:
        data[at : at + 12] = struct.pack("<HHII", 258, 3, 1, 8)
    data += struct.pack(f"<{len(bits)}H", *bits)
    assert np.array_equal(decode(bytes(data)).pixels, pixels)


def test_strips_that_lie_behind_the_end_are_missing():
    file = BytesIO()
    tifffile.imwrite(file, np.arange(4000, dtype=np.uint8).reshape(50, 80), rowsperstrip=10)
    for cut in (1, 900, 3000):
        with pytest.raises(ImageError):
            decode(file.getvalue()[:-cut])


# What libraries say

QUIET = """
import sys
from pathlib import Path
from restore.errors import ImageError
from restore.images import decode
for path in sys.argv[1:]:
    try:
        decode(Path(path).read_bytes())
    except ImageError:
        pass
"""


def test_no_word_of_a_library_comes_out():
    paths = [str(path) for path in sorted(CASES.iterdir())]
    assert len(paths) > 20
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", QUIET, *paths], capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_another_thread_says_meanwhile_is_passed_on(capfd):
    from restore.images.mutter import take_in

    with take_in() as lines:
        os.write(2, b"TIFFReadDirectory: of a library\nof somebody else\n")
    assert lines == ["TIFFReadDirectory: of a library", "of somebody else"]
    if sys.stderr.fileno() == 2:
        assert capfd.readouterr().err == "of somebody else\n"


# Which picture


def tiff_pages(*pages):
    """A TIFF of (pixels, NewSubfileType) pages."""
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for pixels, kind in pages:
            writer.write(pixels, subfiletype=kind, photometric="rgb", metadata=None)
    return file.getvalue()


def flat(value, side, channels=3):
    return np.full((side, side, channels), value, np.uint8)


def test_a_preview_that_comes_first_is_not_the_picture():
    picture = decode(tiff_pages((flat(1, 8), 1), (flat(2, 32), 0), (flat(3, 16), 1)))
    assert picture.size == (32, 32)
    assert picture.pixels.max() == 2
    assert picture.paged
    assert read_header(tiff_pages((flat(1, 8), 1), (flat(2, 32), 0))).size == (32, 32)


def test_a_picture_in_a_directory_below_a_preview_is_found():
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(flat(1, 8), subfiletype=1, subifds=1, photometric="rgb", metadata=None)
        writer.write(flat(2, 32), subfiletype=0, photometric="rgb", metadata=None)
    picture = decode(file.getvalue())
    assert (picture.size, int(picture.pixels.max())) == ((32, 32), 2)


def test_raw_data_below_a_preview_are_camera_raw_whatever_the_ending():
    for read in (decode, read_header):
        with pytest.raises(ImageError, match="camera raw"):
            read(case("02-raw-preview-first.NEF").read_bytes())


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}]
)
def test_a_tiff_of_any_layout_is_read_exactly(big, order, dtype, options):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 50, 3)).astype(dtype)
    file = BytesIO()
    tifffile.imwrite(file, pixels, bigtiff=big, byteorder=order, photometric="rgb", **options)
    assert np.array_equal(decode(file.getvalue()).pixels, pixels)


def test_the_still_picture_of_an_animation_is_taken_at_any_depth():
    picture = decode(case("08-apng-16-bit-still-first.png").read_bytes())
    assert picture.depth == 16
    assert abs(picture.pixels.mean() / 257 - 137.9) < 1
    assert picture.paged


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", [["unspecified"], ["unassalpha", "unspecified"]])
def test_bands_beyond_the_colours_are_named(dtype, extra):
    if dtype == np.uint16 and len(extra) > 1:
        match = "5 bands of 16 bits"
    else:
        match = f"number {3 + len(extra)}"
    pixels = np.random.default_rng(0).integers(1, 200, (9, 9, 3 + len(extra))).astype(dtype)
    file = BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", extrasamples=extra)
    if "bits" in match:
        with pytest.raises(ImageError, match=match):
            decode(file.getvalue())
        return
    picture = decode(file.getvalue())
    assert match in picture.warnings[0]
    assert np.array_equal(picture.pixels, pixels[..., :3])
    assert (picture.alpha is None) == (len(extra) == 1)


def test_a_case_with_a_fourth_band_says_so():
    assert "number 4" in decode(case("09-rgb-and-near-infrared.tif").read_bytes()).warnings[0]


# Alpha


@pytest.mark.parametrize("scale", [1.5, 2, 3, 4, 7.3])
def test_alpha_does_not_overshoot(scale):
    picture = decode(case("21-sprite.png").read_bytes())
    size = [round(side * scale) for side in picture.size]
    pixels = cv2.resize(picture.pixels, size).reshape(size[1], size[0], -1)
    alpha = picture.with_pixels(pixels).alpha
    reach = int(np.ceil(scale)) + 1
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near = cv2.resize(picture.alpha, size, interpolation=cv2.INTER_NEAREST)
    assert not alpha[cv2.dilate(near, kernel) == 0].any()
    assert (alpha[cv2.erode(near, kernel) == 255] == 255).all()
    assert alpha.max() == 255
    assert alpha.min() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_that_is_opaque_everywhere_is_none(dtype, channels):
    pixels = np.full((5, 6, channels), np.iinfo(dtype).max, dtype)
    pixels[..., :-1] = 7
    assert as_picture(pixels).alpha is None
    pixels[2, 3, -1] -= 1
    assert as_picture(pixels).alpha is not None
