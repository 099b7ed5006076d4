"""Task: one kind of restoration, from the options of its command to a run over all images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from restore.batch import Policy, Where
from restore.batch.inputs import identity, within
from restore.batch.ray import Cluster
from restore.cli.jobs import choose_output, list_names
from restore.cli.options import (
    EncodingOptions,
    Engine,
    Files,
    ModelOptions,
    Restoration,
    RunOptions,
)
from restore.cli.progress import describe_run, estimate_seconds
from restore.cli.run import run, say_again, say_rehearsal
from restore.cli.terminal import complain, emit, escape
from restore.cli.views import Views, make_views
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.batch.prepare import Batch
    from restore.tasks import Task


def restore(
    task: Task,
    images: Sequence[str],
    files: Files,
    encoding: EncodingOptions,
    source: ModelOptions,
    restoration: Restoration,
    engine: Engine,
    conduct: RunOptions,
) -> None:
    """Plan all, load the model and run; what is usage error is refused before the run."""
    from restore.batch import restorer
    from restore.batch.prepare import prepare
    from restore.checkpoints import resolve
    from restore.settings import Settings

    model = restorer.ModelSource(
        resolve(source.model, source.catalog),
        restoration.device,
        restoration.dtype,
        restoration.threads,
        allow_unverified=source.allow_unverified,
        offline=source.offline,
    )
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
        list_names(images, files, conduct),
        replace(where, variants=restoration.variants),
        model,
        settings=settings,
        encoding=restorer.Encoding(None, encoding.quality, encoding.bits, encoding.strip),
        max_pixels=files.max_pixels,
        reference=restoration.reference,
        uncertainty=restoration.uncertainty,
        manifest=conduct.manifest_path,
        shard=conduct.share,
        cluster=engine.cluster(restoration.threads, conduct.codecs),
    )
    if restoration.sheet is not None:
        _write_sheet(batch, restoration.sheet, files.policy, conduct)
        return
    maps = batch.restorer.maps.values()
    display = make_views(batch.plan, conduct, files.policy, [*batch.aside, *maps])
    with batch.connect() as connected:
        _run(connected, conduct, display)


def _run(batch: Batch, conduct: RunOptions, display: Views) -> None:
    """Go on where the manifest says, and do the rest, here or on a cluster."""
    batch = batch.resume()
    work = batch.restorer.work()
    say_again(batch.plan, work, conduct)
    if conduct.dry_run:
        say_rehearsal(batch.plan, batch.rehearse(), conduct)
        return
    if batch.todo:
        batch = batch.load(display.paths)
        assert batch.model is not None
        name = batch.restorer.source.checkpoint.name
        conduct.terminal.detail(f"SHA-256 of {name}: {batch.model.sha256}")
        for warning in batch.warnings:
            complain(f"warning: {warning}")
        if not conduct.quiet:
            conduct.terminal.say(_describe_batch(batch, batch.cluster))
    if batch.cluster:
        display.look_by(batch.restorer.look)
    go = partial(
        batch.run,
        threads=conduct.codecs,
        fail_fast=conduct.fail_fast,
        show=display.keep,
        say=conduct.terminal.say,
    )
    run(batch.plan, work, conduct, display, go)


def _write_sheet(batch: Batch, path: str, existing: Policy, conduct: RunOptions) -> None:
    """Write a sheet of choices for the first image, and nothing else."""
    if not path.lower().endswith(".png"):
        raise RequestError(f"--sheet {path!r}: expected a file that ends in .png")
    if batch.cluster:
        raise RequestError("--sheet is made in this process: leave --engine ray out")
    job = batch.plan.jobs[0]
    taken = {identity(one) for one in (job.input.path, job.output)}
    if identity(path) in taken or within(path, batch.aside):
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
        conduct.terminal.say(f"{job.input.path}: a sheet of choices")
        choices = make_choices(opened.problem, model, settings)
    title = f"{restorer.task.name} {job.input.path}"
    write_atomically(path, draw_choices(title, choices))
    emit(escape(path))


def _describe_batch(batch: Batch, cluster: Cluster | None) -> str:
    """One line on what will run."""
    from restore.tasks.schedule import choose_mode, count_evaluations

    assert batch.model is not None
    task, settings, known = batch.restorer.task, batch.restorer.settings, batch.restorer.known
    todo, sizes = batch.todo, batch.sizes
    what = f"{task.name}: {len(todo)} image{'s' if len(todo) > 1 else ''}"
    nfe = count_evaluations(task, settings)
    how = choose_mode(settings) or (settings.method if settings.blend is None else "blend")
    if cluster:
        workers = cluster.count_workers()
        each = f"{cluster.cpus} CPU{'s' if cluster.cpus > 1 else ''}"
        each += f" and {cluster.gpus:g} GPU" if cluster.gpus else ""
        who = f"{workers} worker{'s' if workers > 1 else ''} of Ray with {each}"
        return f"{what}, {who}, {known.dtype}, {known.model}, NFE {nfe}, {how}"
    if task.planned:
        return describe_run(batch.model, what, "by what is found", how, None)
    seconds = estimate_seconds(batch.model, sizes, nfe, settings.tile)
    if seconds:
        seconds *= len(todo) / len(sizes)
    return describe_run(batch.model, what, nfe, how, seconds)
