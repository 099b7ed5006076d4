"""Diagnosis: the command `diagnose`, which says what is wrong with pictures."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch import STDIN
from restore.batch.inputs import Choice, Input, Sidecar, find
from restore.cli.exits import code_of, describe_error
from restore.cli.jobs import read_list
from restore.cli.options import Images, Inputs, Json, Quiet, Verbose, flatten
from restore.cli.terminal import Terminal, emit, escape, read_stdin
from restore.errors import RestoreError
from restore.record import Record

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
            codes.add(code_of(error))
            said = str(error) if isinstance(error, RestoreError) else describe_error(error)
            cause = {"type": type(error).__name__, "message": said, "stage": "reading"}
            terminal.fail(f"{input.path}: {said}", error)
            failed = Record("diagnose", "failed", input.path, error=cause)  # type: ignore[arg-type]
            terminal.record(failed.as_dict())
            continue
        if json:
            terminal.record(_make_record(input, one, time.perf_counter() - began).as_dict())
        else:
            for line in describe(one, input.path, several=len(found.inputs) > 1):
                emit(escape(line))
    if codes:
        alike = len(codes) == 1 and len(found.inputs) == 1
        raise typer.Exit(codes.pop() if alike else 3)


def describe(found: Diagnosis, path: str, *, several: bool = False) -> Sequence[str]:
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
