"""Inspection: `diagnose` says what is wrong with pictures, `mask` finds or paints holes."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch.inputs import STDIN, Choice, Input, Sidecar, find
from restore.cli.commands import FLAG, flatten
from restore.cli.exits import choose_exit_code, describe_error
from restore.cli.jobs import begin_command, read_list
from restore.cli.options.file_options import (
    Existing,
    Images,
    Inputs,
    MaxPixels,
    WhereExists,
    Yes,
    choose_policy,
)
from restore.cli.options.restoration_options import split_kinds
from restore.cli.options.run_options import Json, Quiet, Verbose
from restore.cli.terminal import Terminal, emit, read_stdin
from restore.cli.views import open_in_browser
from restore.defaults import FOUND, MAX_PIXELS, SENSITIVITY, Find
from restore.errors import RequestError, RestoreError
from restore.record import Record, spell_out

if TYPE_CHECKING:
    from restore.diagnosis import Diagnosis


@flatten
def diagnose(
    image: Images,
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIR|alpha|auto",
            help="A hole, white where to restore, whose width is measured: a file for all, a "
            "folder with one of each input's name, the transparent pixels, or the scratches and "
            "dust that are found",
        ),
    ] = None,
    *,
    inputs: Inputs,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what is wrong with pictures, and what to do about it; nothing is written.

    Finds compression (also of a PNG that was a JPEG), noise, sharpening and blur, and what is no
    photograph. Each finding is a line, with the command that mends it; with --json a record has the
    figures too. `auto` mends all that is found.
    """
    terminal = Terminal(quiet, verbose, json)
    aside = None if mask in (None, "alpha", "auto") else Sidecar("mask", str(mask))
    listed = read_list(inputs, image)
    choice = Choice(inputs.include, inputs.exclude)
    sides = [aside.path] if aside else []
    found = find(image, listed, inputs.recursive, sides, choice)
    codes: set[int] = set()
    for input in found.inputs:
        path = mask if aside is None else None
        began = time.perf_counter()
        try:
            path = path if aside is None else aside.find(input)
            one = _examine(input, path, inputs.max_pixels)
        except Exception as error:
            codes.add(choose_exit_code(error))
            said = str(error) if isinstance(error, RestoreError) else describe_error(error)
            cause = {"type": type(error).__name__, "message": said, "stage": "reading"}
            terminal.fail(f"{input.path}: {said}", error)
            failed = Record("diagnose", "failed", input.path, error=cause)  # type: ignore[arg-type]
            terminal.record(failed.as_dict())
            continue
        if json:
            terminal.record(_make_record(input, one, time.perf_counter() - began).as_dict())
        else:
            for line in describe_diagnosis(one, input.path, several=len(found.inputs) > 1):
                emit(spell_out(line))
    if codes:
        alike = len(codes) == 1 and len(found.inputs) == 1
        raise typer.Exit(codes.pop() if alike else 3)


def describe_diagnosis(found: Diagnosis, path: str, *, several: bool = False) -> Sequence[str]:
    """A diagnosis in lines, what to type below what is found; the picture's name where several."""
    name, indent = shlex.quote(path), "  " if several else ""
    lines = [path] if several else []
    for one in found.findings:
        advice = f" {one.advice}" if one.advice else ""
        lines.append(f"{indent}{one.sentence}{advice}")
        if one.command:
            lines.append(f"{indent}    bcm-restore {one.command.format(name)}")
    return lines


def _examine(input: Input, mask: str | None, max_pixels: int) -> Diagnosis:
    import restore

    given = read_stdin(max_pixels) if input.path == STDIN else input.path
    return restore.diagnose(given, mask, max_pixels=max_pixels)


def _make_record(input: Input, found: Diagnosis, seconds: float) -> Record:
    return Record(
        task="diagnose",
        input=input.path,
        size_in=found.size,
        seconds=round(seconds, 3),
        more={
            "sound": found.sound and found.hole is None,
            "findings": [one.as_dict() for one in found.findings],
        },
    )


_found = partial(typer.Option, rich_help_panel="Find")
_edited = partial(typer.Option, rich_help_panel="Editor")


def mask(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", show_default=False, help="The picture to restore")
    ],
    edit: Annotated[
        bool, _edited("--edit", metavar=FLAG, help="Paint the mask by hand, in a browser")
    ] = False,
    find: Annotated[
        str, _found(metavar="KINDS", help="What is sought: of scratches,dust,stamps")
    ] = ",".join(FOUND),
    sensitivity: Annotated[
        float, _found(min=0, max=1, metavar="0..1", help="0: what is certain, 1: all that may be")
    ] = SENSITIVITY,
    overlay: Annotated[
        str | None,
        _found(metavar="FILE", show_default=False, help="The picture with the mask in colour"),
    ] = None,
    start: Annotated[
        str | None,
        _edited("--mask", metavar="FILE", help="A mask to begin with, white where to restore"),
    ] = None,
    output: Annotated[
        str | None,
        _edited(
            "--output",
            "-o",
            metavar="FILE",
            show_default="beside the picture, NAME_mask.png, with --edit .html",
            help="Where the mask goes; with --edit the editor, one file that needs nothing else",
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
    """Find scratches and dust, and write them as a mask for `inpaint`, white where to restore.

    With --edit, write an editor in which a mask is painted by hand, and open it. It works offline
    with mouse, pen, fingers or keys, and saves NAME_mask.png, as large as the picture.
    """
    begin_command([image, *([] if start is None else [start])], Terminal(quiet, verbose))
    if not edit:
        _find(
            image,
            output,
            split_kinds(find),
            sensitivity,
            overlay,
            choose_policy(existing, yes),
            max_pixels,
        )
        return
    path = output or f"{os.path.splitext(image)[0]}_mask.html"
    if not path.lower().endswith((".html", ".htm")):
        raise RequestError(f"-o {path!r}: expected a file that ends in .html")
    policy: Existing = choose_policy(existing, yes)
    if os.path.lexists(path) and policy == "error":
        raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y)")

    from restore.files import write_atomically
    from restore.images import as_picture
    from restore.reports import render_editor
    from restore.tasks.masks import hole_of

    if policy != "skip" or not os.path.exists(path):
        picture = as_picture(image, max_pixels=max_pixels).upright()
        hole = None if start is None else hole_of(start, picture)[0]
        write_atomically(path, render_editor(picture, hole, name=image).encode())
    emit(path)
    if not (open_it and open_in_browser(path)):
        Terminal(quiet, verbose).say(f"open {path} in a browser to paint the mask")


def _find(
    image: str,
    output: str | None,
    kinds: tuple[Find, ...],
    sensitivity: float,
    overlay: str | None,
    policy: Existing,
    max_pixels: int,
) -> None:
    """Find defects; write their mask and, where a path is given, the picture with them."""
    path = output or f"{os.path.splitext(image)[0]}_mask.png"
    if policy == "skip" and os.path.exists(path):
        return
    for one in (path, overlay):
        if one and os.path.lexists(one) and policy == "error":
            raise RequestError(f"{one!r} exists: --existing skip or overwrite (-y)")

    from restore.defects import find_defects
    from restore.files import write_atomically
    from restore.images import as_picture, encode, format_of

    form = format_of(path)
    picture = as_picture(image, max_pixels=max_pixels).upright()
    found = find_defects(picture, kinds, sensitivity)
    write_atomically(path, encode(found.as_picture(), form))
    if overlay:
        write_atomically(overlay, encode(found.overlay(picture), format_of(overlay)))
    counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items())
    emit(
        f"{path}: {counts}; {found.share:.2%} of the pixels"
        if found.share
        else f"{path}: nothing found"
    )
