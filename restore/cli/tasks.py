"""Task: one kind of restoration, from the options of its command to a run over all images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from restore.batch import Companion, Job, Plan, Progress, Size, Work, probe
from restore.cli.announcement import announced, expected
from restore.cli.charts import Charts, charts_of
from restore.cli.displays import Display, display_of
from restore.cli.jobs import plan
from restore.cli.options import Conduct, Encoding, Files, Restoration, Source
from restore.cli.runs import decisive, encoder, manifest_of, rehearse, resume, run
from restore.defaults import DEFAULT_NFE
from restore.errors import ImageError

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.images import Picture
    from restore.tasks import Result, Settings

ALPHA = "alpha"


@dataclass(frozen=True)
class Given:
    """An input and what goes with it; the image of a JPEG file stays bytes where `jpeg` asks."""

    image: Picture | bytes
    mask: Picture | str | None = None
    reference: Picture | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """`solve` restores, `size_out` tells the output's (width, height) from the input's.

    `own` are the options of the task's own that the pixels depend on.
    """

    name: str
    solve: Callable[[Given, BCM | None, Settings], Result]
    size_out: Callable[[Size], Size] = lambda size: size
    mask: Companion | str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Restorer:
    """A task with its model, ready for one image after another."""

    task: Task
    model: BCM | None
    settings: Settings
    reference: Companion | None
    max_pixels: int
    charts: Charts
    display: Display

    def read(self, job: Job) -> Given:
        """The input with its mask and reference; ImageError for what cannot be used."""
        from restore.images import decode, read_bytes, sniff

        data = read_bytes(job.input.path) if job.data is None else job.data
        picture = decode(data, max_pixels=self.max_pixels)
        image = data if self.task.name == "jpeg" and sniff(data) == "JPEG" else picture
        mask: Picture | str | None = None
        if isinstance(self.task.mask, Companion):
            mask = self._picture(self.task.mask.of(job.input), "mask")
        else:
            mask = self.task.mask
        if self.reference is None:
            return Given(image, mask)
        try:
            path = self.reference.of(job.input)
        except ImageError as error:  # it is for metrics alone
            return Given(image, mask, warnings=(str(error),))
        reference = self._picture(path, "reference")
        size = self.task.size_out(picture.size)
        if reference.size != size:
            raise ImageError(
                f"the reference {path!r} has {reference.size[0]}×{reference.size[1]} pixels, "
                f"the result will have {size[0]}×{size[1]}"
            )
        return Given(image, mask, reference)

    def companions(self, job: Job) -> list[str]:
        """The file of the mask, where there is one."""
        mask = self.task.mask
        return [mask.of(job.input)] if isinstance(mask, Companion) else []

    def make(
        self, job: Job, given: Given, progress: Progress | None
    ) -> tuple[Picture, dict[str, Any]]:
        """The restored picture and its record; the chart of its uncertainty, if any, is written."""
        settings = replace(self.settings, reference=given.reference, progress=progress)
        result = self.task.solve(given, self.model, settings)
        warnings = [*result.report["warnings"], *given.warnings]
        more = self.charts.write(job, result)
        self.display.keep(job, result.picture, given.image, given.reference)
        return result.picture, {**result.report, "warnings": warnings, **more}

    def _picture(self, path: str, kind: str) -> Picture:
        from restore.images import decode, read_bytes

        try:
            return decode(read_bytes(path), max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(f"the {kind} {path!r}: {error}") from error


def restore(
    task: Task,
    images: Sequence[str],
    files: Files,
    encoding: Encoding,
    source: Source,
    restoration: Restoration,
    conduct: Conduct,
) -> None:
    """Plan all, load the model and run; what is asked wrongly is refused before the run."""
    from restore.checkpoints import resolve

    checkpoint = resolve(source.model, source.catalog)
    clean = restoration.reference
    reference = None if clean is None else Companion("reference", clean)
    aside = [c.path for c in (task.mask, reference) if isinstance(c, Companion)]
    planned = plan(
        images,
        task.name,
        files,
        conduct,
        aside=aside,
        size_out=task.size_out,
        bits=encoding.bits,
    )
    encoding.check(planned.format)
    charts, planned = charts_of(planned, restoration, files.policy, aside)
    display = display_of(planned, conduct, files.policy, [*aside, *charts.paths.values()])

    import torch

    from restore.checkpoints import choose_device, choose_dtype, load
    from restore.tasks import Settings
    from restore.tasks.run import DTYPES, label_of
    from restore.tasks.schedule import evaluations_of, mode_of, schedule

    if restoration.threads:
        torch.set_num_threads(restoration.threads)
    device = choose_device(restoration.device)
    dtype = choose_dtype(restoration.dtype, device)
    settings = Settings(
        nfe=restoration.nfe or DEFAULT_NFE[task.name],
        mode=restoration.mode,
        method=restoration.method,
        seed=restoration.seed,
        tile=restoration.side,
        label=restoration.label,
        samples=restoration.samples,
        blend=restoration.blend,
    )
    schedule(checkpoint, task.name, settings)
    known = {
        "task": task.name,
        "model": checkpoint.name,
        "model_sha256": checkpoint.sha256 or None,
        "method": settings.method,
        "mode": mode_of(settings),
        "nfe": evaluations_of(task.name, settings),
        "seed": settings.seed,
        "device": str(device),
        "dtype": DTYPES[dtype],
    }

    def loaded() -> BCM:
        model = load(
            checkpoint,
            str(device),
            restoration.dtype,
            allow_unverified=source.allow_unverified,
            offline=source.offline,
        )
        known["model_sha256"] = model.sha256
        return model

    model = None
    manifest = manifest_of(planned, conduct)
    if not checkpoint.sha256 and manifest and manifest.tells(planned):
        model = loaded()  # its hash is needed to tell whether it was this one
    restorer = Restorer(task, model, settings, reference, files.max_pixels, charts, display)
    work = Work(
        known,
        restorer.read,
        restorer.make,
        encoder(planned.format, encoding),
        decisive(known, planned.format, encoding, settings, **task.own),
        restorer.companions,
    )
    planned = resume(planned, manifest, work, conduct)
    if conduct.dry_run:
        rehearse(planned, known, conduct)
        return
    if not all(job.done for job in planned.jobs):
        probe(planned, [*charts.paths.values(), *display.paths])
        model = model or loaded()
        conduct.terminal.detail(f"SHA-256 of {checkpoint.name}: {model.sha256}")
        label_of(model, settings.label)
        schedule(model.checkpoint, task.name, settings)
        if not conduct.quiet:
            conduct.terminal.say(_announcement(model, planned, task, settings))
    restorer = replace(restorer, model=model)
    settled = decisive(known, planned.format, encoding, settings, **task.own)
    work = replace(work, make=restorer.make, settings=settled)
    run(planned, work, conduct, display, manifest)


def _announcement(model: BCM, planned: Plan, task: Task, settings: Settings) -> str:
    """One line on what will run."""
    from restore.tasks.schedule import evaluations_of, mode_of

    todo = [job for job in planned.jobs if not job.done]
    what = f"{task.name}: {len(todo)} image{'s' if len(todo) > 1 else ''}"
    nfe = evaluations_of(task.name, settings)
    sizes = [task.size_out(job.outline.size) for job in todo if job.outline]
    seconds = expected(model, sizes, nfe, settings.tile)
    if seconds:
        seconds *= len(todo) / len(sizes)
    how = mode_of(settings) or (settings.method if settings.blend is None else "blend")
    return announced(model, what, nfe, how, seconds)
