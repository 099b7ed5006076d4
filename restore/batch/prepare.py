"""Prepare: a batch from its options, checked and planned before any work; then the work.

    batch = prepare(task, names, where, ...)     what is asked wrongly is refused here
    with batch.connect() as batch:               the cluster, the device and the precision
        batch = batch.resume()                   what the manifest says is done, or is to be redone
        batch = batch.load()                     folders are tried, the model is loaded
        for _ in batch.run(observer): ...        an observer is told of each job

A dry run stops after `resume` and lists `rehearse()`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

from restore.batch.inputs import Sidecar
from restore.batch.manifest import MANIFEST, Manifest
from restore.batch.maps import plan_maps
from restore.batch.pipeline import Steps
from restore.batch.plan import Job, Names, OutputKind, Plan, Size, Where, plan
from restore.batch.ray import Cluster, check_for_cluster, run_stepwise_on_cluster
from restore.batch.restorer import Encoding, ModelSource, Restorer, Show, choose_machine
from restore.batch.run import Observer, keep_open, prepare_folders, rehearse, resume, run_stepwise
from restore.batch.shards import Shard
from restore.bcm import BCM
from restore.checkpoints.models import find_architecture
from restore.errors import RequestError
from restore.images import MAX_PIXELS
from restore.record import Record
from restore.settings import DEFAULTS, Settings
from restore.tasks import Superres, Task
from restore.tasks.schedule import choose_nfe, schedule

AUTO = "auto"
UNCONFIRMED = "the disk of {!r} cannot confirm what is written: a power cut may take it"


@dataclass(frozen=True)
class Batch:
    """Many images by one task, as far as it has come.

    plan: its jobs.
    restorer: the recipe of each result.
    manifest: what was made of what; None where that is not kept.
    cluster: of Ray, where the work is done; None for this process.
    model: loaded here, where it was; on a cluster it is loaded to be looked at.
    warnings: of the whole run.
    """

    plan: Plan
    restorer: Restorer
    manifest: Manifest | None = None
    cluster: Cluster | None = None
    model: BCM | None = None
    warnings: tuple[str, ...] = ()

    @property
    def todo(self) -> list[Job]:
        """The jobs that are not done."""
        return [job for job in self.plan.jobs if not job.done]

    @property
    def sizes(self) -> list[Size]:
        """(width, height) of each result to make, as far as headers tell: what time it takes is by
        them, by `restorer.settings` and by the model."""
        return [self.plan.kind.size_out(job.header.size) for job in self.todo if job.header]

    @property
    def aside(self) -> list[str]:
        """Files and folders that belong to the inputs: sidecars and references."""
        found = (*self.restorer.sidecars, self.restorer.reference, self.restorer.start)
        return [sidecar.path for sidecar in found if sidecar]

    @contextmanager
    def connect(self) -> Iterator[Batch]:
        """Within, the cluster is there; gives the batch with its device and precision chosen.

        RequestError for a device that there is not; errors as of `Cluster.connect`.
        """
        source = self.restorer.source
        with self.cluster.connect() if self.cluster else nullcontext():
            if self.cluster is None and self.model is not None:
                yield self
                return
            if self.cluster is None:
                device, dtype = choose_machine(source.device, source.dtype)
            else:
                device, dtype = _ask_cluster(self.cluster, source.device, source.dtype)
            source = replace(source, device=device, dtype=dtype)
            yield replace(self, restorer=replace(self.restorer, source=source))

    def resume(self) -> Batch:
        """The batch, with the jobs to do again that the manifest says were made otherwise.

        The model is loaded where its hash is needed to tell. Each such job says why in `again`.
        """
        if self.manifest is None:
            return self
        batch = self
        if self.restorer.source.sha256 is None and self.manifest.covers(self.plan):
            batch = self._load_model()
        return replace(batch, plan=resume(batch.plan, self.manifest, batch.restorer.work()))

    def rehearse(self) -> list[Record]:
        """What a run would do with each job, as its record: leave it, write it or fail."""
        return rehearse(self.plan, self.restorer.known)

    def load(self, more: Iterable[str] = ()) -> Batch:
        """The batch with its model, where there is anything to do and a network is asked.

        more: other files that will be written; their folders are tried as those of the outputs.
        Raises ResourceError for folders that take no file, CheckpointError for a model that cannot
        be had, RequestError for a class that the model has not.
        """
        if not self.todo:
            return self
        folders = prepare_folders(self.plan, [*self.restorer.maps.values(), *more])
        warnings = (*self.warnings, *map(UNCONFIRMED.format, folders))
        batch = replace(self if self.model else self._load_model(), warnings=warnings)
        if batch.model is not None:
            batch.model.encode_label(self.restorer.settings.label)
            schedule(batch.model.checkpoint, self.restorer.task, self.restorer.settings)
        return batch

    def run(
        self,
        observer: Observer,
        *,
        threads: int = 1,
        fail_fast: bool = False,
        show: Show | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> Steps:
        """Do all that is to do, step by step; the manifest is open meanwhile.

        observer: told how each job ended.
        threads: so many read and as many write beside the network; 0 is one job after the other.
        fail_fast: begin nothing after the first failure.
        show: called with each result; not from a cluster, of which `Restorer.look` reads files.
        say: called with lines on what a cluster does.
        Raises RestoreError where the run cannot go on.
        """
        if self.cluster:
            steps = run_stepwise_on_cluster(
                self.cluster, self.plan, self.restorer, observer, say,
                manifest=self.manifest, fail_fast=fail_fast,
            )  # fmt: skip
        else:
            steps = run_stepwise(
                self.plan, self.restorer.work(self.model, show), observer,
                manifest=self.manifest, threads=threads, fail_fast=fail_fast,
            )  # fmt: skip
        return keep_open(self.manifest, steps)

    def _load_model(self) -> Batch:
        # Where a cluster works, the model is looked at here, and held there.
        source = self.restorer.source
        here = replace(source, device="cpu", dtype="fp32") if self.cluster else source
        model = self.model or replace(self.restorer, source=here).load()
        return replace(self, model=model, restorer=self.restorer.fix_model(model))


def prepare(
    task: Task,
    names: Names,
    where: Where,
    source: ModelSource,
    *,
    settings: Settings = DEFAULTS,
    encoding: Encoding = Encoding(),  # noqa: B008 - frozen
    max_pixels: int = MAX_PIXELS,
    reference: str | None = None,
    uncertainty: str | None = None,
    manifest: str | None = AUTO,
    shard: Shard | None = None,
    cluster: Cluster | None = None,
    model: BCM | None = None,
) -> Batch:
    """Plan a batch.

    task: what is restored, with its options.
    names: the inputs; the task's sidecars and the references are left out of them.
    where: the outputs.
    source: the model.
    settings: how it is restored; `nfe` None is the task's best measured; `start` is a path, of
        another result or of a folder of them by name.
    encoding: how results are put into files; its format is that of `where`.
    max_pixels: of an image, read or made.
    reference: the clean image, or a folder of them by name, for metrics alone.
    uncertainty: where maps of the uncertainty go, a file or a folder; None for nowhere.
    manifest: a file, "auto" for one in the folder of all outputs, None for none.
    shard: the share of the images to do; None for all.
    cluster: where the work is done; None for this process.
    model: that of `source`, where it is loaded already.
    Raises RequestError for all that is asked wrongly.
    """
    task.check_options()
    sidecars = tuple(Sidecar(kind, path) for kind, path in task.sidecars().items())
    clean = None if reference is None else Sidecar("reference", reference)
    start = None if settings.start is None else Sidecar("start", _path_of(settings.start))
    aside = [one.path for one in (*sidecars, clean, start) if one]
    size_out = partial(task.size_out, max_pixels=max_pixels)
    kind = OutputKind(task.name, size_out, encoding.depth, max_pixels=max_pixels)
    planned = plan(replace(names, aside=aside), where, kind, shard)
    encoding = replace(encoding, format=planned.format)
    maps: Mapping[str, str] = {}
    if uncertainty is not None:
        maps, planned = plan_maps(
            planned, uncertainty, samples=settings.samples, aside=aside, stdin=names.stdin
        )
    if cluster:
        check_for_cluster(planned)
        source = replace(source, threads=source.threads or cluster.cpus)
    if not task.planned:
        nfe = choose_nfe(task, settings)
        if settings.nfe is None and isinstance(task, Superres):
            # A network of functions enlarges by one evaluation, which is drawn at the size.
            nfe = 1 if find_architecture(source.checkpoint) == "function" else nfe
        settings = replace(settings, nfe=nfe)
    schedule(source.checkpoint, task, settings)
    source = replace(source, sha256=source.sha256 or source.checkpoint.sha256 or None)
    restorer = Restorer(
        task, settings, source, encoding, max_pixels, sidecars, clean, start, maps
    )  # fmt: skip
    return Batch(planned, restorer, open_manifest(planned, manifest, shard), cluster, model)


def open_manifest(plan: Plan, manifest: str | None, shard: Shard | None) -> Manifest | None:
    """The manifest at a path, or with "auto" that of the folder of all outputs; None for none.

    RequestError for what is no file, ResourceError for what cannot be read.
    """
    if manifest is None or (manifest == AUTO and plan.folder is None):
        return None
    if manifest == AUTO:
        assert plan.folder is not None
        manifest = os.path.join(plan.folder, MANIFEST)
    return Manifest(manifest, shard)


def _path_of(start: object) -> str:
    """The path of the starts. RequestError where it is none."""
    if not isinstance(start, str | os.PathLike):
        raise RequestError("in a batch the start is the path of an image, or of a folder of them")
    return os.fsdecode(start)


def _ask_cluster(cluster: Cluster, device: str, dtype: str) -> tuple[str, str]:
    """The device and the precision of a cluster's workers."""
    own = "cuda" if cluster.gpus else "cpu"
    if device not in ("auto", own):
        give = "it needs --gpus-per-worker" if own == "cpu" else "Ray gives each worker its own"
        raise RequestError(f"--device {device} with --engine ray: {give}")
    return cluster.ask(choose_machine, own, dtype)
