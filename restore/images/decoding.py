"""Decoding: from the bytes of a file, or an image in memory, to a picture.

Pillow decodes, restricted to the format that the content shows; 16-bit samples come from OpenCV,
because Pillow halves them silently. Whatever a decoder raises is one ImageError.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from restore.defaults import MAX_PIXELS
from restore.errors import ImageError, RequestError, ResourceError, RestoreError
from restore.files import read_bytes
from restore.images import png, tiff
from restore.images.formats import ENDINGS, sniff
from restore.images.metadata import carried_exif, fits, without_orientation
from restore.images.picture import Picture, split
from restore.jpegfile import check_scans

# The flattest JPEG spends a bit on each block of 64 pixels; twice that leaves room for arithmetic
# coding. PNG has a bound of its own; WebP, AVIF and TIFF hold a flat image in next to nothing.
JPEG_PIXELS_PER_BYTE = 1024

NO_MEMORY = -4  # what OpenCV calls StsNoMem

GREYS = ("1", "L", "LA", "La")
REFUSED = {
    "LAB": "CIELAB colours",
    "HSV": "HSV colours",
    "F": "float samples, whose range is not known",
    "I": "32-bit samples, whose range is not known",
}


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, upright: bool = True, scans: bool = True
) -> Picture:
    """The picture in a file's bytes.

    Refused on the header alone are images of more than `max_pixels` (Pillow's own ceiling of 179
    megapixels stands above) and files too short for what they claim. `upright` applies the EXIF
    orientation; without it JPEG, PNG, WebP and AVIF come as stored, while TIFF is turned by its
    decoders. `scans` looks for those of a JPEG file that are cut short; `read_jpeg` does so itself.
    Raises ImageError with the reason for everything that cannot be read whole, ResourceError where
    memory runs out.
    """
    format = sniff(data)
    try:
        picture = _decode(data, format, max_pixels, scans)
    except RestoreError:
        raise
    except Exception as error:  # decoders raise anything; it is one file's failure
        raise _failure(format, error) from error
    return picture.upright() if upright else picture


def as_picture(source: Any, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture, upright, in a path, a file's bytes, a Pillow image, an array or a picture.

    Arrays are (H, W) or (H, W, 1 to 4), uint8 or uint16, channels in the order L, LA, RGB, RGBA.
    Raises RequestError for any other array or type, ImageError for an image that cannot be read or,
    being a file, has more than `max_pixels`.
    """
    if isinstance(source, Picture):
        return source.upright()
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), max_pixels=max_pixels)
    if isinstance(source, str | os.PathLike):
        return decode(read_bytes(source), max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        format = "JPEG" if source.format == "MPO" else str(source.format)
        try:
            return _from_pillow(source, format if format in ENDINGS.values() else "PNG").upright()
        except RestoreError:
            raise
        except Exception as error:  # a lazily opened file is decoded here
            raise _failure("image", error) from error
    raise RequestError(
        f"an image was expected (path, bytes, Pillow image or array), found {type(source).__name__}"
    )


def _decode(data: bytes, format: str, max_pixels: int, scans: bool) -> Picture:
    chunks = png.verified_chunks(data) if format == "PNG" else {}
    tags: Mapping[int, Any] = tiff.checked_tags(data) if format == "TIFF" else {}
    with Image.open(BytesIO(data), formats=(format,)) as image:
        width, height = image.size
        claim = f"{format} claims {width}x{height} pixels"
        if width * height > max_pixels:
            raise ImageError(f"{claim}, more than the {max_pixels} allowed; see --max-pixels")
        if format == "JPEG" and width * height > JPEG_PIXELS_PER_BYTE * len(data):
            raise ImageError(f"{claim}, more than {len(data)} bytes can hold")
        samples = None
        if chunks and chunks[b"IHDR"][8] == 16:
            samples = _deep_png(data, chunks)
            if "Raw profile type exif" not in image.info:  # else Pillow decodes all to look for it
                image.info.setdefault("exif", chunks.get(b"eXIf", b""))
        elif 16 in tags.get(tiff.BITSPERSAMPLE, ()):
            samples = _deep_tiff(data, tags)
        picture = _from_pillow(image, format, samples)
        if format == "JPEG" and scans and image.mode != "CMYK":
            check_scans(data, picture.pixels[-1, -1])
    if format == "AVIF" and data[data.find(b"av1C") + 6] & 0x40:
        note = "AVIF of more than 8 bits a sample was read at 8"
        picture = replace(picture, warnings=(*picture.warnings, note))
    return picture


def _failure(kind: str, error: Exception) -> RestoreError:
    """What an exception of a decoder means."""
    if isinstance(error, MemoryError):
        return ResourceError(f"out of memory while decoding this {kind}; close other programs")
    if isinstance(error, Image.DecompressionBombError):
        return ImageError(f"{kind} claims more pixels than are ever read, whatever --max-pixels")
    if isinstance(error, UnidentifiedImageError):
        return ImageError(f"damaged {kind}: its header cannot be read")
    return ImageError(f"damaged {kind}: {str(error) or type(error).__name__}")


def _from_pillow(image: Image.Image, format: str, samples: np.ndarray | None = None) -> Picture:
    """A Pillow image with its metadata; `samples`, where given, are its pixels at 16 bits."""
    developed = image
    if samples is None:
        developed = _developed(image)
        samples = np.asarray(developed)
    pixels, alpha = split(samples.astype(samples.dtype.newbyteorder("="), copy=False))
    exif, orientation, notes = carried_exif(image)
    if format == "TIFF":  # turned by its decoders
        exif, orientation = without_orientation(exif), 1
    icc = developed.info.get("icc_profile")
    if "icc_profile" in developed.info and not (icc and fits(icc, grey=pixels.shape[2] == 1)):
        icc = None
        notes.append("the ICC profile is broken or of another colour space, and was dropped")
    if image.mode == "CMYK":
        notes.append("CMYK was converted to sRGB through its profile")
    paged = getattr(image, "is_animated", False) or "mp" in image.info
    if paged:
        notes.append("the first of several pictures in the file (frames, pages, previews) is taken")
    return Picture(pixels, alpha, icc, exif, format, orientation, tuple(notes), paged)


def _developed(image: Image.Image) -> Image.Image:
    """The image in mode L, LA, RGB, RGBA or I;16; ImageError for a mode that is not read."""
    if image.mode in REFUSED:
        kind = REFUSED[image.mode]
        raise ImageError(f"an image of {kind} is not read; convert it to 8 or 16-bit grey or RGB")
    if image.mode == "CMYK":
        return _through_profile(image)
    mode = "L" if image.mode in GREYS else "RGB"
    mode += "A" if image.has_transparency_data else ""
    return image if image.mode == mode or image.mode.startswith("I;16") else image.convert(mode)


def _through_profile(image: Image.Image) -> Image.Image:
    """A CMYK image as sRGB, by the profile it carries; without one its colours are not defined."""
    try:
        developed = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(image.info.get("icc_profile") or b"")),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError) as error:
        reason = "a broken" if image.info.get("icc_profile") else "no"
        raise ImageError(f"CMYK with {reason} colour profile; convert it to RGB") from error
    assert developed is not None
    return developed


