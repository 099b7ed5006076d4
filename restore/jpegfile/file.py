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

RESTART = 2  # MCUs
PAST_EDGE = "unconstrained in blocks that reach past the edge"


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

    Components are Y, or Y, Cb, Cr. `notes` say what stays unconstrained and why; `edges` are the
    components of which blocks do that reach past the edge, as in most files.
    """

    size: tuple[int, int]
    components: tuple[Component, ...]
    notes: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()

    @property
    def edge_notes(self) -> tuple[str, ...]:
        """What there is to say of the blocks that reach past the edge, in a sentence or none."""
        names = " and ".join(self.edges)
        verb = "is" if len(self.edges) == 1 else "are"
        return (f"{names} {verb} {PAST_EDGE}",) if names else ()


def read_jpeg(data: bytes) -> JpegFile:
    """Read the quantised coefficients of a baseline, extended or progressive 8-bit JPEG file.

    They are exact, whatever the sampling. Unknown are blocks that reach past the edge of the
    image (their outer pixels are the encoder's invention), all blocks of a file that holds R, G,
    B, and of a component that was cut short or is sampled at a broken ratio. Raises ImageError
    for what is not a JPEG file, is damaged or cut short, or is lossless, hierarchical or of 12
    bits, and UnheldError, which is one, where a decoder reads the file all the same: for
    arithmetic-coded ones and CMYK. The size is the caller's to limit.
    """
    reader = Reader(data)
    w, h = reader.size
    tall, wide = (max(plane.factors[side] for plane in reader.planes) for side in (0, 1))
    components, notes, edges = [], [], []
    for name, plane in zip(("Y", "Cb", "Cr"), reader.planes, strict=False):
        rows, columns = plane.blocks
        coefficients = plane.coefficients[:rows, :columns].reshape(rows, columns, 8, 8)
        (v, more_v), (u, more_u) = divmod(tall, plane.factors[0]), divmod(wide, plane.factors[1])
        reason = None
        if reader.rgb:
            reason = "the file holds R, G and B, not luma and chroma"
        elif more_v or more_u:
            reason = "it is sampled at a broken ratio"
        elif (plane.precision != 0).any():
            reason = "the file ends before its last bits"
        known = np.zeros((rows, columns), bool)
        if reason:
            notes.append(f"{name} is unconstrained: {reason}")
        else:
            known[: h // (8 * v), : w // (8 * u)] = True
            if not known.all():
                edges.append(name)
        components.append(Component(coefficients, plane.table, (v, u), known))
    if reader.padding:
        notes.append("bytes without meaning follow a scan and were passed over")
    return JpegFile((w, h), tuple(components), tuple(notes), tuple(edges))


def write_jpeg(pixels: np.ndarray, file: JpegFile) -> bytes:
    """Encode (h, w) or (h, w, 3) uint8 RGB pixels with the tables and the sampling of a file.

    For a grey file the pixels' luma is encoded, for a sampling other than 4:4:4, 4:2:2 and 4:2:0
    the chroma at full size. Restart markers, which change no coefficient, let it be read quickly.
    Raises RequestError for pixels of another size or depth.
    """
    if pixels.shape[1::-1] != file.size or pixels.dtype != np.uint8:
        raise RequestError(
            f"pixels of {pixels.shape} {pixels.dtype} do not fit a file of {file.size} in 8 bits"
        )
    image, mode = Image.fromarray(pixels), "L" if len(file.components) == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    stream = io.BytesIO()
    image.save(
        stream,
        "JPEG",
        qtables=[component.table.ravel().tolist() for component in file.components],
        subsampling=_subsampling(file) or "4:4:4",
        restart_marker_blocks=RESTART,
    )
    return stream.getvalue()


def coefficients_kept(again: bytes, file: JpegFile) -> float:
    """The fraction of a file's known coefficients that another has, as `write_jpeg` wrote it.

    Of a file whose chroma no encoder here can sample alike, luma alone counts. 1.0 where nothing is
    known.
    """
    components, written = file.components, read_jpeg(again).components
    if not _subsampling(file):
        components, written = components[:1], written[:1]
    count = kept = 0
    for a, b in zip(components, written, strict=True):
        count += 64 * int(a.known.sum())
        kept += int((a.coefficients == b.coefficients).sum(where=a.known[..., None, None]))
    return kept / count if count else 1.0


def _subsampling(file: JpegFile) -> str | None:
    """The sampling by the name that Pillow's encoder has for it, if it has."""
    luma, *chroma = (component.sampling for component in file.components)
    names = {((1, 1),): "4:4:4", ((1, 2),): "4:2:2", ((2, 2),): "4:2:0", (): "4:4:4"}
    return names.get(tuple(set(chroma))) if luma == (1, 1) else None
