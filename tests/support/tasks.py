"""What the tests of tasks share: settings, and degraded pictures of several kinds."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import restore
from restore.defaults import DEFAULT_NFE
from restore.images import as_picture
from restore.tasks import (
    Settings,
    draw_mask,
)

TASKS = tuple(DEFAULT_NFE)
MODES = ("fidelity", "perceptual")
RECORD = [
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode", "nfe",
    "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics", "warnings",
    "error",
]  # fmt: skip
ALWAYS = {"psnr_input_db", "consistency_psnr_db", "consistency_exact"}
OWN = {
    "inpaint": {"known_max_error", "hole_share", "hole_width"},
    "jpeg": {"coefficients_kept", "coefficients_counted", "quality"},
    "superres": set(),
    "denoise": {"sigma", "residual_sigma"},
    "deblur": {"sigma", "residual_sigma"},
}
ONE = Settings(nfe=1)
LOADED = {"device": "cpu", "dtype": "fp32"}

Run = Callable[..., restore.Result]


def scratched(pixels: np.ndarray) -> np.ndarray:
    """A hole (H, W) bool."""
    height, width = pixels.shape[:2]
    return draw_mask((width, height), "scratches", 1).pixels[..., 0] > 127


def samples(pixels: np.ndarray, channels: int, dtype: type) -> np.ndarray:
    """The picture with so many channels, of alpha more than half, in uint8 or uint16."""
    alpha = 128 + pixels[..., 1:2] // 2
    colours = pixels if channels > 2 else pixels[..., :1]
    found = np.dstack([colours, alpha])[..., :channels]
    if dtype is np.uint8:
        return found
    return found.astype(np.uint16) * 257 - (found > 0) * np.arange(channels, dtype=np.uint16)


def jpeg_bytes(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    quality = {} if "qtables" in options else {"quality": 20}
    Image.fromarray(pixels).save(stream, "JPEG", **(quality | options))
    return stream.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def resized(pixels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The picture (H, W, 3) of another (width, height), by Pillow's bicubic, rounded once."""
    planes = [Image.fromarray(plane) for plane in pixels.astype(np.float32).transpose(2, 0, 1)]
    found = [plane.resize(size, Image.Resampling.BICUBIC) for plane in planes]
    return np.rint(np.stack(found, axis=2).clip(0, 255)).astype(np.uint8)


def again(result: restore.Result, folder: Path) -> np.ndarray:
    """The result's pixels, alpha last, once written as PNG and read."""
    result.save(folder / "again.png")
    picture = as_picture(folder / "again.png")
    return restore.Result(picture, {}).image
