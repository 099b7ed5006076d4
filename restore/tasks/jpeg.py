"""jpeg: remove compression artefacts; compressed again, the result is the given file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Free, Jpeg
from restore.images import MAX_PIXELS, Picture, as_picture, decode, read_bytes, sniff
from restore.images.comparison import match_kinds
from restore.jpegfile import JpegFile, coefficients_kept, read_jpeg, write_jpeg
from restore.record import round_decibels
from restore.settings import DEFAULTS, Settings
from restore.tasks.result import Result
from restore.tasks.run import Problem, solve

UNKNOWN_QUALITY = 30.0  # where the file that was compressed is not at hand
LUMA = np.array(  # the standard table (ITU-T T.81, table K.1)
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
WRITTEN: tuple[list[tuple[int, int]], ...]  # samplings of chroma that our encoder knows
WRITTEN = ([], [(1, 1)] * 2, [(1, 2)] * 2, [(2, 2)] * 2)


def jpeg(
    image: Any,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Remove JPEG artefacts: the problem y = the quantised coefficients of the file itself.

    image: a path or the bytes of a JPEG file. Any other picture (path, bytes, PIL image, array,
    Picture) is restored too, but nothing is known of its tables, so nothing holds the result, and
    the record says so. Raises ImageError for what cannot be read or has over `max_pixels`.
    """
    source, file = opened(image, max_pixels)
    warnings: tuple[str, ...] = (
        "not the path or the bytes of a JPEG file: no coefficients are known, so the result is not "
        "held to them",
    )

    def proof(stored: Picture) -> dict[str, Any]:
        psnr = round_decibels(metrics.psnr(stored.pixels, source.pixels))
        return {"psnr_input_db": psnr, **consistency(stored, source, file)}

    problem = Problem(
        task="jpeg",
        image=image,
        source=source,
        size=source.size,
        severity=UNKNOWN_QUALITY if file is None else quality_of(file),
        degradation=lambda preset: (
            Free() if file is None else Jpeg.from_file(file, shrink=preset.shrink or 0.5)
        ),
        observe=lambda device: None if file is None else Jpeg.observe(file, device),
        start=lambda y: source,
        finish=lambda restored: restored,
        proof=proof,
        warnings=warnings if file is None else file.notes,
    )
    return solve(problem, model, settings)


def opened(image: Any, max_pixels: int) -> tuple[Picture, JpegFile | None]:
    """The picture; where it is a JPEG file as stored, not upright, and with the file's content."""
    if isinstance(image, str | os.PathLike):
        data = read_bytes(image)
    elif isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
    else:
        return as_picture(image, max_pixels=max_pixels), None
    if sniff(data) != "JPEG":
        return decode(data, max_pixels=max_pixels), None
    return decode(data, max_pixels=max_pixels, upright=False, scans=False), read_jpeg(data)


def quality_of(file: JpegFile) -> float:
    """The quality, 1 to 100, whose standard luma table has the mean step of the file's own."""
    quality = np.arange(100, 0, -1)[:, None]
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = ((LUMA.ravel() * percent + 50) // 100).clip(1, 255)  # as the IJG's encoder has them
    return float(np.interp(file.components[0].table.mean(), tables.mean(axis=1), quality[:, 0]))


def consistency(stored: Picture, source: Picture, file: JpegFile | None) -> dict[str, Any]:
    """How near a picture, compressed as `file` was, comes to it; `source` is what it shows.

    All are as stored, not upright. Compressed again by an encoder, not by our own formulas, unless
    its samplings are such as the encoder does not write.
    """
    if file is None or not any(part.known.any() for part in file.components):
        return {"consistency_psnr_db": None, "consistency_exact": False}
    picture = stored.at_depth(8)
    luma, *chroma = (part.sampling for part in file.components)
    if luma == (1, 1) and chroma in WRITTEN:
        pixels = picture.pixels[..., 0] if picture.grey else picture.pixels
        data = write_jpeg(pixels, file)
        again = decode(data, max_pixels=pixels.size, upright=False)
        kept = coefficients_kept(pixels, file)
    else:
        compress = Jpeg.from_file(file, margin=0)
        y, k = Jpeg.observe(file), compress(picture.tensor())
        equal = [
            (a == b)[0].numpy()[part.known]
            for a, b, part in zip(k, y, file.components, strict=True)
        ]
        kept = sum(int(e.sum()) for e in equal) / sum(e.size for e in equal)
        again, source = (picture.with_tensor(compress.pinv(some)) for some in (k, y))
    found = round_decibels(metrics.psnr(*match_kinds(again, source)))
    return {
        "consistency_psnr_db": found,
        "consistency_exact": found is None,
        "coefficients_kept": round(kept, 6),
    }
