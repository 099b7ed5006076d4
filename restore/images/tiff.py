"""TIFF: directories of tags, and strips of samples that the tags point to.

    file = header, directory, strips;   strip = deflate(row differences)

(TIFF 6.0, sections 2, 13 and 14). A file has many directories: pages, previews, a camera's raw
samples. The picture that is meant is found here, what decoders would silently change is refused,
and decoders get a directory with the tags of the pixels alone. Written here for both depths,
because Pillow drops 16 bits and OpenCV drops profiles.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    COMPRESSION_INFO,
    EXTRASAMPLES,
    ICCPROFILE,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    PREDICTOR,
    RESOLUTION_UNIT,
    ROWSPERSTRIP,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    X_RESOLUTION,
    Y_RESOLUTION,
    ImageFileDirectory_v2,
)

from restore.errors import ImageError
from restore.images.directory import (
    Bytes,
    Directory,
    Nested,
    Tag,
    iterate_directories,
    read_directory,
    read_first_offset,
    write_directory,
)
from restore.images.exif import IMAGE_SOURCE_DATA, LAYOUT, METRES, list_tags
from restore.images.metadata import GEO_KEYS, GEOTIFF, Metadata, TagValue, make_resolution
from restore.images.picture import strips

Nest: TypeAlias = "dict[int, Nest]"

NEW_SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES, XMP, IPTC = 254, 255, 330, 700, 33723
REDUCED, MASK = 1, 4  # bits of NewSubfileType
EXIF_DIRECTORIES: Nest = {
    34665: {40965: {}},
    34853: {},
}  # which tags are directories, and within them

# What a decoder needs to find and read the samples.
PIXEL_TAGS = {
    *range(256, 260), 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
    332, 334, 338, 339, 347, *range(512, 522), 529, 530, 531, 532,
}  # fmt: skip
OFFSETS = (273, 324, 513, 519, 520, 521)  # of strips, tiles, and parts of old JPEG
RAW_TAGS = {50706, 33421, 33422}  # DNG's version, the pattern of a colour filter array
RAW_PHOTOMETRICS = {32803, 34892}
RAW_COMPRESSIONS = {32767, 32769, 32770, 34713, 34892, 65000, 65535}  # of ARW, ERF, SRW, NEF, ...
COMPRESSIONS = {
    9: "JBIG", 10: "JBIG", 34661: "JBIG", 32766: "NeXT RLE", 32809: "ThunderScan",
    33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy DNG",
    34933: "PNG", 34934: "JPEG XR", 22610: "JPEG XR", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}  # bands, by photometric
YCBCR, JPEG, OLD_JPEG = 6, 7, 6
ASCII, SHORT, DOUBLE, BYTE, UNDEFINED = 2, 3, 12, 1, 7


@dataclass(frozen=True)
class TiffParts:
    """A TIFF file taken apart.

    directory: of the picture that is meant. pixels: a file with that picture alone; b"" where only
    the header was asked for. paged: the file holds others.
    """

    directory: Directory
    pixels: bytes
    paged: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as stored."""
        (width, *_), (height, *_) = (
            self.directory.numbers(tag, (0,)) for tag in (IMAGEWIDTH, IMAGELENGTH)
        )
        return width, height

    @property
    def deep(self) -> bool:
        """Whether there are 16 bits a sample."""
        return 16 in _bits(self.directory)

    @property
    def inverted(self) -> bool:
        """Whether zero is white."""
        return self.directory.numbers(PHOTOMETRIC_INTERPRETATION, (1,))[0] == 0

    @property
    def extra(self) -> tuple[int, ...]:
        """What each band beyond the colours is: 1 or 2 alpha, multiplied into them or not; or 0."""
        photometric = self.directory.numbers(PHOTOMETRIC_INTERPRETATION, (1,))[0]
        count = self.directory.numbers(SAMPLESPERPIXEL, (1,))[0] - COLOURS.get(photometric, 1)
        if count <= 0:
            return ()
        default = (2,) if EXTRASAMPLES not in self.directory.tags else ()
        return (*self.directory.numbers(EXTRASAMPLES, default), *(0,) * count)[:count]

    @property
    def subsampled(self) -> bool:
        """Whether chroma is stored at less than full size by other means than JPEG's."""
        own = self.directory
        return own.numbers(PHOTOMETRIC_INTERPRETATION, (1,))[0] == YCBCR and (
            own.numbers(COMPRESSION, (1,))[0] not in (JPEG, OLD_JPEG)
        )


