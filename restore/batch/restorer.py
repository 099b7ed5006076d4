"""Restorer: a task with its settings and its model as data, of which any process makes its work.

It pickles: the process that plans a run does the work itself, or workers on other machines do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial

import torch

from restore import checkpoints
from restore.batch.inputs import Sidecar
from restore.batch.naming import SAME, format_for
from restore.batch.plan import Job
from restore.batch.run import Progress, Work, choose_seed
from restore.bcm import BCM
from restore.checkpoints import Checkpoint
from restore.devices import choose_device, choose_dtype, name_dtype
from restore.errors import CheckpointError, ImageError, RequestError
from restore.formats import LOSSY
from restore.images import (
    MAX_PIXELS,
    Encoded,
    Picture,
    as_picture,
    encode_file,
    file_bytes,
    loses,
    read_image,
)
from restore.record import JSON, Record
from restore.result import Result
from restore.settings import Settings
from restore.tasks import Problem, Task
from restore.tasks.preview import crop
from restore.tasks.schedule import choose_mode, count_evaluations
from restore.tasks.solving import check_size

IMMATERIAL = ("tile", "reference", "progress", "start", "varied")  # or told apart otherwise
OPTIONAL = {("strength", 1.0), ("preview", None)}  # left out of a manifest

Show = Callable[[Job, Picture, Picture, Picture | None], None]
"""Called as show(job, after, before, reference) when a picture is made, before it is written."""


@dataclass(frozen=True)
class Encoding:
    """How a result is put into a file.

    format: "PNG", "JPEG", "WEBP" or "TIFF"; "same" where each output's name says; None before
        a plan does.
    quality: 1 to 100, of JPEG (95 where None) and WebP (lossless where None).
    depth: bits a sample, 8 or 16; None is the input's.
    strip: leave EXIF out; the colour profile always stays.
    Raises RequestError for a quality where nothing is lost.
    """

    format: str | None = None
    quality: int | None = None
    depth: int | None = None
    strip: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and self.format not in (None, SAME, *LOSSY):
            raise RequestError(f"--quality does nothing in {self.format}, which loses nothing")

    def encode(self, picture: Picture, output: str) -> Encoded:
        """The file of a picture for an output; errors as of `restore.images.encode`."""
        own = self.choose(output)
        assert own.format is not None
        return encode_file(
            picture, own.format, quality=own.quality, depth=own.depth, strip=own.strip
        )

    def choose(self, output: str) -> Encoding:
        """The encoding of one output, whose name may say the format."""
        if self.format != SAME:
            return self
        format = format_for(SAME, output)
        return replace(self, format=format, quality=self.quality if format in LOSSY else None)

    def encode_result(self, result: Result) -> tuple[Encoded, Record]:
        """The file of a result and the record of what it shows."""
        assert self.format is not None
        return result.encode(self.format, quality=self.quality, depth=self.depth, strip=self.strip)

    def decides(self, result: Result) -> bool:
        """Whether the file shows other pixels than the result, or is the input's own."""
        assert self.format is not None
        copies = result.copies(self.format, self.quality, self.depth, self.strip)
        return copies or loses(result.picture, self.format, self.quality, self.depth)

    def settings(self) -> dict[str, JSON]:
        """As a manifest keeps it."""
        depth = "auto" if self.depth is None else str(self.depth)
        return {
            "format": self.format, "quality": self.quality, "depth": depth, "strip": self.strip
        }  # fmt: skip