def _deep_png(data: bytes, chunks: dict[bytes, bytes]) -> np.ndarray:
    samples = _deep(data)
    colour_type, key = chunks[b"IHDR"][9], chunks.get(b"tRNS")
    if key:  # the one colour that is transparent
        colours = samples[..., : png.CHANNELS[colour_type]]
        solid = (colours != np.frombuffer(key, ">u2")).any(axis=2)
        return np.dstack((colours, solid * np.uint16(65535)))
    return samples[..., [0, 3]] if colour_type == 4 else samples


def _deep_tiff(data: bytes, tags: Mapping[int, Any]) -> np.ndarray:
    samples = _deep(data)
    if tags[tiff.PHOTOMETRIC_INTERPRETATION] == 0:  # white is zero
        return 65535 - samples
    if samples.shape[2] < 4:
        return samples
    meaning = tags.get(tiff.EXTRASAMPLES, (2,))[0]
    if meaning == 0:  # the fourth sample is anything but alpha
        return samples[..., :3]
    if meaning == 1:  # colours come multiplied by alpha
        gain = np.float32(65535) / np.maximum(samples[..., 3:], 1)
        samples[..., :3] = np.rint(samples[..., :3] * gain).clip(0, 65535)
    return samples


def _deep(data: bytes) -> np.ndarray:
    """16-bit samples as stored, (H, W, 1, 3 or 4), by OpenCV; RGB, alpha last."""
    level = cv2.utils.logging.setLogLevel(0)  # it would tell of tags that it does not know
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:  # its message is a place in a C++ file
        if error.code == NO_MEMORY:
            raise MemoryError from error
        samples = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if samples is None or samples.dtype != np.uint16:
        raise ImageError("damaged file: its 16-bit samples cannot be decoded")
    if samples.ndim == 2:
        return samples[..., None]
    rgb = cv2.COLOR_BGR2RGB if samples.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.cvtColor(samples, rgb)


def _from_array(array: np.ndarray) -> Picture:
    shape = array.shape
    if array.dtype.kind == "f":
        raise RequestError(
            "an array of floats does not say its range; scale and round it to uint8 or uint16"
        )
    if array.dtype.kind != "u" or array.itemsize > 2:
        raise RequestError(f"an array of uint8 or uint16 was expected, found {array.dtype}")
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] > 4):
        raise RequestError(f"an array (H, W) or (H, W, 1 to 4) was expected, found {shape}")
    return Picture(*split(array.astype(array.dtype.newbyteorder("="))))
