"""Mask: the command `mask`, which writes an editor in which a mask is painted by hand."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated

import typer

from restore.cli.options import FLAG, Existing, MaxPixels, Quiet, Verbose, Yes, choose_policy
from restore.cli.options.files import WhereExists
from restore.cli.terminal import Terminal, emit
from restore.cli.views import open_in_browser
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError

_edited = partial(typer.Option, rich_help_panel="Editor")


def mask(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", show_default=False, help="The picture to restore")
    ],
    edit: Annotated[
        bool, _edited("--edit", metavar=FLAG, help="Paint the mask by hand, in a browser")
    ] = False,
    start: Annotated[
        str | None,
        _edited("--mask", metavar="FILE", help="A mask to begin with, white where to restore"),
    ] = None,
    output: Annotated[
        str | None,
        _edited(
            "--output",
            "-o",
            metavar="FILE.html",
            show_default="beside the picture, NAME_mask.html",
            help="Where the editor goes: one file that needs nothing else",
        ),
    ] = None,
    open_it: Annotated[
        bool, _edited("--open/--no-open", help="Open the editor where there is a screen")
    ] = True,
    existing: WhereExists = "error",
    yes: Yes = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write an editor in which a mask for `inpaint` is painted by hand, and open it.

    It works offline with mouse, pen, fingers or keys, and saves NAME_mask.png: as large as the
    picture, white where to restore.
    """
    if not edit:
        raise RequestError("mask: give --edit to paint a mask by hand")
    path = output or f"{os.path.splitext(image)[0]}_mask.html"
    if not path.lower().endswith((".html", ".htm")):
        raise RequestError(f"-o {path!r}: expected a file that ends in .html")
    policy: Existing = choose_policy(existing, yes)
    if os.path.lexists(path) and policy == "error":
        raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y)")

    from restore.files import write_atomically
    from restore.images import as_picture
    from restore.reports import editor_page
    from restore.tasks.masks import hole_of

    if policy != "skip" or not os.path.exists(path):
        picture = as_picture(image, max_pixels=max_pixels).upright()
        hole = None if start is None else hole_of(start, picture)[0]
        write_atomically(path, editor_page(picture, hole, name=image).encode())
    emit(path)
    if not (open_it and open_in_browser(path)):
        Terminal(quiet, verbose).say(f"open {path} in a browser to paint the mask")
