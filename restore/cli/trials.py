"""Trials: `degrade` makes the input of a task from a clean image, `compare` measures a result."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import typer

from restore.batch.inputs import STDIN, Sidecar, check_named, normalise_path
from restore.batch.plan import Job, Plan, Size
from restore.batch.run import Work, prepare_folders, resume
from restore.cli.commands import flatten
from restore.cli.jobs import plan_run
from restore.cli.options.file_options import Files, Images, MaxPixels
from restore.cli.options.run_options import Json, RunOptions, Verbose
from restore.cli.run import choose_manifest, run_here, say_again
from restore.cli.terminal import emit, read_stdin
from restore.cli.views import make_views
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.jsonlines import to_json
from restore.record import Metrics

TaskName = Literal["inpaint", "jpeg", "superres", "denoise", "deblur"]

_hole = partial(typer.Option, rich_help_panel="Holes (inpaint)", show_default=False)
_jpeg = partial(typer.Option, rich_help_panel="Compression (jpeg)")
_noise = partial(typer.Option, rich_help_panel="Noise and blur (denoise, deblur)")
_small = partial(typer.Option, rich_help_panel="Reduction (superres)", show_default=False)

OWN = {
    "inpaint": ("mask", "missing", "seed", "mask-out"),
    "jpeg": ("quality", "sampling"),
    "superres": ("scale",),
    "denoise": ("sigma", "seed"),
    "deblur": ("kernel", "sigma", "seed"),
}


@flatten
def degrade(
    task: Annotated[
        TaskName,
        typer.Argument(show_default=False, help="Whose input is to be made", metavar="TASK"),
    ],
    image: Images,
    mask: Annotated[
        str | None, _hole(metavar="FILE|DIR", help="White becomes grey: a file for all, or by name")
    ] = None,
    missing: Annotated[
        Literal["half", "scratches", "block"] | None,
        _hole(help="Without a mask: half of the pixels, scratches, or the block in the middle"),
    ] = None,
    seed: Annotated[
        int | None, _hole(metavar="N", show_default="0", help="Of half, scratches and noise")
    ] = None,
    mask_out: Annotated[
        str | None,
        _hole(metavar="FILE|DIR", help="Write the mask of --missing there, a folder for several"),
    ] = None,
    quality: Annotated[
        int | None,
        _jpeg(min=1, max=100, metavar="N", show_default="10", help="On the IJG's scale, 1 to 100"),
    ] = None,
    sampling: Annotated[
        Literal["4:4:4", "4:2:2", "4:2:0"] | None,
        _jpeg(show_default="4:2:0", help="Of the chroma"),
    ] = None,
    scale: Annotated[
        float | None, _small(metavar="S", help="Shrink by this factor, above 1")
    ] = None,
    sigma: Annotated[
        float | None,
        _noise(
            metavar="S",
            show_default="25 for denoise, none for deblur",
            help="Add white noise of this standard deviation, in levels of 8 bits",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        _noise(
            metavar="KERNEL",
            show_default=False,
            help="Blur: gaussian:S, box:N, disk:R, motion:LENGTH,ANGLE, an image or a .npy file",
        ),
    ] = None,
    *,
    files: Files,
    run: RunOptions,
) -> None:
    """Make the degraded input of a task from a clean image, to try things out.

    inpaint greys a hole out, jpeg compresses (the output is the JPEG file),
    superres shrinks with Pillow's bicubic, denoise adds noise, deblur blurs
    (edges mirrored), then adds noise if --sigma says so.
    """
    given = {
        "mask": mask,
        "missing": missing,
        "seed": seed,
        "mask-out": mask_out,
        "quality": quality,
        "sampling": sampling,
        "scale": scale,
        "sigma": sigma,
        "kernel": kernel,
    }
    for name, value in given.items():
        if value is not None and name not in OWN[task]:
            own = ", ".join(f"--{option}" for option in OWN[task])
            raise RequestError(f"--{name} is not for {task}, which takes {own}")
    if task == "superres" and (scale is None or not (math.isfinite(scale) and scale > 1)):
        raise RequestError("degrade superres needs --scale, a factor above 1")
    if task == "inpaint":
        _check_hole(mask, missing, seed, mask_out)
    if task in ("denoise", "deblur"):
        _check_noise(task, sigma, seed, kernel)
    sidecar = None if mask is None else Sidecar("mask", mask)

    def size_out(size: Size) -> Size:
        factor = scale or 1
        return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))

    planned = plan_run(
        image,
        "degraded",
        files,
        run,
        aside=[sidecar.path] if sidecar else [],
        ending="jpg" if task == "jpeg" else "png",
        size_out=size_out,
        bits=8 if task == "jpeg" else None,
        alpha=False if task == "jpeg" else None,
    )
    if task == "jpeg" and planned.format != "JPEG":
        named = "those of the inputs" if planned.format == "same" else planned.format
        raise RequestError(f"degrade jpeg writes JPEG files, not {named}: -o FILE.jpg")

    from restore.batch.degrader import Degrader

    options = given | {"mask": None, "mask-out": None}
    degrader = Degrader(task, options, sidecar, {}, seed or 0, files.max_pixels)
    views = make_views(planned, run, files.policy, [sidecar.path] if sidecar else [])
    manifest = choose_manifest(planned, run)
    if manifest:
        planned = resume(planned, manifest, degrader.work(planned.format))
    masks = {} if mask_out is None else _mask_outputs(mask_out, planned, files)
    work = replace(degrader, outputs=masks).work(planned.format, views.keep)
    say_again(planned, work, run)

    def load() -> Work:
        prepare_folders(planned, [*masks.values(), *views.paths])
        return work

    run_here(planned, work.known, load, run, views, manifest)


def _check_hole(
    mask: str | None, missing: str | None, seed: int | None, mask_out: str | None
) -> None:
    """RequestError unless the options say one hole, and nothing that would do nothing."""
    if (mask is None) == (missing is None):
        raise RequestError("degrade inpaint needs either --mask or --missing")
    if mask_out is not None and missing is None:
        raise RequestError("--mask-out writes the mask of --missing, and there is a --mask")
    if seed is not None and missing not in ("half", "scratches"):
        raise RequestError("--seed does nothing here: only half and scratches are random")


def _check_noise(task: str, sigma: float | None, seed: int | None, kernel: str | None) -> None:
    """RequestError unless the options say one blur or noise, and nothing that would do nothing."""
    from restore.degradations.kernels import make_kernel
    from restore.degradations.noise import check_sigma

    check_sigma(sigma)
    if task == "denoise":
        return
    if kernel is None:
        raise RequestError("degrade deblur needs --kernel, such as gaussian:2")
    if seed is not None and sigma is None:
        raise RequestError("--seed does nothing here: without --sigma nothing is random")
    make_kernel(kernel)


def _mask_outputs(mask_out: str, planned: Plan, files: Files) -> dict[Job, str]:
    """Where the mask of each job goes. RequestError where it cannot go there."""
    from restore.images import ENDINGS, format_of

    folder = os.path.isdir(mask_out) or mask_out.endswith(("/", os.sep))
    named = os.path.splitext(mask_out)[1].lower() in ENDINGS
    if not folder and len(planned.jobs) > 1:
        if named:
            raise RequestError(f"--mask-out {mask_out!r} is one file for several: name a folder")
        folder = True
    if not folder and format_of(mask_out) not in ("PNG", "WEBP", "TIFF"):
        raise RequestError(f"--mask-out {mask_out!r}: a mask is stored without loss, as in PNG")
    taken = {normalise_path(path) for job in planned.jobs for path in (job.input.path, job.output)}
    outputs = {}
    for job in planned.jobs:
        if job.done:
            continue
        name = os.path.join(mask_out, job.input.place, f"{job.input.stem}.png")
        path = os.path.normpath(name) if folder else mask_out
        if normalise_path(path) in taken:
            raise RequestError(f"--mask-out {path!r} is another output, or an input")
        if os.path.exists(path) and files.policy != "overwrite":
            raise RequestError(f"{path!r} exists: --existing overwrite (-y) replaces it")
        taken.add(normalise_path(path))
        outputs[job] = path
    return outputs


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
        emit(to_json({**record, "degraded": degraded, "metrics": found}))
    elif sys.stdout.isatty():
        _show(found)
    else:
        for name, value in found.items():
            emit(f"{name} {_worded(name, value, '{}')}")


def _show(found: Metrics) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in found.items():
        title, unit, form = NAMES[name]
        words = _worded(name, value, form)
        table.add_row(title, f"{words} {unit}".strip() if value is not None else words)
    Console().print(table)


def _worded(name: str, value: object, form: str) -> str:
    return ABSENT.get(name, "exact") if value is None else form.format(value)
