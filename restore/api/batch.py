"""Batch: many images by one task, resumable, from Python."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import restore.batch  # noqa: F401 - loaded first: in the end `restore.batch` is the function
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.files import Path

if TYPE_CHECKING:
    from restore.api.arguments import Model
    from restore.batch.plan import Job, Policy
    from restore.batch.prepare import Batch
    from restore.batch.ray import Cluster
    from restore.batch.restorer import ModelSource
    from restore.batch.run import Outcome
    from restore.batch.shards import Shard
    from restore.bcm import BCM
    from restore.formats import FormatName
    from restore.record import Record
    from restore.settings import Settings
    from restore.tasks import Task


def batch(
    task: Task,
    inputs: Path | Sequence[Path],
    output: Path | None = None,
    *,
    settings: Settings | None = None,
    model: Model = None,
    device: str = "auto",
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    recursive: bool = False,
    existing: Policy = "error",
    suffix: str | None = None,
    name: str | None = None,
    format: FormatName = "auto",
    quality: int | None = None,
    depth: int | None = None,
    strip: bool = False,
    reference: Path | None = None,
    uncertainty: Path | None = None,
    variants: int = 1,
    manifest: Path | None = "auto",
    shard: str | Shard | None = None,
    workers: int = 1,
    fail_fast: bool = False,
    engine: Literal["local", "ray"] | Cluster = "local",
    progress: Callable[[str, int, int], object] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Record]:
    """Restore many image files, each into a file of its own, and give their records as they come.

    All is planned, and what cannot be is refused, when this is called; files are written while the
    records are taken. A file that fails has a record of status "failed" and the others go on. Close
    the iterator, or leave the loop, to stop: what is made is written, and a later call with
    `existing="skip"` does the rest.

    Args:
        task: what is restored, one of `restore.tasks`, such as `Jpeg()` or `Superres(scale=2)`.
            A mask may be a folder of masks by the inputs' names.
        inputs: files, folders of them, and patterns such as "a/*.jpg".
        output: a file for one input, else a folder, made where it is not there. None is beside each
            input, as NAME_TASK.png.
        settings: evaluations, mode, seed and the like; None is the task's best measured.
        model: a loaded model, its name or file; None is the embedded default.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        dtype: its precision; "auto" is bf16 where the device computes in it, else fp32.
        recursive: take folders with all below them, and keep the tree.
        existing: where an output is there: "error" refuses to start; "skip" leaves it, unless the
            manifest says that it was made otherwise; "repair" also makes again what was changed
            since; "overwrite" makes all again.
        suffix: put after the input's name in the output's.
        name: template of the outputs' names in place of `suffix`, of {stem}, {name} and {task};
            {ext} at its end keeps each input's ending and format.
        format: of the outputs, "png", "jpg", "webp" or "tiff"; "auto" is by `output`, else PNG;
            "same" is each input's own where it is one of these.
        quality: 1 to 100, of JPEG (95 where None) and WebP (lossless where None).
        depth: bits a sample, 8 or 16; None is the input's.
        strip: leave EXIF out; the colour profile always stays.
        reference: the clean image, or a folder of them by name, for metrics alone.
        uncertainty: a file or a folder for maps of the uncertainty; needs 2 samples or more.
        variants: results of each input, of seed, seed + 1, …; of several the names end in _1, _2, …
            The mean of different fills, `samples`, is blurred; of variants one can be chosen.
        manifest: the file that keeps what was made of what; "auto" is `.bcm-restore.jsonl` in the
            one folder of several outputs, None keeps nothing.
        shard: the share of the images to do, as "3/8", or "auto" to ask Slurm, torchrun or
            Kubernetes; None is all.
        workers: threads that read, and as many that write, beside the network; 0 is one file after
            the other.
        fail_fast: begin nothing after the first failure.
        engine: "local" is this process, "ray" a cluster of Ray on this machine; a
            `restore.batch.ray.Cluster` says which cluster, and how many workers.
        progress: called as progress(input, done, total) after each network call of this process.
            What it raises fails that image.
        max_pixels: refuse images of more pixels, read or made.

    Yields:
        The record of each image, in order, also of those that are left alone.

    Raises:
        RequestError: arguments that cannot be honoured, before any work.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: folders that take no file, or a run that cannot go on.
    """
    from restore.batch.inputs import STDIN
    from restore.batch.plan import STDOUT, Names, Where
    from restore.batch.prepare import prepare
    from restore.batch.ray import Cluster
    from restore.batch.restorer import Encoding
    from restore.batch.shards import parse_shard
    from restore.settings import DEFAULTS

    given = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    names = [os.fspath(path) for path in given]
    where = Where(
        None if output is None else os.fspath(output), suffix, format, existing, name, variants
    )  # fmt: skip
    if where.output == STDOUT or STDIN in names:
        raise RequestError("batch reads and writes files: - is for the command line")
    if depth not in (None, 8, 16):
        raise RequestError(f"depth is {depth!r}, expected 8 or 16 bits, or None")
    if isinstance(engine, str) and engine not in ("local", "ray"):
        raise RequestError(f"engine is {engine!r}, expected 'local', 'ray' or a Cluster")
    cluster = Cluster(codecs=max(1, workers)) if engine == "ray" else engine
    source, loaded = _find_model(model, device, dtype)
    prepared = prepare(
        task,
        Names(names, recursive=recursive),
        where,
        source,
        settings=settings or DEFAULTS,
        encoding=Encoding(None, quality, depth, strip),
        max_pixels=max_pixels,
        reference=None if reference is None else os.fspath(reference),
        uncertainty=None if uncertainty is None else os.fspath(uncertainty),
        manifest=None if manifest is None else os.fspath(manifest),
        shard=parse_shard(shard) if isinstance(shard, str) else shard,
        cluster=None if isinstance(cluster, str) else cluster,
        model=loaded,
    )
    return _take(prepared, workers, fail_fast, progress)


def _take(
    batch: Batch,
    workers: int,
    fail_fast: bool,
    progress: Callable[[str, int, int], object] | None,
) -> Iterator[Record]:
    """The records of a batch, which goes on while they are taken."""
    observer = _Collector(progress)
    with batch.connect() as connected:
        loaded = connected.resume().load()
        for text in loaded.warnings:
            import warnings

            warnings.warn(text, stacklevel=2)
        steps = loaded.run(observer, threads=workers, fail_fast=fail_fast)
        try:
            for _ in steps:
                while observer.records:
                    yield observer.records.popleft()
        finally:
            steps.close()
        yield from observer.records


class _Collector:
    """Keeps the records of jobs that ended, till they are taken."""

    def __init__(self, progress: Callable[[str, int, int], object] | None) -> None:
        self.records: deque[Record] = deque()
        self._progress = progress

    def begin(self, number: int, job: Job) -> Callable[[int, int], object] | None:
        return None if self._progress is None else partial(self._progress, job.input.path)

    def end(self, number: int, job: Job, outcome: Outcome) -> None:
        self.records.append(outcome.record)

    def emit(self, data: bytes) -> None:
        raise AssertionError("no job of a batch from Python writes to standard output")


def _find_model(model: Model, device: str, dtype: str) -> tuple[ModelSource, BCM | None]:
    """Where the model comes from, and the model itself where it is loaded."""
    from restore.batch.restorer import ModelSource
    from restore.checkpoints import resolve
    from restore.devices import name_dtype

    if model is None or isinstance(model, str | os.PathLike):
        spec = "default" if model is None else os.fspath(model)
        return ModelSource(resolve(spec), device, dtype), None
    if (device, dtype) != ("auto", "auto"):
        raise RequestError("the model is loaded: its device and precision are given by that")
    if model.checkpoint is None:
        raise RequestError("a batch needs a model of a file, by whose hash it goes on")
    source = ModelSource(
        model.checkpoint, str(model.device), name_dtype(model.dtype), sha256=model.sha256
    )  # fmt: skip
    return source, model
