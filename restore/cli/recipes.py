"""Recipe: a task with its settings, as data of which any process makes its own work.

A run makes it of its options; the process itself does the work, or workers on other machines do, to
which the recipe goes pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from restore.batch import Job, Progress, Sidecar, Work
from restore.cli.charts import Charts
from restore.cli.options import Encoding, Source
from restore.cli.runs import decisive, encoder
from restore.errors import CheckpointError, ImageError

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.checkpoints import Checkpoint
    from restore.images import Picture
    from restore.tasks import Problem, Settings, Task

Show = Callable[..., None]  # of a job: what came out, what went in, the reference


@dataclass(frozen=True)
class Opened:
    """The problem of an input, and what goes with it."""

    problem: Problem
    reference: Picture | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restorer:
    """A task, its settings and its model's name: the recipe of a restoration.

    `known` is what a record says without any result.
    """

    task: Task
    settings: Settings
    known: Mapping[str, Any]
    checkpoint: Checkpoint
    source: Source
    threads: int | None
    format: str
    encoding: Encoding
    max_pixels: int
    sidecars: tuple[Sidecar, ...] = ()
    reference: Sidecar | None = None
    charts: Charts = field(default_factory=Charts)

    def load(self) -> BCM:
        """The model, where and as the record says. CheckpointError where that is not it."""
        import torch

        from restore.checkpoints import load

        if self.threads:
            torch.set_num_threads(self.threads)
        model = load(
            self.checkpoint,
            self.known["device"],
            self.known["dtype"],
            allow_unverified=self.source.allow_unverified,
            offline=self.source.offline,
        )
        if self.known["model_sha256"] not in (None, model.sha256):
            raise CheckpointError(
                f"{self.checkpoint.name} is another file here than where the run began: SHA-256 "
                f"{model.sha256}, not {self.known['model_sha256']}"
            )
        return model

    def of(self, model: BCM) -> Restorer:
        """The recipe that takes this very model and no other."""
        return replace(self, known={**self.known, "model_sha256": model.sha256})

    def work(self, model: BCM | None = None, show: Show | None = None) -> Work:
        """The work of this process; without a model all but the making."""
        return Work(
            self.known,
            self.read,
            partial(self.make, model, show),
            encoder(self.format, self.encoding),
            decisive(self.known, self.format, self.encoding, self.settings, **self.task.settings()),
            self.find_sidecars,
        )

    def read(self, job: Job) -> Opened:
        """The input's problem, its mask in it, and its reference.

        ImageError for what cannot be used.
        """
        from restore.images import read_bytes

        data = read_bytes(job.input.path) if job.data is None else job.data
        found = {c.kind: self._picture(c.find(job.input), c.kind) for c in self.sidecars}
        problem = self.task.with_sidecars(found).open(data, max_pixels=self.max_pixels)
        if self.reference is None:
            return Opened(problem)
        try:
            path = self.reference.find(job.input)
        except ImageError as error:  # it is for metrics alone
            return Opened(problem, warnings=(str(error),))
        reference = self._picture(path, "reference")
        from restore.tasks.restoration import check_reference

        check_reference(reference, problem, f"the reference {path!r}")
        return Opened(problem, reference)

    def make(
        self,
        model: BCM | None,
        show: Show | None,
        job: Job,
        opened: Opened,
        progress: Progress | None,
    ) -> tuple[Picture, dict[str, Any]]:
        """The restored picture and its record; the chart of its uncertainty, if any, is written."""
        from restore.tasks import solve_problem

        settings = replace(self.settings, reference=opened.reference, progress=progress)
        result = solve_problem(opened.problem, model, settings)
        report = result.report
        more = self.charts.write(job, result)
        if show:
            show(job, result.picture, opened.problem.source.upright(), opened.reference)
        warnings = [*report["warnings"], *opened.warnings]
        return result.picture, {**report, "warnings": warnings, **more}

    def pictures(self, job: Job) -> tuple[Picture, Picture, Picture | None]:
        """What there is to see of a job that is done: what came out, what went in, the reference.

        ImageError where a file of it cannot be read.
        """
        opened = self.read(job)
        before = opened.problem.source.upright()
        return self._picture(job.output, "result"), before, opened.reference

    def find_sidecars(self, job: Job) -> list[str]:
        """The files that go with an input, on which its result depends."""
        return [sidecar.find(job.input) for sidecar in self.sidecars]

    def _picture(self, path: str, kind: str) -> Picture:
        from restore.images import decode, read_bytes

        try:
            return decode(read_bytes(path), max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(f"the {kind} {path!r}: {error}") from error
