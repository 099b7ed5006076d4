"""Format: how a file lays out an image, known by its first bytes and never by its name.

One table, a row a format: a row is all that a format needs which Pillow reads and writes by itself.
PNG, JPEG and TIFF have modules of their own in `images`, for what Pillow does not do. The command
line reads the table too, so nothing heavy is imported here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from restore.errors import ImageError, RequestError

Options: TypeAlias = dict[str, object]
FormatName = Literal["auto", "same", "png", "jpg", "webp", "tiff"]
"""As an output's format is asked for: by its name, the input's own, or one that is written."""

NO_LIMIT = 2**31 - 1
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Format:
    """A row of the table.

    name: as Pillow has it. title: as people say it. endings: of file names, first that of what we
    write. signature: a regular expression of the first bytes. longest_side: in pixels, that an
    encoder takes; 0 where the format is read, not written. alpha: whether it holds transparency.
    depths: bits a sample that it holds. options: what the encoder is told, for a quality of 1 to
    100 or None. lossy: whether a quality means that something is lost. plugin: what registers it
    with Pillow, where Pillow cannot do without; it says whether it could. missing: what is said
    where it could not.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    signature: bytes
    longest_side: int = 0
    alpha: bool = True
    depths: tuple[int, ...] = (8,)
    options: Callable[[int | None], Options] = lambda quality: {}
    lossy: bool = False
    plugin: Callable[[], bool] = lambda: True
    missing: str = ""


def _find_avif() -> bool:
    from PIL import features

    return bool(features.check("avif"))


def _register_heif() -> bool:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


FORMATS = (
    Format(
        "PNG", "PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n", NO_LIMIT, depths=(8, 16),
        options=lambda quality: {"compress_level": 4},
    ),
    Format(  # its own limit is 65535; libjpeg stops at 65500
        "JPEG", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"), rb"\xff\xd8\xff",
        65500, alpha=False,
        options=lambda quality: {"quality": quality or JPEG_QUALITY},
        lossy=True,
    ),
    Format(  # quality is the effort where nothing is lost; more than 30 is slow for a hundredth
        "WEBP", "WebP", (".webp",), rb"RIFF....WEBP", 16383,
        options=lambda quality: {
            "lossless": quality is None, "quality": quality or 30, "exact": True
        },
        lossy=True,
    ),
    Format(
        "TIFF", "TIFF", (".tiff", ".tif"), rb"II[*+]\0|MM\0[*+]", NO_LIMIT, depths=(8, 16),
    ),
    Format(
        "AVIF", "AVIF", (".avif",), rb"....ftyp(?=.{0,240}avi[fs])",
        plugin=_find_avif,
        missing="an AVIF file, which this build of Pillow cannot decode",
    ),
    Format(
        "HEIF", "HEIC", (".heic", ".heif", ".hif"),
        rb"....ftyp(?=.{0,240}(?:hei[cxms]|hev[cxms]|mif1|msf1))",
        plugin=_register_heif,
        missing="a HEIC file, which needs an extra: pip install 'bcm-restore[heif]'",
    ),
    Format("BMP", "BMP", (".bmp", ".dib"), rb"BM.{12}[\x0c-\x7c]\0\0\0"),
    Format("GIF", "GIF", (".gif",), rb"GIF8[79]a"),
    Format("QOI", "QOI", (".qoi",), rb"qoif"),
)  # fmt: skip

BY_NAME = {row.name: row for row in FORMATS}
ENDINGS = {ending: row.name for row in FORMATS for ending in row.endings}
WRITTEN = {row.endings[0][1:]: row.name for row in FORMATS if row.longest_side}
LOSSY = tuple(row.name for row in FORMATS if row.lossy)

# Files of pictures that are not read; folders that hold some are told how many.
UNREAD_ENDINGS = {
    ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".k25", ".kdc", ".mef", ".mrw",
    ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    ".3fr", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".jls", ".psd", ".psb", ".xcf", ".kra", ".svg",
    ".eps", ".ai", ".pdf", ".ico", ".icns", ".tga", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".pam",
    ".exr", ".hdr", ".dds", ".djvu", ".qoi", ".bpg", ".fit", ".fits", ".dcm", ".sgi", ".ras",
    ".wmf", ".emf", ".insp",
}  # fmt: skip

# What is known by its first bytes and is no image that is read; before the table's signatures.
OTHERS = (
    (
        rb"II\*\0.{4}CR|FUJIFILMCCD-RAW|IIU\0|II?RO|MMOR|\0MRM|FOVb|....ftyp.{0,240}crx ",
        "a camera raw file",
    ),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (rb"8BPS", "a Photoshop file (PSD)"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "an EPS or PostScript file"),
    (rb"%PDF", "a PDF"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL file"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"(?i:\s*<(!doctype )?html)", "an HTML page; the download may have failed"),
    (rb"(?i:\s*<(svg|[?!].*<svg))", "an SVG drawing"),
)
AFTER = ((rb"....ftyp", "a video"), (rb"BM", "a BMP whose header makes no sense"))


def sniff(data: bytes) -> str:
    """The name of an image file's format, by its content; ImageError says what else it is."""
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    found = next((kind for sign, kind in OTHERS if re.match(sign, head, re.S)), None)
    if found is None:
        row = next((row for row in FORMATS if re.match(row.signature, head, re.S)), None)
        if row and row.plugin():
            return row.name
        found = row.missing if row else None
    if found is None:
        found = next((kind for sign, kind in AFTER if re.match(sign, head, re.S)), None)
    start = data[:8].hex(" ")
    what = found or ("empty" if not data else f"of an unknown kind (it starts {start})")
    raise ImageError(
        f"not an image that can be read: it is {what}; expected PNG, JPEG, WebP, TIFF, AVIF, BMP "
        "or GIF"
    )


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
    row = BY_NAME.get(format)
    if row is None or not row.longest_side:
        raise RequestError(
            f"{format} cannot be written; choose one of {', '.join(WRITTEN.values())}"
        )
    if max(size) > row.longest_side:
        raise RequestError(
            f"{size[0]}x{size[1]} pixels are too many for {format}, "
            f"which ends at {row.longest_side} a side; choose PNG or TIFF"
        )
    if alpha and not row.alpha:
        raise RequestError(f"{format} cannot hold transparency; choose PNG, WebP or TIFF")
    if depth not in row.depths:
        raise RequestError(f"{format} cannot hold {depth} bits a sample; choose --depth 8, or PNG")
