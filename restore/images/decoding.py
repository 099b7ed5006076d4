"""Decoding: from the bytes of a file, or an image in memory, to a picture.

PNG, JPEG and TIFF are taken apart first, so that a decoder gets the pixels alone and no metadata
can cost a picture. Pillow decodes, restricted to the format that the content shows; 16-bit samples
come from OpenCV, because Pillow halves them silently. Whatever a decoder raises is one ImageError,
and so is the damage that it only mutters about.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO, cast

import cv2
import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.ExifTags import Base

from restore.defaults import MAX_PIXELS
from restore.errors import ImageError, RequestError, ResourceError, RestoreError
from restore.files import read_bytes, read_stream
from restore.formats import BY_NAME, sniff
from restore.images import jfif, png, tiff
from restore.images.arrays import from_array, is_tensor
from restore.images.exif import find_resolution, load_exif, read_exif
from restore.images.metadata import Metadata, find_orientation, fits, make_resolution
from restore.images.mutter import take_in
from restore.images.picture import Picture, split

# The flattest JPEG spends a bit on each block of 64 pixels; twice that leaves room for arithmetic
# coding. PNG has a bound of its own; WebP, AVIF and TIFF hold a flat image in next to nothing.
JPEG_PIXELS_PER_BYTE = 1024
BYTES_PER_PIXEL = 16  # more than any file takes for a pixel: four samples of 16 bits, twice
OVERHEAD = 1 << 26  # bytes beside the pixels

NO_MEMORY = -4  # what OpenCV calls StsNoMem

GREYS = ("1", "L", "LA", "La", "LX")
REFUSED = {
    "LAB": "CIELAB colours",
    "HSV": "HSV colours",
    "F": "float samples, whose range is not known",
    "I": "32-bit samples, whose range is not known",
}
# What libtiff says of tags, and of what it lacks: no damage of pixels.
OF_TAGS = re.compile(r"(TIFFFetch|TIFFReadDirectory|_TIFFVSetField|TIFFReadCustom)\w*:|.*Warning, ")
NOT_BUILT = re.compile(r".*(not configured|not implemented|not supported|unsupported)", re.I)

# Which bits of which byte of which box say that samples are deeper than 8 bits.
DEEPER = {"AVIF": (b"av1C", 2, 0x40), "HEIF": (b"hvcC", 17, 0x07)}

ANIMATED = "the first of several pictures in the file (frames, pages, previews) is taken"


def limit_bytes(max_pixels: int) -> int:
    """How many bytes a file of so many pixels may have."""
    return OVERHEAD + BYTES_PER_PIXEL * max_pixels


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of an image file.

    Its first bytes decide before the rest is read, and no more is than `max_pixels` take. Raises as
    `restore.files.read_bytes`, and ImageError for what is no image.
    """
    return read_bytes(path, admit=sniff, limit=limit_bytes(max_pixels))


def read_image_stream(stream: IO[bytes], name: str, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """As `read_image`, of a stream, of which `name` is said in messages."""
    return read_stream(stream, name, admit=sniff, limit=limit_bytes(max_pixels))


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, upright: bool = True, scans: bool = True
) -> Picture:
    """The picture in a file's bytes.

    Refused on the header alone are images of more than `max_pixels` (Pillow's own ceiling of 179
    megapixels stands above) and files too short for what they claim. `upright` applies the EXIF
    orientation; without it pictures come as stored. `scans` looks for those of a JPEG file that are
    cut short or damaged; `read_jpeg` does so itself. Raises ImageError with the reason for
    everything that cannot be read whole, ResourceError where memory runs out.
    """
    format = sniff(data)
    try:
        picture = _decode(data, format, max_pixels, scans)
    except RestoreError:
        raise
    except Exception as error:  # decoders raise anything; it is one file's failure
        raise _failure(BY_NAME[format].title, error) from error
    return picture.upright() if upright else picture


