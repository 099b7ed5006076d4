"""Restoration: the commands `inpaint`, `jpeg`, `superres`, `denoise` and `deblur`."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Annotated

import typer

from restore.batch import Size
from restore.cli.jobs import begin
from restore.cli.options import (
    FLAG,
    EncodingOptions,
    Engine,
    Files,
    HoleOptions,
    Images,
    ModelOptions,
    Restoration,
    RunOptions,
    flatten,
)
from restore.cli.tasks import restore
from restore.errors import RequestError

_task = partial(typer.Option, rich_help_panel="Task")


@flatten
def inpaint(
    image: Images,
    mask: Annotated[
        str,
        _task(
            metavar="FILE|DIR|alpha|auto",
            show_default=False,
            help="White is restored: a file for all, a folder with one of each input's name, or "
            "alpha for the pixels that are fully transparent, or auto for the scratches and "
            "dust that are found",
        ),
    ],
    *,
    hole: HoleOptions,
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Fill holes: the white pixels of a mask.

    All other pixels stay as they are, to the last bit.
    """
    begin(image, conduct.terminal)
    from restore.tasks import Inpaint

    task = Inpaint(mask, hole.invert_mask, hole.dilate, hole.fill, hole.kinds, hole.sensitivity)
    restore(task, image, files, encoding, source, restoration, engine, conduct)


@flatten
def jpeg(
    image: Images,
    assume_quality: Annotated[
        int | None,
        _task(
            min=1,
            max=100,
            metavar="Q",
            show_default="found",
            help="Of images that are no JPEG files: the quality of the JPEG that they were",
        ),
    ] = None,
    *,
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Remove JPEG artefacts.

    The result is held to the file's own quantised coefficients: compressed
    again with the same tables it gives the same file.
    """
    begin(image, conduct.terminal)
    from restore.tasks import Jpeg

    task = Jpeg(assume_quality=assume_quality)
    restore(task, image, files, encoding, source, restoration, engine, conduct)


@flatten
def superres(
    image: Images,
    scale: Annotated[
        float | None,
        _task(metavar="S", show_default=False, help="Enlarge by this factor, any above 1"),
    ] = None,
    size: Annotated[
        str | None,
        _task(metavar="WxH", show_default=False, help="Enlarge to fit inside this size in pixels"),
    ] = None,
    stretch: Annotated[
        bool, _task("--stretch", metavar=FLAG, help="Fill all of --size, out of proportion")
    ] = False,
    *,
    sigma: Annotated[
        float | None,
        _task(
            metavar="S",
            show_default="measured",
            help="How far the image is from an exact reduction, as noise in levels of 8 bits; "
            "0 for an exact one",
        ),
    ] = None,
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Enlarge by any factor.

    Shrunk again, with Pillow's bicubic, the result is the given image; of a JPEG file compressed
    again too.
    """
    if (scale is None) == (size is None):
        raise RequestError("give either --scale or --size to enlarge to")
    if stretch and size is None:
        raise RequestError("--stretch does nothing without --size")
    if scale is not None and not (math.isfinite(scale) and scale > 1):
        raise RequestError(f"--scale {scale:g}: expected a factor above 1")
    sides = None if size is None else parse_size(size)
    begin(image, conduct.terminal)
    from restore.tasks import Superres

    task = Superres(scale, sides, sigma, stretch)
    restore(task, image, files, encoding, source, restoration, engine, conduct)


Sigma = Annotated[
    float | None,
    _task(
        metavar="S",
        show_default="estimated",
        help="The noise's standard deviation, in levels of 8 bits",
    ),
]


@flatten
def denoise(
    image: Images,
    sigma: Sigma = None,
    *,
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Remove noise.

    White noise of a known level, or of one that is estimated from each image. The network was
    trained for this; its other tasks are zero-shot.
    """
    begin(image, conduct.terminal)
    from restore.tasks import Denoise

    restore(Denoise(sigma), image, files, encoding, source, restoration, engine, conduct)


@flatten
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
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Undo a blur of known kernel.

    Blurred again, the result is the given image, up to its noise.
    """
    begin(image, conduct.terminal)
    from restore.tasks import Deblur

    restore(Deblur(kernel, sigma), image, files, encoding, source, restoration, engine, conduct)


def parse_size(size: str) -> Size:
    """Width and height of a text such as 1024x768."""
    match = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", size)
    if not match:
        raise RequestError(f"--size {size!r}: expected width and height in pixels, as in 1024x768")
    return int(match[1]), int(match[2])
