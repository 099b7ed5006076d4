"""TIFF: directories of tags, and strips of samples that the tags point to.

    file = header, directory, strips;   strip = deflate(row differences)

(TIFF 6.0, sections 2, 13 and 14). The tags are read first, to refuse what decoders would silently
change; and written here for both depths, because Pillow drops 16 bits and OpenCV drops profiles.
"""

import zlib
from io import BytesIO
from itertools import accumulate

import numpy as np
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    EXTRASAMPLES,
    ICCPROFILE,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    PREDICTOR,
    ROWSPERSTRIP,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    ImageFileDirectory_v2,
)

from restore.errors import ImageError
from restore.images.metadata import tags_of
from restore.images.picture import strips

DNG_VERSION = 50706


def checked_tags(data: bytes) -> ImageFileDirectory_v2:
    """The tags of the first page; ImageError with the reason for a kind that is not read."""
    file = BytesIO(data)
    tags = ImageFileDirectory_v2(file.read(16 if data[2] == 43 else 8))
    file.seek(tags.next)
    tags.load(file)
    bits = set(tags.get(BITSPERSAMPLE, (1,)))
    if not all(isinstance(number, int) for number in bits):
        raise ImageError("damaged TIFF: its bits a sample are no numbers")
    photometric = tags.get(PHOTOMETRIC_INTERPRETATION)
    samples = tags.get(SAMPLESPERPIXEL, 1)
    deep = bits == {16}
    kinds = {
        "camera raw data, to be developed first": DNG_VERSION in tags or photometric == 32803,
        "CIELAB colours": photometric in (8, 9, 10),
        "float or signed samples": not set(tags.get(SAMPLEFORMAT, (1,))) <= {1, 4},
        f"{max(bits)} bits a sample": bits not in ({1}, {2}, {4}, {8}, {16}),
        "16 bits of another colour space than grey and RGB": deep and photometric not in (0, 1, 2),
        "16-bit grey with alpha": deep and samples == 2,
        "16-bit planes": deep and samples > 1 and tags.get(PLANAR_CONFIGURATION) == 2,
    }
    for kind, found in kinds.items():
        if found:
            raise ImageError(f"TIFF of {kind} is not read; convert it to 8 or 16-bit grey or RGB")
    return tags


def encode(samples: np.ndarray, exif: bytes | None, icc: bytes | None) -> bytes:
    """The TIFF of samples (H, W, 1 to 4) uint8 or uint16, alpha last.

    16-bit grey with alpha becomes RGBA: neither Pillow nor OpenCV reads the pair.
    """
    if samples.shape[2] == 2 and samples.dtype == np.uint16:
        samples = samples[..., [0, 0, 0, 1]]
    height, width, channels = samples.shape
    packed = []
    for rows in strips((width, height)):
        differences = samples[rows].astype(samples.dtype.newbyteorder("<"))
        differences[:, 1:] -= samples[rows, :-1]
        packed.append(zlib.compress(differences.tobytes(), 4))

    tags = ImageFileDirectory_v2()
    tags.update(tags_of(exif))  # an EXIF block is a directory itself
    if icc:
        tags[ICCPROFILE] = icc
    if channels in (2, 4):
        tags[EXTRASAMPLES] = (2,)  # alpha, not multiplied into the colours
    tags[IMAGEWIDTH] = width
    tags[IMAGELENGTH] = height
    tags[SAMPLESPERPIXEL] = channels
    tags[BITSPERSAMPLE] = (8 * samples.itemsize,) * channels
    tags[PHOTOMETRIC_INTERPRETATION] = 1 if channels < 3 else 2
    tags[PLANAR_CONFIGURATION] = 1
    tags[COMPRESSION] = 8
    tags[PREDICTOR] = 2
    tags[ROWSPERSTRIP] = next(strips((width, height))).stop
    tags[STRIPBYTECOUNTS] = tuple(len(strip) for strip in packed)
    # Counted from the end of the directory; Pillow adds its length.
    tags[STRIPOFFSETS] = tuple(accumulate((len(strip) for strip in packed[:-1]), initial=0))
    file = BytesIO()
    tags.save(file)
    return file.getvalue() + b"".join(packed)
