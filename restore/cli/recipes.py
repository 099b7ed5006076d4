"""Recipe: a task with its settings, as data of which any process makes its own work.

A run makes it of its options; the process itself does the work, or workers on other machines do, to
which the recipe goes pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from restore.batch import Job, Progress, Sidecar, Size, Work
from restore.cli.charts import Charts
from restore.cli.options import Encoding, Source
from restore.cli.runs import decisive, encoder
from restore.errors import CheckpointError, ImageError

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.checkpoints import Checkpoint
    from restore.images import Picture
    from restore.tasks import Result, Settings

Show = Callable[..., None]  # of a job: what came out, what went in, the reference


@dataclass(frozen=True)
class Given:
    """An input and what goes with it; the image of a JPEG file stays bytes where `jpeg` asks."""

    image: Picture | bytes
    mask: Picture | str | None = None
    reference: Picture | None = None
    warnings: tuple[str, ...] = ()


def same_size(size: Size) -> Size:
    """What most tasks make of a size."""
    return size


@dataclass(frozen=True)
class Task:
    """`solve` restores, `size_out` tells the output's (width, height) from the input's.

    Both are functions of a module, so that they pickle. `own` are the options of the task's own
    that the pixels depend on.
    """

    name: str
    solve: Callable[[Given, BCM | None, Settings], Result]
    size_out: Callable[[Size], Size] = same_size
    mask: Sidecar | str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)


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
            decisive(self.known, self.format, self.encoding, self.settings, **self.task.own),
            self.sidecars,
        )

    def read(self, job: Job) -> Given:
        """The input with its mask and reference; ImageError for what cannot be used."""
        from restore.images import decode, read_bytes, sniff

        data = read_bytes(job.input.path) if job.data is None else job.data
        picture = decode(data, max_pixels=self.max_pixels)
        image = data if self.task.name == "jpeg" and sniff(data) == "JPEG" else picture
        mask: Picture | str | None = None
        if isinstance(self.task.mask, Sidecar):
            mask = self._picture(self.task.mask.find(job.input), "mask")
        else:
            mask = self.task.mask
        if self.reference is None:
            return Given(image, mask)
        try:
            path = self.reference.find(job.input)
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

    def make(
        self,
        model: BCM | None,
        show: Show | None,
        job: Job,
        given: Given,
        progress: Progress | None,
    ) -> tuple[Picture, dict[str, Any]]:
        """The restored picture and its record; the chart of its uncertainty, if any, is written."""
        settings = replace(self.settings, reference=given.reference, progress=progress)
        result = self.task.solve(given, model, settings)
        warnings = [*result.report["warnings"], *given.warnings]
        more = self.charts.write(job, result)
        if show:
            show(job, result.picture, given.image, given.reference)
        return result.picture, {**result.report, "warnings": warnings, **more}

    def pictures(self, job: Job) -> tuple[Picture, Picture | bytes, Picture | None]:
        """What there is to see of a job that is done: what came out, what went in, the reference.

        ImageError where a file of it cannot be read.
        """
        given = self.read(job)
        return self._picture(job.output, "result"), given.image, given.reference

    def sidecars(self, job: Job) -> list[str]:
        """The file of the mask, where there is one."""
        mask = self.task.mask
        return [mask.find(job.input)] if isinstance(mask, Sidecar) else []

    def _picture(self, path: str, kind: str) -> Picture:
        from restore.images import decode, read_bytes

        try:
            return decode(read_bytes(path), max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(f"the {kind} {path!r}: {error}") from error
