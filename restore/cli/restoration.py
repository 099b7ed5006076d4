"""Restoration: the commands `inpaint`, `jpeg`, `superres`, `denoise` and `deblur`."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch import Sidecar, Size
from restore.cli.options import (
    FLAG,
    Conduct,
    Encoding,
    Engine,
    Files,
    Images,
    Restoration,
    Source,
    flattened,
)
from restore.cli.tasks import ALPHA, Given, Task, restore
from restore.errors import RequestError

if TYPE_CHECKING:
    import numpy as np

    from restore.bcm import BCM
    from restore.tasks import Result, Settings

_task = partial(typer.Option, rich_help_panel="Task")


@flattened
def inpaint(
    image: Images,
    mask: Annotated[
        str,
        _task(
            metavar="FILE|DIR|alpha",
            show_default=False,
            help="White is restored: a file for all, a folder with one of each input's name, or "
            "alpha for the pixels that are fully transparent",
        ),
    ],
    invert_mask: Annotated[
        bool, _task("--invert-mask", metavar=FLAG, help="Restore what is black")
    ] = False,
    dilate: Annotated[
        int, _task(min=0, metavar="N", help="Grow the hole by so many pixels to each side")
    ] = 0,
    *,
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Fill holes: the white pixels of a mask.

    All other pixels stay as they are, to the last bit.
    """
    where = mask if mask == ALPHA else Sidecar("mask", mask)
    own = {"mask": where == ALPHA, "invert_mask": invert_mask, "dilate": dilate}
    solve = partial(_inpaint, invert_mask=invert_mask, dilate=dilate)
    task = Task("inpaint", solve, mask=where, own=own)
    restore(task, image, files, encoding, source, restoration, engine, conduct)


@flattened
def jpeg(
    image: Images,
    *,
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Remove JPEG artefacts.

    The result is held to the file's own quantised coefficients: compressed
    again with the same tables it gives the same file.
    """
    task = Task("jpeg", partial(_jpeg, max_pixels=files.max_pixels))
    restore(task, image, files, encoding, source, restoration, engine, conduct)


@flattened
def superres(
    image: Images,
    scale: Annotated[
        float | None,
        _task(metavar="S", show_default=False, help="Enlarge by this factor, any above 1"),
    ] = None,
    size: Annotated[
        str | None,
        _task(metavar="WxH", show_default=False, help="Enlarge to this size in pixels instead"),
    ] = None,
    *,
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Enlarge by any factor.

    Shrunk again, with Pillow's bicubic, the result is the given image.
    """
    if (scale is None) == (size is None):
        raise RequestError("give either --scale or --size to enlarge to")
    if scale is not None and not (math.isfinite(scale) and scale > 1):
        raise RequestError(f"--scale {scale:g}: expected a factor above 1")
    sides = None if size is None else sides_of(size)
    limit = files.max_pixels
    solve = partial(_superres, scale=scale, size=sides, max_pixels=limit)
    size_out = partial(_enlarged, scale=scale, size=sides, max_pixels=limit)
    own = {"scale": scale, "size": size}
    task = Task("superres", solve, size_out, own=own)
    restore(task, image, files, encoding, source, restoration, engine, conduct)


Sigma = Annotated[
    float | None,
    _task(
        metavar="S",
        show_default="estimated",
        help="The noise's standard deviation, in levels of 8 bits",
    ),
]


@flattened
def denoise(
    image: Images,
    sigma: Sigma = None,
    *,
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Remove noise.

    White noise of a known level, or of one that is estimated from each image.
    """
    from restore.degradations.noise import check_sigma

    check_sigma(sigma)
    solve = partial(_denoise, sigma=sigma, max_pixels=files.max_pixels)
    task = Task("denoise", solve, own={"sigma": sigma})
    restore(task, image, files, encoding, source, restoration, engine, conduct)


@flattened
def deblur(
    image: Images,
    kernel: Annotated[
        str,
        _task(
            metavar="KERNEL",
            show_default=False,
            help="What a point became: gaussian:S, box:N, disk:R, motion:LENGTH,ANGLE (pixels; "
            "degrees from the right, counter-clockwise), an image, or a .npy file",
        ),
    ],
    sigma: Sigma = None,
    *,
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Undo a blur of known kernel.

    Blurred again, the result is the given image, up to its noise.
    """
    from restore.degradations.kernels import make_kernel
    from restore.degradations.noise import check_sigma

    check_sigma(sigma)
    samples = make_kernel(kernel)
    solve = partial(_deblur, kernel=samples, sigma=sigma, max_pixels=files.max_pixels)
    task = Task("deblur", solve, own={"kernel": samples.tolist(), "sigma": sigma})
    restore(task, image, files, encoding, source, restoration, engine, conduct)


# What each task does with an image: functions of this module, so that another process finds them.


def _inpaint(
    given: Given, model: BCM | None, settings: Settings, *, invert_mask: bool, dilate: int
) -> Result:
    from restore.tasks import inpaint

    return inpaint(given.image, given.mask, model, settings, invert_mask=invert_mask, dilate=dilate)


def _jpeg(given: Given, model: BCM | None, settings: Settings, *, max_pixels: int) -> Result:
    from restore.tasks import jpeg

    return jpeg(given.image, model, settings, max_pixels=max_pixels)


def _superres(
    given: Given,
    model: BCM | None,
    settings: Settings,
    *,
    scale: float | None,
    size: Size | None,
    max_pixels: int,
) -> Result:
    from restore.tasks import superres

    return superres(given.image, scale, model, settings, size=size, max_pixels=max_pixels)


def _enlarged(given: Size, *, scale: float | None, size: Size | None, max_pixels: int) -> Size:
    from restore.tasks.superres import enlarged

    return enlarged(given, scale, size, max_pixels)


def _denoise(
    given: Given, model: BCM | None, settings: Settings, *, sigma: float | None, max_pixels: int
) -> Result:
    from restore.tasks import denoise

    return denoise(given.image, model, settings, sigma=sigma, max_pixels=max_pixels)


def _deblur(
    given: Given,
    model: BCM | None,
    settings: Settings,
    *,
    kernel: np.ndarray,
    sigma: float | None,
    max_pixels: int,
) -> Result:
    from restore.tasks import deblur

    return deblur(given.image, kernel, model, settings, sigma=sigma, max_pixels=max_pixels)


def sides_of(size: str) -> Size:
    """Width and height of a text such as 1024x768."""
    match = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", size)
    if not match:
        raise RequestError(f"--size {size!r}: expected width and height in pixels, as in 1024x768")
    return int(match[1]), int(match[2])
