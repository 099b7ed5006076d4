"""Auto: the command `auto`, which finds out what is wrong and restores it."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

import typer

from restore.cli.jobs import begin
from restore.cli.options import (
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
    *,
    hole: HoleOptions,
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
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

    task = Auto(scale, mask, hole.invert_mask, hole.dilate, hole.fill, hole.kinds, hole.sensitivity)
    restore(task, image, files, encoding, source, restoration, engine, conduct)
