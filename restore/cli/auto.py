"""Auto: the command `auto`, which finds out what is wrong and restores it."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

import typer

from restore.cli.jobs import begin
from restore.cli.mask import split_kinds
from restore.cli.options import (
    FLAG,
    EncodingOptions,
    Engine,
    Files,
    Images,
    Restoration,
    RunOptions,
    Source,
    flatten,
)
from restore.cli.tasks import restore
from restore.defaults import FOUND, SENSITIVITY, Fill
from restore.errors import RequestError

_task = partial(typer.Option, rich_help_panel="Task")


@flatten
def auto(
    image: Images,
    scale: Annotated[
        float | None,
        _task(metavar="S", show_default=False, help="Enlarge by this factor too, any above 1"),
    ] = None,
    mask: Annotated[
        str | None,
        _task(
            metavar="FILE|DIR|alpha|auto",
            show_default=False,
            help="Fill a hole too, white in a file for all, in a folder with one of each input's "
            "name, or the transparent pixels; auto finds scratches and dust",
        ),
    ] = None,
    invert_mask: Annotated[
        bool, _task("--invert-mask", metavar=FLAG, help="Fill what is black")
    ] = False,
    dilate: Annotated[
        int, _task(min=0, metavar="N", help="Grow the hole by so many pixels to each side")
    ] = 0,
    fill: Annotated[Fill, _task(help="How a hole is begun, as for inpaint")] = "auto",
    find: Annotated[
        str, _task(metavar="KINDS", help="What --mask auto looks for: of scratches,dust,stamps")
    ] = ",".join(FOUND),
    sensitivity: Annotated[
        float,
        _task(min=0, max=1, metavar="0..1", help="Of --mask auto: 0 what is certain, 1 all"),
    ] = SENSITIVITY,
    *,
    files: Files,
    encoding: EncodingOptions,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Find out what is wrong with pictures, say it, and restore all of it.

    Compression and noise are found; an enlargement and holes are asked for. What is sound, and what
    is no photograph, comes back as it is. `bcm-restore photo.jpg` does the same.
    """
    if scale is not None and not (math.isfinite(scale) and scale > 1):
        raise RequestError(f"--scale {scale:g}: expected a factor above 1")
    if restoration.start is not None:
        raise RequestError("auto begins by what it finds: give --start to one of the tasks")
    begin(image, conduct.terminal)
    from restore.tasks import Auto

    task = Auto(scale, mask, invert_mask, dilate, fill, split_kinds(find), sensitivity)
    restore(task, image, files, encoding, source, restoration, engine, conduct)
