"""Diagnosis: what a picture went through, found out before anything is restored."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace

import numpy as np

from restore.diagnosis.blocks import to_levels
from restore.diagnosis.coded_noise import Quantisation, measure_coded_noise
from restore.diagnosis.compression import (
    COMPRESSED,
    Compression,
    describe_file,
    find_earlier_compression,
    find_lost,
)
from restore.diagnosis.detail import Detail, find_detail
from restore.diagnosis.findings import Finding, list_findings
from restore.diagnosis.holes import Hole, measure_hole
from restore.diagnosis.kind import PHOTOGRAPH, PictureKind, find_kind
from restore.diagnosis.noise import NOISY, NoiseEstimate, find_noise
from restore.diagnosis.scaled import ScaledJpeg, find_scaled
from restore.images import MAX_PIXELS, Picture, as_picture, decode, file_bytes, sniff
from restore.jpegfile import JpegFile, UnheldError, read_jpeg
from restore.jpegfile.quality import chroma_table, luma_table
from restore.record import JSON

PROCESSED = 2.0  # levels: the tolerance of what lost the tables of its codec
SHARPENED = 5.0  # levels: of what was sharpened


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a picture.

    size: (width, height), upright. kind: photograph or not. file: the compression of the file
    itself, where it is a JPEG. history: one that it went through before. scaled: one before it was
    scaled. noise, detail: None where there is none, or nothing to tell by. hole: where a mask was
    given.
    """

    size: tuple[int, int]
    kind: PictureKind
    file: Compression | None = None
    history: Compression | None = None
    noise: NoiseEstimate | None = None
    detail: Detail | None = None
    hole: Hole | None = None
    scaled: ScaledJpeg | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every finding in words, one that there is nothing to mend among them."""
        return tuple(one.sentence for one in self.findings)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding with its figures and what to do about it."""
        return list_findings(self)

    def find_steps(self, file: JpegFile | None) -> Quantisation | None:
        """What the picture's coefficients were last rounded to, None where they were not.

        file: its own, if any. Of a JPEG that is lost the tables are taken to be the standard ones,
        with a sample of chroma for 2 x 2 pixels.
        """
        if file is not None:
            luma, *chroma = file.components
            halved = bool(chroma) and chroma[0].sampling == (2, 2)
            return Quantisation(luma.table, chroma[0].table if halved else None)
        if self.history is not None:
            quality, offset = self.history.quality, self.history.offset
            return Quantisation(luma_table(quality), chroma_table(quality), offset)
        return None

    @property
    def noisy(self) -> bool:
        """Whether denoising would gain."""
        return self.kind.photographic and self.noise is not None and self.noise.sigma >= NOISY

    @property
    def recut(self) -> bool:
        """Whether its file's picture was a stronger JPEG before, on another grid."""
        found = self.history
        return found is not None and found.kind == "earlier" and found.offset != (0, 0)

    @property
    def compressed(self) -> bool:
        """Whether taking back a compression would gain."""
        found = (self.file, self.history)
        return any(one is not None and one.quality <= COMPRESSED for one in found)

    @property
    def sound(self) -> bool:
        """Whether there is nothing to mend, or nothing to go by.

        What a JPEG leaves of noise looks like a screen, and what is held to its coefficients cannot
        go far: a compression is mended in both.
        """
        if self.kind.name == "halftone":
            return not self.compressed
        return not self.kind.photographic or not (self.noisy or self.compressed)

    @property
    def tolerance(self) -> float:
        """The noise, in levels of 8 bits, of the picture as a reduction of a larger one.

        0 where it may be an exact one: no noise, no lost compression and no sharpening is seen. A
        JPEG file of quality 85 or less needs none for its noise: its box says how far it is off.
        """
        coarse = self.file is not None and self.file.quality <= COMPRESSED
        sigma = self.noise.sigma if self.noise is not None and not coarse else 0.0
        if self.history is not None and self.history.kind == "lost":
            sigma = max(sigma, PROCESSED)
        if self.detail is not None and self.detail.sharpened:
            sigma = max(sigma, SHARPENED)
        return sigma

    def as_dict(self) -> dict[str, JSON]:
        """All that was found as JSON has it, with `findings` last."""
        return asdict(self) | {"findings": [one.as_dict() for one in self.findings]}


def diagnose(
    image: object,
    mask: np.ndarray | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Diagnosis:
    """Find out what a picture went through; nothing is restored, and no network is asked.

    image: path, the bytes of a file, an array (H, W, C) or a Picture. mask: (H, W) bool, True where
    there is a hole, whose width is then measured. max_pixels: larger pictures are refused. Raises
    ImageError for what cannot be read.
    """
    picture, file = read_as_stored(image, max_pixels)
    found = examine(picture, file, scaled=True)
    return found if mask is None else replace(found, hole=measure_hole(mask))


def examine(
    picture: Picture, file: JpegFile | None, *, history: bool = True, scaled: bool = False
) -> Diagnosis:
    """All that is found out about a picture, as stored; errors as of `diagnose`.

    file: its JPEG file, where it has one. history: look for an earlier compression of that too.
    scaled: look for one before it was scaled, which changes nothing that is done.
    """
    pixels = to_levels(picture)
    kind = find_kind(pixels)
    found = Diagnosis(picture.upright().size, kind)
    if file is not None:
        earlier = find_earlier_compression(file, pixels) if history else None
        found = replace(found, file=describe_file(file), history=earlier)
    elif history and kind.name not in ("flat", "pixel art"):
        found = replace(found, history=find_lost(pixels))
    steps = found.find_steps(file)
    if kind.name == "halftone" and steps is not None:
        coded = measure_coded_noise(pixels, steps.luma, steps.offset)
        # Quantisation that let one frequency of noise through and not the next leave a pattern.
        found = replace(found, kind=PHOTOGRAPH) if coded and coded.alike else found
    if found.kind.photographic:
        noise = find_noise(pixels, steps)
        found = replace(found, noise=noise, detail=find_detail(pixels))
        if scaled and found.history is None:
            found = replace(found, scaled=find_scaled(pixels, own_grid=file is not None))
    return found


def read_as_stored(image: object, max_pixels: int) -> tuple[Picture, JpegFile | None]:
    """The picture; of a JPEG file as stored, with the file's content; errors as of `diagnose`."""
    if isinstance(image, str | os.PathLike) or callable(getattr(image, "read", None)):
        image = file_bytes(image, max_pixels=max_pixels)
    if isinstance(image, bytes | bytearray | memoryview) and sniff(bytes(image)) == "JPEG":
        data = bytes(image)
        try:
            file = read_jpeg(data)
        except UnheldError:  # CMYK, which has no such planes
            return decode(data, max_pixels=max_pixels), None
        return decode(data, max_pixels=max_pixels, upright=False, scans=False), file
    return as_picture(image, max_pixels=max_pixels), None
