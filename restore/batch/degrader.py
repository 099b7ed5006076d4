"""Degrader: what makes the degraded input of a task from each clean image of a run.

The degradation is the task's own, `Task.degrade`; a hole may be drawn, and its mask is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from restore.batch.inputs import Sidecar
from restore.batch.plan import Job
from restore.batch.restorer import Encoding, collect_settings
from restore.batch.run import Progress, Work
from restore.files import write_atomically
from restore.images import (
    MAX_PIXELS,
    Picture,
    as_picture,
    encode,
    format_of,
    read_header,
)
from restore.images.metadata import list_lost
from restore.record import JSON, Record
from restore.tasks import TASKS, Inpaint, draw_mask

ShowDegraded = Callable[[Job, "Picture | bytes", Picture], None]
"""Called as show(job, degraded, clean) when a degraded input is made, before it is written."""


@dataclass(frozen=True)
class Degrader:
    """The recipe of degraded inputs.

    task: the name of the task whose inputs are made, a key of `TASKS`.
    options: the degradation's, by name, such as `quality`; None for what is not given.
    masks: where holes are known: a mask for all, or one of each input's name.
    outputs: where the mask of a drawn hole goes, by job.
    seed: of drawn holes and of noise, any integer.
    max_pixels: of an image that is read.
    """

    task: str
    options: Mapping[str, JSON] = field(default_factory=dict)
    masks: Sidecar | None = None
    outputs: Mapping[Job, str] = field(default_factory=dict)
    seed: int = 0
    max_pixels: int = MAX_PIXELS

    @property
    def known(self) -> Record:
        """What a record says without any result; a seed where anything is random."""
        random = self.options.get("missing") or self.options.get("sigma") is not None
        seed = self.seed if random or self.task == "denoise" else None
        return Record(task=f"degrade {self.task}", seed=seed)

    def work(self, format: str, show: ShowDegraded | None = None) -> Work:
        """The work of this process. format: of the outputs, "PNG", "JPEG", "WEBP" or "TIFF"."""
        encoding = Encoding(format)

        def make(
            job: Job, picture: Picture, progress: Progress | None
        ) -> tuple[Picture | bytes, Record]:
            return self.make(job, picture, show)

        settings = collect_settings(self.known, encoding, None, self.options)
        return Work(self.known, self.read, make, encoding.encode, settings, self.find_sidecars)

    def read(self, job: Job) -> Picture:
        """The clean image of a job. ImageError where it cannot be used."""
        return as_picture(job.source, max_pixels=self.max_pixels)

    def make(
        self, job: Job, picture: Picture, show: ShowDegraded | None = None
    ) -> tuple[Picture | bytes, Record]:
        """The degraded picture, or the bytes of its file, and the record."""
        began = time.perf_counter()
        made = self.degrade(job, picture)
        warnings = picture.warnings
        if isinstance(made, bytes):  # of a JPEG file
            size = read_header(made).size
            warnings += tuple(list_lost(picture.metadata, "JPEG", picture.icc is not None))
            if picture.alpha is not None:
                warnings += ("JPEG has no place for transparency, which was dropped",)
        else:
            size = made.size
        record = replace(
            self.known,
            size_in=picture.size,
            size_out=size,
            seconds=round(time.perf_counter() - began, 3),
            warnings=warnings,
        )
        if show:
            show(job, made, picture)
        return made, record

    def degrade(self, job: Job, picture: Picture) -> Picture | bytes:
        """What the task's degradation makes of a clean image; the mask of a drawn hole is written.

        ResourceError where the mask cannot be written.
        """
        if self.task != "inpaint":
            kind = TASKS[self.task]
            names = [f.name for f in fields(kind) if self.options.get(f.name) is not None]
            return kind(**{name: self.options[name] for name in names}).degrade(picture, self.seed)
        if self.masks is not None:
            return Inpaint(self.masks.find(job.input)).degrade(picture)
        hole = draw_mask(picture.size, self.options["missing"], self.seed)
        if path := self.outputs.get(job):
            write_atomically(path, encode(hole, format_of(path)))
        return Inpaint(hole).degrade(picture)

    def find_sidecars(self, job: Job) -> list[str]:
        """The files that go with an input, on which its result depends."""
        return [] if self.masks is None else [self.masks.find(job.input)]