def take_apart(data: Bytes, *, pixels: bool = True) -> TiffParts:
    """The picture that is meant, of all in a file. ImageError with the reason for what is not read.

    pixels: whether decoders are to read it; without, its header alone is wanted.
    """
    order, big, _ = read_first_offset(data)
    chain = [found for _, found in iterate_directories(data)]
    if not chain:
        raise ImageError("damaged TIFF: it has no directory")
    inner = []
    for found in chain[:16]:
        for offset in found.numbers(SUB_DIRECTORIES)[:16]:
            try:
                inner.append(read_directory(data, offset, order, big))
            except ImageError:  # it is not the one that is meant
                continue
    everything = [*chain, *inner]
    if any(_is_raw(found) for found in everything):
        raise ImageError("TIFF of camera raw data, to be developed first, is not read")
    chosen = next((found for found in everything if not _is_aside(found)), chain[0])
    _check(chosen)
    paged = len(chain) > 1 or chosen is not chain[0]
    if not pixels:
        return TiffParts(chosen, b"", paged)
    return TiffParts(chosen, _alone(data, chosen), paged)


def _alone(data: Bytes, chosen: Directory) -> bytes:
    """A file of one directory, with the tags of its pixels alone, before all that was in the old.

    What was cut off is missing here too.
    """
    tags = {number: tag for number, tag in chosen.tags.items() if number in PIXEL_TAGS}
    start = b"II*\0\x08\0\0\0" if chosen.order == "<" else b"MM\0*\0\0\0\x08"
    shift = 0
    for _ in range(2):  # its length is known once it is written
        moved = {
            number: _moved(chosen, number, shift) if number in OFFSETS else tag
            for number, tag in tags.items()
        }
        head = start + write_directory(moved, chosen.order, len(start))
        shift = len(head)
    return head + data[:]


def _moved(own: Directory, number: int, shift: int) -> Tag:
    """A tag of offsets, for data that lie so many bytes further on."""
    offsets = [offset + shift for offset in own.numbers(number)]
    if offsets and max(offsets) >= 2**32:
        raise ImageError("damaged TIFF: an offset lies outside the file")
    return Tag(4, len(offsets), struct.pack(f"{own.order}{len(offsets)}I", *offsets))


def _is_aside(found: Directory) -> bool:
    """Whether a directory holds a preview or a mask of another."""
    if found.numbers(NEW_SUBFILE, (0,))[0] & (REDUCED | MASK):
        return True
    return found.numbers(OLD_SUBFILE, (1,))[0] == 2 or IMAGEWIDTH not in found.tags


def _is_raw(found: Directory) -> bool:
    return (
        bool(RAW_TAGS & found.tags.keys())
        or found.numbers(PHOTOMETRIC_INTERPRETATION, (1,))[0] in RAW_PHOTOMETRICS
        or found.numbers(COMPRESSION, (1,))[0] in RAW_COMPRESSIONS
    )


def _bits(found: Directory) -> set[int]:
    """The numbers of bits of the samples; what stands there of more samples means nothing."""
    if BITSPERSAMPLE not in found.tags:
        return {1}
    return set(found.numbers(BITSPERSAMPLE)[: max(1, *found.numbers(SAMPLESPERPIXEL, (1,)))])


def _check(found: Directory) -> None:
    """ImageError with the reason for a kind that is not read."""
    photometric = found.numbers(PHOTOMETRIC_INTERPRETATION, (1,))[0]
    samples = found.numbers(SAMPLESPERPIXEL, (1,))[0]
    bits = _bits(found)
    if not bits:
        raise ImageError("damaged TIFF: its bits a sample are no numbers")
    compression = found.numbers(COMPRESSION, (1,))[0]
    deep = bits == {16}
    name = COMPRESSIONS.get(compression, f"number {compression}")
    kinds = {
        "CIELAB colours": photometric in (8, 9, 10),
        "float or signed samples": not set(found.numbers(SAMPLEFORMAT, (1,))) <= {1, 4},
        f"{max(bits)} bits a sample": bits not in ({1}, {2}, {4}, {8}, {16}),
        "16 bits of another colour space than grey and RGB": deep and photometric not in (0, 1, 2),
        "16-bit grey with alpha or other bands": deep and samples > 1 and photometric in (0, 1),
        f"{samples} bands of 16 bits": deep and samples > 4,
        "16-bit planes": deep and samples > 1 and found.numbers(PLANAR_CONFIGURATION, (1,))[0] == 2,
        f"compression {name}": compression not in COMPRESSION_INFO,
    }
    for kind, present in kinds.items():
        if present:
            raise ImageError(f"TIFF of {kind} is not read; convert it to 8 or 16-bit grey or RGB")


