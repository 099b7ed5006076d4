"""Restoration: the commands `auto`, `inpaint`, `jpeg`, `superres`, `denoise` and `deblur`.

Each makes its task of its own options; `run_task` plans and runs any task over all images.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch.inputs import is_within, normalise_path
from restore.batch.plan import Policy, Size, Where
from restore.batch.ray import Cluster
from restore.cli.commands import FLAG, flatten
from restore.cli.jobs import begin_command, choose_output, list_names
from restore.cli.options.file_options import EncodingOptions, Files, Images
from restore.cli.options.restoration_options import HoleOptions, ModelOptions, Restoration
from restore.cli.options.run_options import Engine, RunOptions
from restore.cli.run import describe_run, estimate_seconds, run_steps, say_again, say_rehearsal
from restore.cli.terminal import complain, emit
from restore.cli.views import Views, make_views
from restore.errors import RequestError
from restore.record import spell_out

if TYPE_CHECKING:
    from restore.batch.prepare import Batch
    from restore.tasks import Task


_task = partial(typer.Option, rich_help_panel="Task")


@dataclass(frozen=True)
class BatchOptions:
    """What every command takes that restores many images."""

    files: Files
    encoding: EncodingOptions
    source: ModelOptions
    restoration: Restoration
    engine: Engine
    run: RunOptions


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
    options: BatchOptions,
) -> None:
    """Fill holes: the white pixels of a mask.

    All other pixels stay as they are, to the last bit.
    """
    begin_command(image, options.run.terminal)
    from restore.tasks import Inpaint

    task = Inpaint(mask, hole.invert_mask, hole.dilate, hole.fill, hole.kinds, hole.sensitivity)
    run_task(task, image, options)


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
    options: BatchOptions,
) -> None:
    """Remove JPEG artefacts.

    The result is held to the file's own quantised coefficients: compressed
    again with the same tables it gives the same file.
    """
    begin_command(image, options.run.terminal)
    from restore.tasks import Jpeg

    task = Jpeg(assume_quality=assume_quality)
    run_task(task, image, options)


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
    options: BatchOptions,
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
    begin_command(image, options.run.terminal)
    from restore.tasks import Superres

    task = Superres(scale, sides, sigma, stretch)
    run_task(task, image, options)


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
    options: BatchOptions,
) -> None:
    """Remove noise.

    White noise of a known level, or of one that is estimated from each image. The network was
    trained for this; its other tasks are zero-shot.
    """
    begin_command(image, options.run.terminal)
    from restore.tasks import Denoise

    run_task(Denoise(sigma), image, options)


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
    options: BatchOptions,
) -> None:
    """Undo a blur of known kernel.

    Blurred again, the result is the given image, up to its noise.
    """
    begin_command(image, options.run.terminal)
    from restore.tasks import Deblur

    run_task(Deblur(kernel, sigma), image, options)


def parse_size(size: str) -> Size:
    """Width and height of a text such as 1024x768."""
    match = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", size)
    if not match:
        raise RequestError(f"--size {size!r}: expected width and height in pixels, as in 1024x768")
    return int(match[1]), int(match[2])


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
    options: BatchOptions,
) -> None:
    """Find out what is wrong with pictures, say it, and restore all of it.

    Compression and noise are found; an enlargement and holes are asked for. What is sound, and what
    is no photograph, comes back as it is. `bcm-restore photo.jpg` does the same.
    """
    if scale is not None and not (math.isfinite(scale) and scale > 1):
        raise RequestError(f"--scale {scale:g}: expected a factor above 1")
    if options.restoration.start is not None:
        raise RequestError("auto begins by what it finds: give --start to one of the tasks")
    begin_command(image, options.run.terminal)
    from restore.tasks import Auto

    task = Auto(scale, mask, hole.invert_mask, hole.dilate, hole.fill, hole.kinds, hole.sensitivity)
    run_task(task, image, options)


def run_task(task: Task, images: Sequence[str], options: BatchOptions) -> None:
    """Plan all, load the model and run; what is usage error is refused before the run."""
    files, restoration, run = options.files, options.restoration, options.run
    from restore.batch.prepare import prepare
    from restore.settings import Settings

    model = options.source.choose(restoration)
    settings = Settings(
        nfe=restoration.nfe,
        mode=restoration.mode,
        method=restoration.method,
        seed=restoration.seed,
        tile=restoration.side,
        label=restoration.label,
        samples=restoration.samples,
        blend=restoration.blend,
        start=restoration.start,
        strength=restoration.strength,
        preview=restoration.part,
    )
    where = choose_output(files)
    if restoration.preview is not None and where == Where(existing=where.existing):
        where = replace(where, suffix=f"_{task.name}_preview")
    batch = prepare(
        task,
        list_names(images, files, run),
        replace(where, variants=restoration.variants),
        model,
        settings=settings,
        encoding=options.encoding.choose(),
        max_pixels=files.max_pixels,
        reference=restoration.reference,
        uncertainty=restoration.uncertainty,
        manifest=run.manifest_path,
        shard=run.share,
        cluster=options.engine.cluster(restoration.threads, run.codecs),
    )
    if restoration.sheet is not None:
        _write_sheet(batch, restoration.sheet, files.policy, run)
        return
    maps = batch.restorer.maps.values()
    views = make_views(batch.plan, run, files.policy, [*batch.aside, *maps])
    with batch.connect() as connected:
        _run(connected, run, views)


def _run(batch: Batch, run: RunOptions, views: Views) -> None:
    """Go on where the manifest says, and do the rest, here or on a cluster."""
    batch = batch.resume()
    work = batch.restorer.work()
    say_again(batch.plan, work, run)
    if run.dry_run:
        say_rehearsal(batch.plan, batch.rehearse(), run)
        return
    if batch.todo:
        batch = batch.load(views.paths)
        if batch.model is not None:
            name = batch.restorer.source.checkpoint.name
            run.terminal.detail(f"SHA-256 of {name}: {batch.model.sha256}")
        for warning in batch.warnings:
            complain(f"warning: {warning}")
        if not run.quiet:
            run.terminal.say(_describe_batch(batch, batch.cluster))
    if batch.cluster:
        views.look_by(batch.restorer.look)
    go = partial(
        batch.run,
        threads=run.codecs,
        fail_fast=run.fail_fast,
        show=views.keep,
        say=run.terminal.say,
    )
    run_steps(batch.plan, work, run, views, go)


def _write_sheet(batch: Batch, path: str, existing: Policy, run: RunOptions) -> None:
    """Write a sheet of choices for the first image, and nothing else."""
    if not path.lower().endswith(".png"):
        raise RequestError(f"--sheet {path!r}: expected a file that ends in .png")
    if batch.cluster:
        raise RequestError("--sheet is made in this process: leave --engine ray out")
    if not batch.restorer.asks_network:
        raise RequestError("--sheet shows choices of what a network makes: leave --nfe 0 out")
    job = batch.plan.jobs[0]
    taken = {normalise_path(one) for one in (job.input.path, job.output)}
    if normalise_path(path) in taken or is_within(path, batch.aside):
        raise RequestError(f"--sheet {path!r} is an input, an output, a mask or a reference")
    if os.path.lexists(path) and existing != "overwrite":
        raise RequestError(f"{path!r} exists: -y replaces it")
    from restore.files import write_atomically
    from restore.reports import draw_choices, make_choices

    with batch.connect() as connected:
        restorer = connected.restorer
        opened = restorer.read(job)
        model = connected.model or restorer.load()
        settings = replace(restorer.settings, reference=opened.reference, start=opened.start)
        run.terminal.say(f"{job.input.path}: a sheet of choices")
        assert model is not None
        choices = make_choices(opened.problem, model, settings)
    title = f"{restorer.task.name} {job.input.path}"
    write_atomically(path, draw_choices(title, choices))
    emit(spell_out(path))


def _describe_batch(batch: Batch, cluster: Cluster | None) -> str:
    """One line on what will run."""
    from restore.tasks.schedule import choose_mode, count_evaluations

    task, settings, known = batch.restorer.task, batch.restorer.settings, batch.restorer.known
    todo, sizes = batch.todo, batch.sizes
    what = f"{task.name}: {len(todo)} image{'s' if len(todo) > 1 else ''}"
    if batch.model is None:
        held = "the start" if settings.start is not None else "the first guess"
        return f"{what}, NFE 0: {held} is held to what is given, and no network is asked"
    nfe = count_evaluations(task, settings)
    how = choose_mode(settings) or (settings.method if settings.blend is None else "blend")
    if cluster:
        workers = cluster.count_workers()
        each = f"{cluster.cpus} CPU{'s' if cluster.cpus > 1 else ''}"
        each += f" and {cluster.gpus:g} GPU" if cluster.gpus else ""
        who = f"{workers} worker{'s' if workers > 1 else ''} of Ray with {each}"
        return f"{what}, {who}, {known.dtype}, {known.model}, NFE {nfe}, {how}"
    if task.planned:
        return describe_run(batch.model, batch.model.checkpoint, what, "by what is found", how)
    seconds = estimate_seconds(batch.model, sizes, nfe, settings.tile)
    if seconds:
        seconds *= len(todo) / len(sizes)
    return describe_run(batch.model, batch.model.checkpoint, what, nfe, how, seconds)
