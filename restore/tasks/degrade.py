"""degrade: make the degraded input of a task from a clean picture, to try things out."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from PIL import Image

from restore.degradations import Resize
from restore.degradations.kernels import make_kernel
from restore.errors import RequestError
from restore.images import Picture, as_picture, check_encodable
from restore.tasks.masks import hole_of

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def compressed(image: Any, quality: int = 10, sampling: str = "4:2:0") -> bytes:
    """The bytes of a JPEG file of the picture; quality 1 to 100 on the IJG's scale."""
    if not 1 <= quality <= 100:
        raise RequestError(f"quality is {quality}, expected 1 to 100")
    if sampling not in SAMPLINGS:
        raise RequestError(f"sampling is {sampling!r}, expected one of {', '.join(SAMPLINGS)}")
    picture = as_picture(image).at_depth(8)
    check_encodable(picture.size, "JPEG", alpha=False)
    pixels = picture.pixels
    stream = io.BytesIO()
    plain = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    plain.save(stream, "JPEG", quality=quality, subsampling=sampling)
    return stream.getvalue()


def reduced(image: Any, scale: float) -> Picture:
    """The picture shrunk by a real factor above 1 with Pillow's antialiased bicubic."""
    if not math.isfinite(scale) or scale <= 1:
        raise RequestError(f"scale is {scale:g}, expected a factor above 1")
    picture = as_picture(image)
    width, height = (max(1, round(side / scale)) for side in picture.size)
    return picture.with_tensor(Resize(picture.pixels.shape[:2], (height, width))(picture.tensor()))


def blurred(image: Any, kernel: Any) -> Picture:
    """The picture convolved with a kernel (see `kernels.make_kernel`), its edges mirrored."""
    picture, k = as_picture(image), make_kernel(kernel)
    middle = (k.shape[1] - 1 - k.shape[1] // 2, k.shape[0] - 1 - k.shape[0] // 2)
    pixels = cv2.filter2D(
        picture.pixels.astype(np.float32),
        -1,
        np.ascontiguousarray(k[::-1, ::-1]),  # OpenCV correlates
        anchor=middle,
        borderType=cv2.BORDER_REFLECT,
    ).reshape(picture.pixels.shape)
    most = np.iinfo(picture.pixels.dtype).max
    return replace(picture, pixels=np.rint(pixels.clip(0, most)).astype(picture.pixels.dtype))


def holed(image: Any, mask: Any) -> Picture:
    """The picture with mid-grey where the mask is white."""
    picture = as_picture(image)
    hole, _ = hole_of(mask, picture)
    pixels = picture.pixels.copy()
    pixels[hole] = np.iinfo(pixels.dtype).max // 2
    return replace(picture, pixels=pixels)


def random_mask(size: tuple[int, int], kind: str, seed: int = 0) -> Picture:
    """A mask (width, height) of a kind: "half" (of the pixels), "scratches", or "block".

    Scratches are twelve random lines, 3 pixels wide at 256 pixels and in proportion above; the
    block is the central quarter of each side.
    """
    width, height = size
    if min(size) < 1:
        raise RequestError(f"a mask of {width}×{height} pixels: expected at least one a side")
    if seed < 0:
        raise RequestError(f"seed is {seed}, expected 0 or more")
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    if kind == "half":
        mask[random.random((height, width)) < 0.5] = 255
    elif kind == "scratches":
        thick = max(3, round(3 * min(size) / 256))
        for _ in range(12):
            (x0, x1), (y0, y1) = random.integers(0, width, 2), random.integers(0, height, 2)
            cv2.line(mask, (int(x0), int(y0)), (int(x1), int(y1)), 255, thick)
    elif kind == "block":
        mask[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = 255
    else:
        raise RequestError(f"no mask is called {kind!r}: expected half, scratches or block")
    return Picture(mask[..., None])