@dataclass(frozen=True)
class ModelSource:
    """Which model runs and on what, as data.

    checkpoint: as `restore.checkpoints.resolve` gives it.
    device: "auto", "cpu", "cuda", "cuda:N" or "mps".
    dtype: "auto", "fp32", "bf16" or "fp16".
    threads: of the CPU, 1 or more; None is torch's choice.
    sha256: of the only file that is taken; None is any that the checkpoint allows.
    allow_unverified: take a file whose hash nobody could check.
    offline: download nothing.
    """

    checkpoint: Checkpoint
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    sha256: str | None = None
    allow_unverified: bool = False
    offline: bool = False

    def load(self, admit: Callable[[Checkpoint], object] | None = None) -> BCM:
        """The model; CheckpointError where it cannot be had, or is another than `sha256` says.

        admit: called before its tensors are read, to refuse what cannot be used.
        """
        if self.threads:
            torch.set_num_threads(self.threads)
        model = checkpoints.load(
            self.checkpoint,
            self.device,
            self.dtype,
            allow_unverified=self.allow_unverified,
            offline=self.offline,
            admit=admit,
        )
        if self.sha256 not in (None, model.sha256):
            raise CheckpointError(
                f"{self.checkpoint.name} is another file here than where the run began: SHA-256 "
                f"{model.sha256}, not {self.sha256}"
            )
        return model


def choose_machine(device: str, dtype: str, *, exact: bool = False) -> tuple[str, str]:
    """The device and the precision that these stand for on this machine, as a record has them.

    exact: as of `choose_dtype`.
    """
    place = choose_device(device)
    return str(place), name_dtype(choose_dtype(dtype, place, exact=exact))