def read_metadata(parts: TiffParts) -> tuple[Metadata, bytes | None, list[str]]:
    """What stands beside the pixels: metadata, the colour profile, and warnings."""
    own = parts.directory
    x, y = (own.values(tag) or (0,) for tag in (X_RESOLUTION, Y_RESOLUTION))
    unit = own.numbers(RESOLUTION_UNIT, (2,))[0]
    geotiff = tuple((tag, _value_of(own, tag)) for tag in GEOTIFF if tag in own.tags)
    metadata = Metadata(
        resolution=make_resolution(x[0], y[0], METRES.get(unit)),
        xmp=own.bytes(XMP) or None,
        iptc=own.bytes(IPTC) or None,
        geotiff=geotiff,
    )
    warnings = []
    if IMAGE_SOURCE_DATA in own.tags:
        warnings.append("the layers were dropped; the picture of all of them is taken")
    others = [n for n, kind in enumerate(parts.extra) if kind == 0 or n]
    if others:
        first = own.numbers(SAMPLESPERPIXEL, (1,))[0] - len(parts.extra) + 1
        numbers = ", ".join(str(first + n) for n in others)
        warnings.append(f"bands beyond the colours were dropped: number {numbers}")
    return metadata, own.bytes(ICCPROFILE) or None, warnings


def exif_of(data: Bytes, directory: Directory) -> bytes:
    """The EXIF block of a directory, without what speaks of its pixels' layout; b"" for none."""
    big = data[2:4] in (b"+\0", b"\0+")
    tags = _nested(data, directory, EXIF_DIRECTORIES, big)
    kept = {number: tag for number, tag in tags.items() if number not in LAYOUT}
    if not kept:
        return b""
    order = directory.order
    start = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    return b"Exif\0\0" + start + write_directory(kept, order, 8)


def _nested(data: Bytes, directory: Directory, within: Nest, big: bool) -> dict[int, Nested]:
    """The tags of a directory, with directories in place of their offsets."""
    tags: dict[int, Nested] = dict(directory.tags)
    for number, deeper in within.items():
        offset = directory.numbers(number)
        tags.pop(number, None)
        try:
            if offset:
                found = read_directory(data, offset[0], directory.order, big)
                tags[number] = _nested(data, found, deeper, big)
        except ImageError:  # metadata cost no picture
            continue
    return tags


def _value_of(own: Directory, tag: int) -> TagValue:
    if own.tags[tag].kind == ASCII:
        return own.bytes(tag).rstrip(b"\0").decode("latin-1")
    return own.values(tag)


def encode_tiff(
    samples: np.ndarray, metadata: Metadata, icc: bytes | None, exif: bytes | None
) -> bytes:
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
    tags.update(list_tags(exif))  # an EXIF block is a directory itself
    _put_metadata(tags, metadata)
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


def _put_metadata(tags: ImageFileDirectory_v2, metadata: Metadata) -> None:
    if found := metadata.resolution:
        tags[X_RESOLUTION], tags[Y_RESOLUTION] = found.x, found.y
        tags[RESOLUTION_UNIT] = 2 if found.absolute else 1
    if metadata.xmp:
        tags.tagtype[XMP] = BYTE
        tags[XMP] = metadata.xmp
    if metadata.iptc:
        tags.tagtype[IPTC] = UNDEFINED
        tags[IPTC] = metadata.iptc
    for tag, value in metadata.geotiff:
        if isinstance(value, str | bytes):
            tags.tagtype[tag] = ASCII
        elif tag == GEO_KEYS:
            tags.tagtype[tag], value = SHORT, tuple(map(int, value))
        else:
            tags.tagtype[tag] = DOUBLE
        tags[tag] = value