def as_picture(source: object, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture, upright, in a path, a file's bytes, a file, a Pillow image, an array, a picture.

    A file is an object with `read`, opened for bytes. Arrays and tensors are as of `from_array`; a
    result stands for its picture. Raises RequestError for any other array or type, ImageError for
    an image that cannot be read or, being a file, has more than `max_pixels`.
    """
    source = getattr(source, "picture", source)
    if isinstance(source, Picture):
        return source.upright()
    if isinstance(source, np.ndarray) or is_tensor(source):
        return from_array(source)
    if isinstance(source, Image.Image):
        format = "JPEG" if source.format == "MPO" else str(source.format)
        try:
            return _from_pillow(source, format if format in BY_NAME else "PNG").upright()
        except RestoreError:
            raise
        except Exception as error:  # a lazily opened file is decoded here
            raise _failure("image", error) from error
    return decode(file_bytes(source, max_pixels=max_pixels), max_pixels=max_pixels)


def file_bytes(source: object, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of an image file that is given by its path, its bytes, or as an open file.

    Raises as `read_image`, and RequestError for any other type.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_image(source, max_pixels=max_pixels)
    if callable(read := getattr(source, "read", None)):
        if not isinstance(nothing := read(0), bytes):
            raise RequestError(
                f"a file opened for bytes was expected, found one of {type(nothing).__name__}"
            )
        return read_image_stream(cast(IO[bytes], source), "the file", max_pixels=max_pixels)
    found = type(source).__name__
    if isinstance(source, list | tuple):
        found = f"a {found} of {len(source)}: call it for each, or `restore.batch` for many files"
    raise RequestError(
        "an image was expected (path, bytes, open file, Pillow image, NumPy array, torch tensor or "
        f"Picture), found {found}"
    )


def is_in_memory(source: object) -> bool:
    """Whether an image is no file, so that nothing is known but its pixels."""
    source = getattr(source, "picture", source)
    return isinstance(source, Picture | np.ndarray | Image.Image) or is_tensor(source)


def _decode(data: bytes, format: str, max_pixels: int, scans: bool) -> Picture:
    if format == "PNG":
        return _decode_png(data, max_pixels)
    if format == "JPEG":
        return _decode_jpeg(data, max_pixels, scans)
    if format == "TIFF":
        return _decode_tiff(data, max_pixels)
    with Image.open(BytesIO(data), formats=(format,)) as image:
        _check_size(format, image.size, max_pixels)
        picture = _from_pillow(image, format)
    if format in DEEPER:
        picture = _with_boxes(picture, data)
    return picture


def _check_size(format: str, size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise ImageError(
            f"{format} claims {size[0]}x{size[1]} pixels, more than the {max_pixels} allowed; "
            "see --max-pixels"
        )


def _decode_png(data: bytes, max_pixels: int) -> Picture:
    parts = png.take_apart(data)
    header = parts.header
    size = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    _check_size("PNG", size, max_pixels)
    if parts.depth == 16:
        samples = _deep_png(parts)
    else:
        with Image.open(BytesIO(parts.pixels), formats=("PNG",)) as image:
            samples = np.asarray(_develop(image, None))
    metadata, icc, exif = png.read_metadata(parts)
    return _assemble("PNG", samples, metadata, icc, exif, parts.warnings, parts.animated)


def _decode_jpeg(data: bytes, max_pixels: int, scans: bool) -> Picture:
    parts = jfif.take_apart(data)
    size = parts.layout.size
    _check_size("JPEG", size, max_pixels)
    if size[0] * size[1] > JPEG_PIXELS_PER_BYTE * len(data):
        raise ImageError(
            f"JPEG claims {size[0]}x{size[1]} pixels, more than {len(data)} bytes can hold"
        )
    with Image.open(BytesIO(parts.data), formats=("JPEG",)) as image:
        inks = image.mode == "CMYK"
        samples = np.asarray(_develop(image, parts.icc))
    warnings = list(parts.warnings)
    if inks:
        warnings.append("CMYK was converted to sRGB through its profile")
    if scans or not parts.layout.ended:
        warnings += jfif.check_scans(data, parts)
    icc = None if inks else parts.icc
    return _assemble("JPEG", samples, parts.metadata, icc, parts.exif, warnings, parts.paged)


def _decode_tiff(data: bytes, max_pixels: int) -> Picture:
    parts = tiff.take_apart(data)
    _check_size("TIFF", parts.size, max_pixels)
    metadata, icc, warnings = tiff.read_metadata(parts)
    inks = False
    with take_in() as lines:
        try:
            if parts.deep:
                samples = _deep_tiff(parts)
            elif parts.subsampled:
                samples = _opencv(parts.pixels, cv2.IMREAD_COLOR)
            else:
                with Image.open(BytesIO(parts.pixels), formats=("TIFF",)) as image:
                    inks = image.mode == "CMYK"
                    samples = np.asarray(_develop(image, icc))
            failure = None
        except Exception as error:
            failure = error
    _check_lines(lines, failure)
    if inks:
        warnings.append("CMYK was converted to sRGB through its profile")
        icc = None
    exif = tiff.exif_of(data, parts.directory)
    return _assemble("TIFF", samples, metadata, icc, exif, warnings, parts.paged)


def _check_lines(lines: Sequence[str], failure: Exception | None) -> None:
    """Raise what failed, and ImageError where libtiff told of damage, though a picture came."""
    told = [line.strip() for line in lines if line.strip() and not OF_TAGS.match(line)]
    if isinstance(failure, RestoreError | MemoryError):
        raise failure
    if told and NOT_BUILT.match(told[0]):
        raise ImageError(f"TIFF of a kind that is not read: {told[0]}") from failure
    if told:
        raise ImageError(f"damaged TIFF: {told[0]}") from failure
    if failure:
        raise failure


def _failure(kind: str, error: Exception) -> RestoreError:
    """What an exception of a decoder means."""
    if isinstance(error, MemoryError):
        return ResourceError(f"out of memory while decoding this {kind}; close other programs")
    if isinstance(error, Image.DecompressionBombError):
        return ImageError(f"{kind} claims more pixels than are ever read, whatever --max-pixels")
    if isinstance(error, UnidentifiedImageError):
        return ImageError(f"damaged {kind}: its header cannot be read")
    return ImageError(f"damaged {kind}: {str(error) or type(error).__name__}")


def _assemble(
    format: str,
    samples: np.ndarray,
    metadata: Metadata,
    icc: bytes | None,
    exif: bytes,
    warnings: Sequence[str],
    paged: bool,
) -> Picture:
    """The picture of samples and of what stands beside them; icc is b"" where it is broken."""
    pixels, alpha = split(samples.astype(samples.dtype.newbyteorder("="), copy=False))
    notes = list(warnings)
    try:
        tags = load_exif(exif)
    except Exception:  # garbage fails in many ways; `read_exif` says so
        tags = Image.Exif()
    block, orientation, more = read_exif(tags, exif)
    notes += more
    if Base.Orientation not in tags:  # which XMP repeats, and may say alone
        orientation = find_orientation(metadata.xmp)
    if icc is not None and not (icc and fits(icc, grey=pixels.shape[2] == 1)):
        icc = None
        notes.append("the ICC profile is broken or of another colour space, and was dropped")
    if not (metadata.resolution and metadata.resolution.absolute):
        found = find_resolution(block)
        metadata = replace(metadata, resolution=found or metadata.resolution)
    if paged:
        notes.append(ANIMATED)
    return Picture(pixels, alpha, icc, block, format, orientation, tuple(notes), paged, metadata)


def _from_pillow(image: Image.Image, format: str) -> Picture:
    """A Pillow image with its metadata, as its own reader found them."""
    info = image.info
    samples = np.asarray(_develop(image, info.get("icc_profile")))
    exif = info.get("exif") or image.getexif().tobytes()
    exif = exif if isinstance(exif, bytes) and len(image.getexif()) else b""
    icc = info.get("icc_profile")
    x, y = info.get("dpi", (None, None))
    comment = info.get("comment")
    metadata = Metadata(
        resolution=make_resolution(x, y, 0.0254) if x else None,
        xmp=info.get("xmp") if isinstance(info.get("xmp"), bytes) else None,
        comment=comment if isinstance(comment, bytes) else None,
    )
    warnings = []
    if image.mode == "CMYK":
        warnings.append("CMYK was converted to sRGB through its profile")
        icc = None
    paged = bool(getattr(image, "is_animated", False) or "mp" in info)
    return _assemble(format, samples, metadata, icc, exif, warnings, paged)


def _with_boxes(picture: Picture, data: bytes) -> Picture:
    """A picture of an AVIF or HEIC file with what its boxes say and Pillow does not."""
    notes = list(picture.warnings)
    box, place, mask = DEEPER[picture.format]
    if data[(data.find(box) + 4 + place) % len(data)] & mask:
        title = BY_NAME[picture.format].title
        notes.append(f"{title} of more than 8 bits a sample was read at 8")
    at = data.find(b"colrnclx")
    primaries, transfer = (
        (int.from_bytes(data[at + n : at + n + 2], "big") for n in (8, 10)) if at >= 0 else (2, 2)
    )
    colours = picture.metadata.colours
    if (
        picture.icc is None
        and not picture.grey
        and not (primaries in (1, 2) and transfer in (2, 13))
    ):
        colours = ((b"cICP", bytes((primaries & 255, transfer & 255, 0, 1))),)
    metadata = replace(picture.metadata, colours=colours)
    return replace(picture, metadata=metadata, warnings=tuple(notes))


def _develop(image: Image.Image, icc: bytes | None) -> Image.Image:
    """The image in mode L, LA, RGB, RGBA or I;16; ImageError for a mode that is not read."""
    if image.mode in REFUSED:
        kind = REFUSED[image.mode]
        raise ImageError(f"an image of {kind} is not read; convert it to 8 or 16-bit grey or RGB")
    if image.mode == "CMYK":
        return _through_profile(image, icc)
    mode = "L" if image.mode in GREYS else "RGB"
    mode += "A" if image.has_transparency_data else ""
    return image if image.mode == mode or image.mode.startswith("I;16") else image.convert(mode)


def _through_profile(image: Image.Image, icc: bytes | None) -> Image.Image:
    """A CMYK image as sRGB, by the profile it carries; without one its colours are not defined."""
    try:
        developed = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(icc or b"")),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError) as error:
        reason = "a broken" if icc else "no"
        raise ImageError(f"CMYK with {reason} colour profile; convert it to RGB") from error
    assert developed is not None
    return developed


def _deep_png(parts: png.PngParts) -> np.ndarray:
    with take_in() as lines:
        samples = _deep(parts.pixels)
    if told := [line.strip() for line in lines if line.strip()]:
        raise ImageError(f"damaged PNG: {told[0]}")
    colour_type, key = parts.colour_type, parts.transparent
    if key:  # the one colour that is transparent
        colours = samples[..., : png.CHANNELS[colour_type]]
        solid = (colours != np.frombuffer(key, ">u2")).any(axis=2)
        return np.dstack((colours, solid * np.uint16(65535)))
    return samples[..., [0, 3]] if colour_type == 4 else samples


def _deep_tiff(parts: tiff.TiffParts) -> np.ndarray:
    samples = _deep(parts.pixels)
    if parts.inverted:
        return 65535 - samples
    if samples.shape[2] < 4:
        return samples
    meaning = (*parts.extra, 0)[0]
    if meaning == 0:  # the fourth sample is anything but alpha
        return samples[..., :3]
    if meaning == 1:  # colours come multiplied by alpha
        gain = np.float32(65535) / np.maximum(samples[..., 3:], 1)
        samples[..., :3] = np.rint(samples[..., :3] * gain).clip(0, 65535)
    return samples


def _deep(data: bytes) -> np.ndarray:
    """16-bit samples as stored, (H, W, 1, 3 or 4), by OpenCV; RGB, alpha last."""
    samples = _opencv(data, cv2.IMREAD_UNCHANGED)
    if samples.dtype != np.uint16:
        raise ImageError("damaged file: its 16-bit samples cannot be decoded")
    return samples


def _opencv(data: bytes, flags: int) -> np.ndarray:
    """Samples by OpenCV, (H, W, 1, 3 or 4); RGB, alpha last."""
    level = cv2.utils.logging.setLogLevel(0)  # it would tell of tags that it does not know
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:  # its message is a place in a C++ file
        if error.code == NO_MEMORY:
            raise MemoryError from error
        samples = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if samples is None:
        raise ImageError("damaged file: its samples cannot be decoded")
    if samples.ndim == 2:
        return samples[..., None]
    rgb = cv2.COLOR_BGR2RGB if samples.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.cvtColor(samples, rgb)
