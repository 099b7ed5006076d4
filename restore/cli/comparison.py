"""Comparison: the command `compare`, which measures one image against another."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from restore.batch import STDIN
from restore.batch.inputs import check_named
from restore.cli.options import Json, MaxPixels, Verbose
from restore.cli.terminal import emit, format_json, read_stdin
from restore.defaults import MAX_PIXELS

NAMES = {
    "psnr_db": ("PSNR", "dB", "{:.2f}"),
    "ssim": ("SSIM", "", "{:.4f}"),
    "max_error": ("largest error", "", "{}"),
    "psnr_input_db": ("PSNR to the degraded", "dB", "{:.2f}"),
    "consistency_psnr_db": ("consistency", "dB", "{:.2f}"),
    "coefficients_kept": ("coefficients kept", "", "{:.4%}"),
}
ABSENT = {"ssim": "too small"}  # what null means, where it is not "exact"


def compare(
    output: Annotated[
        str, typer.Argument(metavar="OUTPUT", show_default=False, help="A restored image, or -")
    ],
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", show_default=False, help="The clean image")
    ],
    degraded: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="What OUTPUT was restored from: tells how consistent the two are",
        ),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Measure an image against the clean one: PSNR, SSIM, largest error."""
    check_named(output, reference, *([degraded] if degraded else []))
    from restore.tasks import compare

    given = read_stdin(max_pixels) if output == STDIN else output
    found = compare(given, reference, degraded, max_pixels=max_pixels)
    if json:
        record = {"schema": 1, "task": "compare", "output": output, "reference": reference}
        emit(format_json({**record, "degraded": degraded, "metrics": found}))
    elif sys.stdout.isatty():
        _show(found)
    else:
        for name, value in found.items():
            emit(f"{name} {_worded(name, value, '{}')}")


def _show(found: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in found.items():
        title, unit, form = NAMES[name]
        words = _worded(name, value, form)
        table.add_row(title, f"{words} {unit}".strip() if value is not None else words)
    Console().print(table)


def _worded(name: str, value: Any, form: str) -> str:
    return ABSENT.get(name, "exact") if value is None else form.format(value)