@dataclass(frozen=True)
class Opened:
    """The problem of an input, and what goes with it."""

    problem: Problem
    reference: Picture | None = None
    start: Picture | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restorer:
    """The recipe of a restoration.

    task: what is restored, with its options.
    settings: how; its `reference`, `start` and `progress` are set for each image.
    source: the model, with the device and the precision that records name.
    encoding: how results are put into files.
    max_pixels: of an image, read or made.
    sidecars: files that the task takes beside the input, as masks.
    reference: the clean images, for metrics alone.
    start: other results to begin from.
    maps: where the map of a result's uncertainty goes, by output.
    """

    task: Task
    settings: Settings
    source: ModelSource
    encoding: Encoding = Encoding()
    max_pixels: int = MAX_PIXELS
    sidecars: tuple[Sidecar, ...] = ()
    reference: Sidecar | None = None
    start: Sidecar | None = None
    maps: Mapping[str, str] = field(default_factory=dict)

    @property
    def asks_network(self) -> bool:
        """Whether a model is needed: without an evaluation a start is held, and no more."""
        return self.settings.nfe != 0

    @property
    def known(self) -> Record:
        """What a record says without any result."""
        if not self.asks_network:
            seed = self.settings.seed
            return Record(
                task=self.task.name, method="hold", nfe=0, seed=seed, device="cpu", dtype="fp32"
            )
        return Record(
            task=self.task.name,
            model=self.source.checkpoint.name,
            model_sha256=self.source.sha256,
            method=self.settings.method,
            mode=choose_mode(self.settings),
            nfe=None if self.task.planned else count_evaluations(self.task, self.settings),
            seed=self.settings.seed,
            device=self.source.device,
            dtype=self.source.dtype,
        )

    def load(self) -> BCM | None:
        """The model, None where none is asked.

        Errors as of `ModelSource.load`; RequestError where it has no such class.
        """
        if not self.asks_network:
            return None
        return self.source.load(checkpoints.admit_label(self.settings.label))

    def fix_model(self, model: BCM | None) -> Restorer:
        """The recipe that takes this very model and no other."""
        if model is None:
            return self
        return replace(self, source=replace(self.source, sha256=model.sha256))

    def work(self, model: BCM | None = None, show: Show | None = None) -> Work:
        """The work of this process; without a model all but the making."""
        return Work(
            self.known,
            self.read,
            partial(self.make, model, show),
            self.encoding.encode,
            collect_settings(self.known, self.encoding, self.settings, self.task.settings()),
            self.find_sidecars,
            partial(read_image, max_pixels=self.max_pixels),
        )

    def read(self, job: Job) -> Opened:
        """The input's problem, its sidecars in it, and its reference.

        ImageError for what cannot be used.
        """
        data = file_bytes(job.source, max_pixels=self.max_pixels)
        paths = {sidecar.kind: sidecar.find(job.input) for sidecar in self.sidecars}
        found = {kind: self._read_picture(path, kind) for kind, path in paths.items()}
        problem = self.task.with_sidecars(found).open(data, max_pixels=self.max_pixels)
        start = None
        if self.start is not None:
            start = self._read_picture(path := self.start.find(job.input), "start")
            check_size(start, problem, f"the start {path!r}")
        if self.reference is None:
            return Opened(problem, start=start)
        try:
            path = self.reference.find(job.input)
        except ImageError as error:  # it is for metrics alone
            return Opened(problem, start=start, warnings=(str(error),))
        reference = self._read_picture(path, "reference")
        check_size(reference, problem, f"the reference {path!r}")
        return Opened(problem, reference, start)

    def make(
        self,
        model: BCM | None,
        show: Show | None,
        job: Job,
        opened: Opened,
        progress: Progress | None,
    ) -> tuple[Picture | bytes, Record]:
        """The restored picture and its record; the map of its uncertainty, if any, is written.

        Of a lossy file, and of a picture that was left alone, the bytes and what these show.
        """
        settings = replace(
            self.settings,
            seed=choose_seed(job, self.settings.seed, self.settings.samples),
            varied=job.variant > 0,
            reference=opened.reference,
            start=opened.start,
            progress=progress,
        )
        result = opened.problem.task.solve(opened.problem, model, settings)
        record = replace(result.record, warnings=(*result.record.warnings, *opened.warnings))
        if self.start is not None:
            record = record.updated(start=self.start.find(job.input))
        if path := self.maps.get(job.output):
            result.save_uncertainty(path)
            record = record.updated(uncertainty=path)
        if show:
            show(job, result.picture, *self._show_given(opened))
        encoding = self.encoding.choose(job.output)
        if not encoding.decides(result):
            return result.picture, record
        encoded, shown = encoding.encode_result(replace(result, record=record))
        warnings = (*shown.warnings, *encoded.warnings)
        return encoded.data, replace(shown, warnings=warnings)

    def _show_given(self, opened: Opened) -> tuple[Picture, Picture | None]:
        """What went in and the reference, or their part where a part was made."""
        box, problem = self.settings.preview, opened.problem
        if box is None:
            return problem.source.upright(), opened.reference
        given = crop(problem.task.show_given(problem).upright(), box)
        return given, opened.reference and crop(opened.reference, box)

    def look(self, job: Job) -> tuple[Picture, Picture, Picture | None]:
        """What there is to see of a job that is done: what came out, what went in, the reference.

        ImageError where a file of it cannot be read.
        """
        opened = self.read(job)
        after = self._read_picture(job.output, "result")
        return after, opened.problem.source.upright(), opened.reference

    def find_sidecars(self, job: Job) -> list[str]:
        """The files that go with an input, on which its result depends."""
        found = (*self.sidecars, *([self.start] if self.start else []))
        return [sidecar.find(job.input) for sidecar in found]

    def _read_picture(self, path: str, kind: str) -> Picture:
        try:
            return as_picture(path, max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(f"the {kind} {path!r}: {error}") from error


def collect_settings(
    known: Record, encoding: Encoding, settings: Settings | None, own: Mapping[str, JSON]
) -> dict[str, JSON]:
    """All that an output's bytes depend on beside its inputs, as a manifest keeps it.

    known: gives the task, the model's hash and the precision.
    settings: None for a task without a network.
    own: the task's own options.
    """
    found: dict[str, JSON] = {
        "task": known.task, "model_sha256": known.model_sha256, "dtype": known.dtype
    }  # fmt: skip
    if settings:
        names = [one.name for one in fields(settings) if one.name not in IMMATERIAL]
        values = {name: getattr(settings, name) for name in names}
        found |= {key: one for key, one in values.items() if (key, one) not in OPTIONAL}
    return {**found, **encoding.settings(), **own}
