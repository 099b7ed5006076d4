"""Files of images made by hand, so that no encoder of ours is its own witness."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, features

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
