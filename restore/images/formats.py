"""Format: how a file lays out an image, known by its first bytes and never by its name.

Read are PNG, JPEG, WebP, TIFF and, where Pillow has the decoder, AVIF; written are the first four.
"""

import os
import re

from PIL import features

from restore.errors import ImageError, RequestError

ENDINGS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
}

# The longest side an encoder takes, in pixels. JPEG's own limit is 65535; libjpeg stops at 65500.
LONGEST_SIDE = {"PNG": 2**31 - 1, "JPEG": 65500, "WEBP": 16383, "TIFF": 2**31 - 1}

SIGNATURES = (
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"II\*\0.{4}CR|FUJIFILMCCD-RAW|IIU\0|IIRO", "a camera raw file"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"....ftyp", "BMFF"),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (rb"8BPS", "a Photoshop file (PSD)"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "an EPS or PostScript file"),
    (rb"%PDF", "a PDF"),
    (rb"GIF8", "a GIF"),
    (rb"BM", "a BMP"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL file"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"(?i:\s*<(!doctype )?html)", "an HTML page; the download may have failed"),
    (rb"(?i:\s*<(svg|[?!].*<svg))", "an SVG drawing"),
)


def sniff(data: bytes) -> str:
    """The format of an image file, by its content.

    Returns "PNG", "JPEG", "WEBP", "TIFF" or "AVIF"; raises ImageError saying what the bytes really
    are.
    """
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    found = next((kind for sign, kind in SIGNATURES if re.match(sign, head, re.S)), None)
    if found == "BMFF":
        found = _brand(data)
    if found == "AVIF" and not features.check("avif"):
        found = "an AVIF file, which this build of Pillow cannot decode"
    if found in LONGEST_SIDE or found == "AVIF":
        return found
    if not data:
        found = "empty"
    start = data[:8].hex(" ")
    raise ImageError(
        f"not an image that can be read: it is {found or f'of an unknown kind (it starts {start})'}"
        "; expected PNG, JPEG, WebP, TIFF or AVIF"
    )


def _brand(data: bytes) -> str:
    """What an ISO base media file is: its brands stand in the first box."""
    size = int.from_bytes(data[:4], "big")
    brands = {data[place : place + 4] for place in range(8, min(size, 256), 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}:
        return "a HEIC file"
    return "a camera raw file" if b"crx " in brands else "a video"


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name's ending asks for; RequestError for an ending not known."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in ENDINGS:
        raise RequestError(f"{os.fspath(path)!r} ends in none of {', '.join(ENDINGS)}")
    return ENDINGS[ending]


def check_encodable(size: tuple[int, int], format: str, alpha: bool, depth: int = 8) -> None:
    """Refuse by RequestError what no encoder of `format` can hold, before any work is done.

    `size` is (width, height) in pixels; `alpha` tells whether there is transparency to keep;
    `depth` is in bits a sample.
    """
    if format not in LONGEST_SIDE:
        raise RequestError(f"{format} cannot be written; choose one of {', '.join(LONGEST_SIDE)}")
    if max(size) > LONGEST_SIDE[format]:
        raise RequestError(
            f"{size[0]}x{size[1]} pixels are too many for {format}, "
            f"which ends at {LONGEST_SIDE[format]} a side; choose PNG or TIFF"
        )
    if alpha and format == "JPEG":
        raise RequestError("JPEG cannot hold transparency; choose PNG, WebP or TIFF")
    if depth not in (8, 16) or (depth == 16 and format in ("JPEG", "WEBP")):
        raise RequestError(f"{format} cannot hold {depth} bits a sample; choose --depth 8, or PNG")
