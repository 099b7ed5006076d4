"""Task: one kind of restoration, from the options of its command to a run over all images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from restore.batch import Plan, Sidecar, probe
from restore.batch.ray import Cluster
from restore.cli.announcement import announced, expected
from restore.cli.charts import charts_of
from restore.cli.displays import Display, display_of
from restore.cli.jobs import plan
from restore.cli.options import Conduct, Encoding, Engine, Files, Restoration, Source
from restore.cli.recipes import Restorer
from restore.cli.runs import manifest_of, rehearse, resume, run
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.tasks import Task


def restore(
    task: Task,
    images: Sequence[str],
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    engine: Engine,
    conduct: Conduct,
) -> None:
    """Plan all, load the model and run; what is asked wrongly is refused before the run."""
    from restore.checkpoints import resolve

    checkpoint = resolve(source.model, source.catalog)
    clean = restoration.reference
    reference = None if clean is None else Sidecar("reference", clean)
    sidecars = tuple(Sidecar(kind, path) for kind, path in task.sidecars().items())
    aside = [sidecar.path for sidecar in (*sidecars, reference) if sidecar]
    planned = plan(
        images,
        task.name,
        files,
        conduct,
        aside=aside,
        size_out=partial(task.size_out, max_pixels=files.max_pixels),
        bits=encoding.bits,
    )
    encoding.check(planned.format)
    charts, planned = charts_of(planned, restoration, files.policy, aside)
    display = display_of(planned, conduct, files.policy, [*aside, *charts.paths.values()])
    cluster = engine.cluster(restoration.threads, conduct.codecs)
    if cluster:
        from restore.batch.ray import check_for_cluster

        check_for_cluster(planned)

    from restore.tasks import Settings
    from restore.tasks.schedule import choose_mode, count_evaluations, schedule

    settings = Settings(
        nfe=restoration.nfe or task.default_nfe,
        mode=restoration.mode,
        method=restoration.method,
        seed=restoration.seed,
        tile=restoration.side,
        label=restoration.label,
        samples=restoration.samples,
        blend=restoration.blend,
    )
    schedule(checkpoint, task, settings)
    threads = restoration.threads or (cluster.cpus if cluster else None)
    with cluster.connect() if cluster else nullcontext():
        device, dtype = _machine(restoration, cluster)
        known = {
            "task": task.name,
            "model": checkpoint.name,
            "model_sha256": checkpoint.sha256 or None,
            "method": settings.method,
            "mode": choose_mode(settings),
            "nfe": count_evaluations(task, settings),
            "seed": settings.seed,
            "device": device,
            "dtype": dtype,
        }
        recipe = Restorer(
            task,
            settings,
            known,
            checkpoint,
            source,
            threads,
            planned.format,
            encoding,
            files.max_pixels,
            sidecars,
            reference,
            charts,
        )
        _run(recipe, planned, cluster, conduct, display)


def _run(
    recipe: Restorer, planned: Plan, cluster: Cluster | None, conduct: Conduct, display: Display
) -> None:
    """Go on where the manifest says, and do the rest, here or on a cluster."""
    from restore.tasks.schedule import schedule

    # where a cluster works, the model is looked at here, and held there
    here = replace(recipe, known={**recipe.known, "device": "cpu", "dtype": "fp32"})
    here = here if cluster else recipe
    model = None
    manifest = manifest_of(planned, conduct)
    if not recipe.checkpoint.sha256 and manifest and manifest.covers(planned):
        model = here.load()  # its hash is needed to tell whether it was this one
        recipe = recipe.of(model)
    planned = resume(planned, manifest, recipe.work(), conduct)
    if conduct.dry_run:
        rehearse(planned, recipe.work().known, conduct)
        return
    if not all(job.done for job in planned.jobs):
        probe(planned, [*recipe.charts.paths.values(), *display.paths])
        model = model or here.load()
        recipe = recipe.of(model)
        conduct.terminal.detail(f"SHA-256 of {recipe.checkpoint.name}: {model.sha256}")
        model.encode_label(recipe.settings.label)
        schedule(model.checkpoint, recipe.task, recipe.settings)
        if not conduct.quiet:
            conduct.terminal.say(_announcement(model, planned, recipe, cluster))
    if cluster is None:
        run(planned, recipe.work(model, display.keep), conduct, display, manifest)
        return
    from restore.batch.ray import run_on_cluster

    display.look_by(recipe.pictures)
    spread = partial(run_on_cluster, cluster, planned, recipe, say=conduct.terminal.say)
    run(planned, recipe.work(), conduct, display, manifest, elsewhere=spread)


def _machine(restoration: Restoration, cluster: Cluster | None) -> tuple[str, str]:
    """The device and the precision, of this process or of a cluster's workers."""
    if cluster is None:
        return chosen(restoration.device, restoration.dtype)
    device = "cuda" if cluster.gpus else "cpu"
    if restoration.device not in ("auto", device):
        give = "it needs --gpus-per-worker" if device == "cpu" else "Ray gives each worker its own"
        raise RequestError(f"--device {restoration.device} with --engine ray: {give}")
    return cluster.ask(chosen, device, restoration.dtype)


def chosen(device: str, dtype: str) -> tuple[str, str]:
    """The device and the precision that these stand for on this machine, as a record has them."""
    from restore.devices import choose_device, choose_dtype, dtype_name

    place = choose_device(device)
    return str(place), dtype_name(choose_dtype(dtype, place))


def _announcement(model: BCM, planned: Plan, recipe: Restorer, cluster: Cluster | None) -> str:
    """One line on what will run."""
    from restore.tasks.schedule import choose_mode, count_evaluations

    task, settings = recipe.task, recipe.settings
    todo = [job for job in planned.jobs if not job.done]
    what = f"{task.name}: {len(todo)} image{'s' if len(todo) > 1 else ''}"
    nfe = count_evaluations(task, settings)
    how = choose_mode(settings) or (settings.method if settings.blend is None else "blend")
    if cluster:
        workers = cluster.count_workers()
        each = f"{cluster.cpus} CPU{'s' if cluster.cpus > 1 else ''}"
        each += f" and {cluster.gpus:g} GPU" if cluster.gpus else ""
        who = f"{workers} worker{'s' if workers > 1 else ''} of Ray with {each}"
        rest = f"{recipe.known['dtype']}, {recipe.known['model']}, NFE {nfe}, {how}"
        return f"{what}, {who}, {rest}"
    sizes = [task.size_out(job.header.size) for job in todo if job.header]
    seconds = expected(model, sizes, nfe, settings.tile)
    if seconds:
        seconds *= len(todo) / len(sizes)
    return announced(model, what, nfe, how, seconds)
