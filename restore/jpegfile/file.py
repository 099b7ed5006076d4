"""JPEG file: an image as integers k, one for each frequency of each 8×8 block of each component.

    k = round(c / q),  c = DCT(plane - 128)

with q the component's table of steps; the planes are Y, Cb and Cr (ITU-T T.81, T.871), the last
two usually of half the size. All that the encoder kept of the picture is in k: any image with
every c within q (k ± 1/2) gives the same file again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from restore.errors import RequestError
from restore.jpegfile.reader import Reader

SUBSAMPLING = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 2): "4:2:0"}  # those that Pillow can write


@dataclass(frozen=True)
class Component:
    """One plane of a JPEG file.

    `coefficients` is (rows, columns, 8, 8) int16, vertical frequency first; `table` the (8, 8)
    steps; `sampling` how many pixels, vertically and horizontally, share a sample of the plane;
    `known` (rows, columns) bool, False for a block that is to be left unconstrained.
    """

    coefficients: np.ndarray
    table: np.ndarray
    sampling: tuple[int, int]
    known: np.ndarray


@dataclass(frozen=True)
class JpegFile:
    """The content of a JPEG file; size is (w, h) as stored, before any EXIF orientation.

    Components are Y, or Y, Cb, Cr. `notes` say what stays unconstrained and why.
    """

    size: tuple[int, int]
    components: tuple[Component, ...]
    notes: tuple[str, ...] = ()


def read_jpeg(data: bytes) -> JpegFile:
    """Read the quantised coefficients of a baseline, extended or progressive 8-bit JPEG file.

    They are exact, whatever the sampling. Unknown are blocks that reach past the edge of the
    image (their outer pixels are the encoder's invention), all blocks of a file that holds R, G,
    B, and of a component that was cut short or is sampled at a broken ratio. Raises ImageError
    for what is not a JPEG file, is damaged or cut short, or is arithmetic-coded, lossless,
    hierarchical, of 12 bits or CMYK.
    """
    reader = Reader(data)
    w, h = reader.size
    tall = max(plane.factors[0] for plane in reader.planes)
    wide = max(plane.factors[1] for plane in reader.planes)
    components, notes, partial = [], [], False
    for name, plane in zip(("Y", "Cb", "Cr"), reader.planes, strict=False):
        rows, columns = plane.blocks
        coefficients = plane.coefficients[:rows, :columns].reshape(rows, columns, 8, 8)
        v, h_ = tall // plane.factors[0], wide // plane.factors[1]
        known = (np.arange(1, rows + 1)[:, None] * 8 * v <= h) & (
            np.arange(1, columns + 1) * 8 * h_ <= w
        )
        partial |= not known.all()
        reason = None
        if reader.rgb:
            reason = "the file holds R, G and B, not luma and chroma"
        elif (v * plane.factors[0], h_ * plane.factors[1]) != (tall, wide):
            reason = f"{name} is sampled at a broken ratio"
        elif (plane.precision != 0).any():
            reason = f"the file ends before {name} is complete"
        if reason:
            known[:] = False
            notes.append(f"{name} is unconstrained: {reason}")
        components.append(Component(coefficients, plane.table, (v, h_), known))
    if partial:
        notes.append(f"blocks that reach past the edge of {w}×{h} are unconstrained")
    return JpegFile((w, h), tuple(components), tuple(notes))


def write_jpeg(pixels: np.ndarray, file: JpegFile) -> bytes:
    """Encode (h, w) or (h, w, 3) uint8 pixels with the tables and the sampling of a file.

    Grey files take the first channel's place: RGB pixels become their luma. Raises RequestError
    for pixels of another size, and for samplings other than 4:4:4, 4:2:2 and 4:2:0.
    """
    if pixels.shape[1::-1] != file.size or pixels.dtype != np.uint8:
        raise RequestError(
            f"pixels of {pixels.shape} {pixels.dtype} do not fit a file of {file.size} in 8 bits"
        )
    sampling = SUBSAMPLING.get(file.components[-1].sampling)
    if sampling is None:
        raise RequestError(f"no encoder here samples chroma by {file.components[-1].sampling}")
    image = Image.fromarray(pixels).convert("L" if len(file.components) == 1 else "RGB")
    tables = [component.table.ravel().tolist() for component in file.components]
    stream = io.BytesIO()
    image.save(stream, "JPEG", qtables=tables, subsampling=sampling)
    return stream.getvalue()


def coefficients_kept(pixels: np.ndarray, file: JpegFile) -> float:
    """The fraction of a file's known coefficients that pixels give again when encoded alike.

    `pixels` are (h, w) or (h, w, 3) uint8, RGB; same tables, same sampling. Of a file whose chroma
    no encoder here can sample alike, luma alone counts. 1.0 where nothing is known.
    """
    components = file.components
    if components[-1].sampling not in SUBSAMPLING:
        components = components[:1]
    again = read_jpeg(write_jpeg(pixels, JpegFile(file.size, components))).components
    equal = [
        (b.coefficients == a.coefficients)[a.known] for a, b in zip(components, again, strict=True)
    ]
    count = sum(e.size for e in equal)
    return float(sum(e.sum() for e in equal) / count) if count else 1.0
