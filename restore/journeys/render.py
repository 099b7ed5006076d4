"""render: an image function drawn at a size."""

from __future__ import annotations

import time

import numpy as np

from restore.errors import RequestError
from restore.functions import Box, ImageFunction, check_box
from restore.images import Picture
from restore.images.transfer import fetch_pixels
from restore.record import Record
from restore.result import Result


def render(
    function: ImageFunction, size: tuple[int, int], box: Box | None, max_pixels: int
) -> Result:
    """A picture of a function drawn at `size`, or of the `box` of that.

    RequestError for no pixels, more than `max_pixels`, and a box outside.
    """
    began = time.perf_counter()
    picture = draw_pixels(function, size, box, max_pixels)
    record = Record(
        task="render",
        model=function.model or None,
        model_sha256=function.model_sha256 or None,
        method="draw",
        device=str(function.x.device),
        dtype="fp32",
        size_in=function.size,
        size_out=picture.size,
        seconds=round(time.perf_counter() - began, 3),
        more={"function": function.report, "box": None if box is None else list(box)},
    )
    return Result(picture, record)


def draw_pixels(
    function: ImageFunction, size: tuple[int, int], box: Box | None, max_pixels: int
) -> Picture:
    """The pixels of 8 bits; errors as of `render`."""
    _, _, width, height = check_drawing(size, box, max_pixels)
    x = function.render(size[1], size[0], box)
    return fetch_pixels(Picture(np.broadcast_to(np.uint8(0), (height, width, 3))), x)


def check_drawing(size: tuple[int, int], box: Box | None, max_pixels: int) -> Box:
    """What is drawn of `size`, as (left, top, width, height); errors as of `render`."""
    found = check_box(size, box)
    if found[2] * found[3] > max_pixels:
        raise RequestError(
            f"{found[2]}×{found[3]} pixels are more than the {max_pixels} allowed; see --max-pixels"
        )
    return found
