"""jpeg: remove compression artefacts; compressed again, the result is the given file."""

from __future__ import annotations

from typing import Any

import numpy as np

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Free, Jpeg
from restore.images import MAX_PIXELS, Picture, as_picture, decode, read_bytes, sniff
from restore.jpegfile import JpegFile, coefficients_kept, read_jpeg, write_jpeg
from restore.tasks.result import Result
from restore.tasks.run import DEFAULTS, Problem, Settings, decibels, solve

UNKNOWN_QUALITY = 30.0  # where the file that was compressed is not at hand
IJG_LUMA_MEAN = 57.625  # of the standard luma table (ITU-T T.81, table K.1)


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
    data = _jpeg_bytes(image)
    if data is None:
        source, file = as_picture(image, max_pixels=max_pixels), None
        warnings: tuple[str, ...] = (
            "not a JPEG file: no coefficients are known, so the result is not held to them",
        )
    else:
        source = decode(data, max_pixels=max_pixels, upright=False)
        file = read_jpeg(data)
        warnings = file.notes
    device = model.device if model else "cpu"

    def proof(stored: Picture) -> dict[str, Any]:
        found: dict[str, Any] = {
            "psnr_input_db": decibels(metrics.psnr(stored.pixels, source.pixels))
        }
        if file is None:
            return {**found, "consistency_psnr_db": None, "consistency_exact": False}
        encoded = write_jpeg(_plain(stored), file)
        again = decode(encoded, max_pixels=max_pixels, upright=False).pixels
        consistency = decibels(metrics.psnr(again, source.pixels))
        return {
            **found,
            "consistency_psnr_db": consistency,
            "consistency_exact": consistency is None,
            "coefficients_kept": round(coefficients_kept(_plain(stored), file), 6),
        }

    problem = Problem(
        task="jpeg",
        source=source,
        severity=UNKNOWN_QUALITY if file is None else quality_of(file),
        degradation=lambda preset: (
            Free() if file is None else Jpeg.from_file(file, shrink=preset.shrink or 0.5)
        ),
        y=None if file is None else Jpeg.observe(file, device=device),
        start=source.tensor,
        finish=lambda restored: restored,
        proof=proof,
        warnings=warnings,
    )
    return solve(problem, model, settings)


def quality_of(file: JpegFile) -> float:
    """The quality, 1 to 100, whose standard luma table has the mean step of the file's own."""
    percent = 100 * float(file.components[0].table.mean()) / IJG_LUMA_MEAN
    return float(np.clip(5000 / percent if percent > 100 else (200 - percent) / 2, 1, 100))


def _jpeg_bytes(image: Any) -> bytes | None:
    """The bytes of a JPEG file, or None for a picture that is none."""
    if isinstance(image, Picture) or hasattr(image, "__array_interface__"):
        return None
    data = bytes(image) if isinstance(image, bytes | bytearray) else read_bytes(image)
    return data if sniff(data) == "JPEG" else None


def _plain(picture: Picture) -> np.ndarray:
    """(H, W) for grey and (H, W, 3) for colour."""
    return picture.pixels[..., 0] if picture.grey else picture.pixels
