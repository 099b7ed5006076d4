"""superres: enlarge by any factor; shrunk again, the result is the given picture."""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Resize
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.tasks.result import Result
from restore.tasks.run import DEFAULTS, Problem, Settings, decibels, solve


def superres(
    image: Any,
    scale: float | None = None,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    size: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Enlarge `image` by `scale` (a real factor above 1) or to `size` (width, height).

    The problem is y = A x with A Pillow's antialiased bicubic reduction. image: path, bytes, PIL
    image, array or Picture. Raises ImageError for what cannot be read and RequestError for a size
    that is not larger, or above `max_pixels`.
    """
    source = as_picture(image)
    width, height = enlarged(source.size, scale, size, max_pixels)
    resize = Resize((height, width), source.pixels.shape[:2])
    y = source.tensor()
    if model is not None:
        y = y.to(model.device)

    def start() -> Tensor:
        x = F.interpolate(y, (height, width), mode="bicubic", align_corners=False)
        return resize.project(x, y, out=x)

    def proof(stored: Picture) -> dict[str, Any]:
        small = source.with_tensor(resize(stored.tensor()))
        a, b = small.pixels, source.pixels
        consistency = decibels(metrics.psnr(a, b))
        large = source.with_tensor(F.interpolate(y, (height, width), mode="bicubic"))
        return {
            "psnr_input_db": decibels(metrics.psnr(stored.pixels, large.pixels)),
            "consistency_psnr_db": consistency,
            "consistency_exact": consistency is None,
        }

    problem = Problem(
        task="superres",
        source=source,
        severity=math.sqrt(width * height / (source.size[0] * source.size[1])),
        degradation=lambda preset: resize,
        y=y,
        start=start,
        finish=lambda restored: restored,
        proof=proof,
    )
    return solve(problem, model, settings)


def enlarged(
    given: tuple[int, int], scale: float | None, size: tuple[int, int] | None, max_pixels: int
) -> tuple[int, int]:
    """(width, height) of the result; RequestError where it cannot be."""
    if (scale is None) == (size is None):
        raise RequestError("give either a scale or a size to enlarge to")
    if scale is not None:
        if not math.isfinite(scale) or scale <= 1:
            raise RequestError(f"scale is {scale:g}, expected a factor above 1")
        size = (round(given[0] * scale), round(given[1] * scale))
    assert size is not None
    if size[0] < given[0] or size[1] < given[1] or size == given:
        raise RequestError(
            f"{size[0]}×{size[1]} is not larger than the given {given[0]}×{given[1]} pixels"
        )
    if size[0] * size[1] > max_pixels:
        raise RequestError(
            f"{size[0]}×{size[1]} pixels are over the limit of {max_pixels / 1e6:.0f} megapixels: "
            "ask for less, or raise --max-pixels"
        )
    return size
