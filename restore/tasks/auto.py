"""Auto: find out what is wrong with a picture, and restore all of it; what is sound stays.

The diagnosis says which tasks there are. One solve does them where they have a form together: an
enlargement of a JPEG file or of a little noise, noise under a JPEG. Else they follow one another,
the last damage first: the compression, or the noise; then holes; then an enlargement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast, final

import numpy as np
import torch

from restore import metrics
from restore.defaults import DEFAULT_NFE, FOUND, SENSITIVITY, Find
from restore.degradations import Free
from restore.diagnosis import Diagnosis, Finding, find_noise, measure_hole
from restore.diagnosis.blocks import to_levels
from restore.diagnosis.diagnosis import examine, read_as_stored
from restore.errors import RequestError
from restore.holes import How, fill
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.images.comparison import compare_to_clean, compare_with_given, match_kinds
from restore.jpegfile import JpegFile
from restore.presets import Preset
from restore.record import JSON, Metrics, Record, name_of, round_decibels
from restore.result import ImageLike, Result
from restore.settings import DEFAULTS, Mode, Progress, Settings
from restore.tasks.denoise import Denoise
from restore.tasks.inpaint import Inpaint
from restore.tasks.jpeg import HELD_EARLIER, Jpeg
from restore.tasks.noisy_jpeg import NoisyJpeg
from restore.tasks.superres import Superres, enlarge_bicubic
from restore.tasks.task import Problem, Task, read_once

if TYPE_CHECKING:
    from restore.bcm import BCM

TOGETHER = 4.0  # levels of noise under a JPEG, from which on both are one solve
AROUND = (
    "The hole is filled after the compression is mended, which comes nearer to the truth than both "
    "at once; `inpaint` alone keeps the file's own pixels beside it to the last bit."
)
UNDER = "The noise is stronger than this JPEG's steps: it is taken out as if there were no JPEG."
BOTH = "The earlier compression is left: noise under the file's own has a solve, under both none."
TOLERATED = 6.0  # levels of noise, up to which an enlargement takes it away by its tolerance


@dataclass(frozen=True, eq=False)
class Examined(Problem):
    """found: what is wrong. left: what the steps leave of it, and why. steps: the tasks that mend
    it, in order. image: what the first opens.

    max_pixels: of a picture, read or made.
    """

    found: Diagnosis | None = None
    left: tuple[Finding, ...] = ()
    steps: tuple[Task, ...] = ()
    image: ImageLike | None = None
    max_pixels: int = MAX_PIXELS


@final
@dataclass(frozen=True)
class Auto(Task):
    """Find out what is wrong with a picture and restore all of it.

    scale: a factor above 1 to enlarge by; None does not. mask: of a hole to fill, as for `Inpaint`,
    "auto" to find scratches and dust; None looks for none. invert_mask: fill what is black.
    dilate: grow the hole by so many pixels to each side, 0 or more. fill: the first guess of it,
    "smooth", "patch" or "auto". find: what "auto" looks for, of "scratches", "dust", "stamps".
    sensitivity: of that, from 0 (what is certain) to 1 (all that may be).

    The number of evaluations is that of each step; the record has their sum.
    """

    name: ClassVar[str] = "auto"
    default_nfe: ClassVar[int] = max(DEFAULT_NFE.values())
    planned: ClassVar[bool] = True
    holds: ClassVar[bool] = False
    drawn: ClassVar[bool] = True
    check: ClassVar[str] = "degraded again by what was found"
    scale: float | None = None
    mask: ImageLike | None = field(default=None, compare=False)
    invert_mask: bool = False
    dilate: int = 0
    fill: How = "auto"
    find: tuple[Find, ...] = FOUND
    sensitivity: float = SENSITIVITY

    def __post_init__(self) -> None:
        self._filling()  # refuses what it cannot take

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Examined:
        given, data = read_once(image, max_pixels)
        source, file = read_as_stored(given, max_pixels)
        found, seen = examine(source, file, scaled=True), source.upright()
        hole, notes = self._find_hole(seen)
        if hole is not None:
            upright = source.orientation == 1  # else the grid lies otherwise
            found = _measure_around(found, seen, file if upright else None, hole)
        steps = tuple(self._plan(found, seen, hole))
        width, height = self.size_out(seen.size, max_pixels)
        return Examined(
            task=self,
            source=source,
            size=(width, height) if source.orientation < 5 else (height, width),
            severity=1.0,
            degradation=Free(),
            name=name_of(image),
            warnings=notes,
            sound=None if steps else found.sentences[-1],
            data=None if steps else data,
            found=found,
            left=tuple(_list_left(found, steps)),
            steps=steps,
            image=_smooth(given, source, hole) if _begins_noisy(steps) else given,
            max_pixels=max_pixels,
        )

    def solve(
        self, problem: Problem, model: BCM | None = None, settings: Settings = DEFAULTS
    ) -> Result:
        """All steps, one after the other; the record has the findings and each step."""
        problem = cast(Examined, problem)
        if settings.start is not None or settings.nfe == 0:
            raise RequestError("auto begins by what it finds: give a start to one of the tasks")
        began, records, spreads = time.perf_counter(), [], []
        image, result, count = problem.image, None, len(problem.steps)
        for n, step in enumerate(problem.steps):
            last = n + 1 == count
            own = replace(
                settings,
                reference=settings.reference if last else None,
                preview=settings.preview if last else None,
                progress=_share(settings.progress, n, count),
            )
            opened = step.open(cast(ImageLike, image), max_pixels=problem.max_pixels)
            result = step.solve(opened, model, own)
            image = result.picture
            records.append((step, result.record))
            spreads.append(result.uncertainty)
        if result is None:
            result = super().solve(problem, model, settings)
        several = count > 1 and settings.preview is None
        prove = partial(_prove_whole, problem, settings) if several else result.prove
        found = _prove_whole(problem, settings, result.picture) if several else {}
        if several and "uncertainty_mean" in result.record.metrics:
            found["uncertainty_mean"] = result.record.metrics["uncertainty_mean"]
        record = replace(
            result.record,
            status="doubtful" if any(r.status == "doubtful" for _, r in records) else "ok",
            task=self.name,
            input=problem.name,
            nfe=sum(r.nfe or 0 for _, r in records),
            size_in=problem.source.upright().size,
            seconds=round(time.perf_counter() - began, 3),
            metrics=found if several else result.record.metrics,
            warnings=_gather(problem, [r for _, r in records] or [result.record]),
            more={**result.record.more, **_tell(problem, records)},
        )
        return replace(result, record=record, prove=prove)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        """Of a picture that was left alone."""
        return {"psnr_input_db": None, "consistency_psnr_db": None, "consistency_exact": True}

    def show_given(self, problem: Problem) -> Picture:
        return enlarge_bicubic(problem.source, problem.size)

    def size_out(self, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
        return size if self.scale is None else Superres(self.scale).size_out(size, max_pixels)

    def sidecars(self) -> dict[str, str]:
        return self._filling().sidecars()

    def with_sidecars(self, found: Mapping[str, Picture]) -> Auto:
        return replace(self, mask=found["mask"]) if found else self

    def settings(self) -> dict[str, JSON]:
        return {"scale": self.scale, **self._filling().settings(), "filled": self.mask is not None}

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        raise RequestError("auto finds out what was done: degrade by one of the tasks")

    @classmethod
    def describe(cls, record: Record) -> str:
        return "; then ".join(step["done"] for step in record.more.get("steps", ()))

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset:
        return Preset((0.1,) * nfe)  # of a picture that is left alone: none is run

    def _filling(self) -> Inpaint:
        mask, find = self.mask, tuple(self.find)
        return Inpaint(mask, self.invert_mask, self.dilate, self.fill, find, self.sensitivity)

    def _find_hole(self, picture: Picture) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """The hole of an upright picture, if it has one, and what is to be said of it."""
        if self.mask is None:
            return None, ()
        hole, notes = self._filling().find_hole(picture)
        return hole if hole.any() else None, notes

    def _plan(self, found: Diagnosis, source: Picture, hole: np.ndarray | None) -> Iterator[Task]:
        """The tasks that mend what was found."""
        noise = found.noise if found.noisy else None
        enlarged = self.scale is not None and hole is None  # by the first solve itself
        sigma = 0.0 if noise is None else max(noise.effective, 1.0)
        if found.compressed and not found.sound:
            if noise is not None and sigma >= TOGETHER:
                yield NoisyJpeg(noise.before)
            elif found.recut:
                yield Jpeg(earlier=found.history)
            elif not enlarged or found.file is None:
                yield Jpeg()
        elif sigma and not (enlarged and sigma <= TOLERATED):
            yield Denoise(sigma / 3**0.5 if _is_grey(source) else sigma)
        if hole is not None:
            yield replace(self._filling(), mask=hole, invert_mask=False, dilate=0)
        if self.scale is not None:
            yield Superres(self.scale)


def _list_left(found: Diagnosis, steps: tuple[Task, ...]) -> Iterator[Finding]:
    """What the steps leave of the damage, or no longer hold, and why."""
    names = {step.name for step in steps}
    file = found.file
    if file is not None and "inpaint" in names and steps[0].name in ("jpeg", "noisy-jpeg"):
        yield Finding("left", AROUND)
    if file is not None and "denoise" in names:
        yield Finding("left", UNDER)
    if found.recut and "jpeg" in names:
        yield Finding("left", HELD_EARLIER)
    if found.recut and "noisy-jpeg" in names:
        yield Finding("left", BOTH)


def _is_grey(picture: Picture) -> bool:
    """Whether all channels are the same, so that noise is √3 times as strong along grey."""
    pixels = picture.pixels
    return all(np.array_equal(pixels[..., 0], pixels[..., i]) for i in range(pixels.shape[2]))


def _begins_noisy(steps: tuple[Task, ...]) -> bool:
    return bool(steps) and isinstance(steps[0], Denoise)


def _measure_around(
    found: Diagnosis, picture: Picture, file: JpegFile | None, hole: np.ndarray
) -> Diagnosis:
    """The diagnosis with the hole, and with the noise of what lies outside it."""
    pixels = to_levels(picture)
    pixels[hole] = 255  # as if clipped, which counts for nothing
    noise = find_noise(pixels, found.find_steps(file)) if found.kind.photographic else None
    return replace(found, noise=noise, hole=measure_hole(hole))


def _smooth(given: ImageLike, source: Picture, hole: np.ndarray | None) -> ImageLike:
    """The picture with its hole filled, so that what is there does not leak over its edge."""
    if hole is None:
        return given
    seen = source.upright()
    filled = fill(seen.tensor(), torch.from_numpy(~hole)[None, None])
    pixels = np.where(hole[..., None], seen.with_tensor(filled).pixels, seen.pixels)
    return seen.with_pixels(pixels)


def _share(progress: Progress | None, n: int, count: int) -> Progress | None:
    """The progress of one of several steps, as part of all."""
    if progress is None:
        return None
    return lambda done, total: progress(n * total + done, count * total)


def _prove_whole(problem: Examined, settings: Settings, picture: Picture) -> Metrics:
    """The figures of several steps' result against what was given, and against the clean one."""
    given = enlarge_bicubic(problem.source, problem.size).upright()
    found: Metrics = {
        "psnr_input_db": round_decibels(metrics.psnr(*match_kinds(picture, given))),
        "consistency_psnr_db": None,
        "consistency_exact": False,
    }
    if settings.reference is not None:
        clean = as_picture(settings.reference)
        found.update(compare_to_clean(picture, clean))
        found.update(compare_with_given(found, given, clean))
    return found


def _gather(problem: Examined, records: list[Record]) -> tuple[str, ...]:
    """The warnings of all steps, each once, but for what the findings say already."""
    assert problem.found is not None
    said = [*problem.source.warnings, *problem.warnings]
    said += [warning for record in records for warning in record.warnings]
    known = problem.found.sentences
    kept = [one for one in said if not any(one.startswith(sentence) for sentence in known)]
    return tuple(dict.fromkeys(kept))


def _tell(problem: Examined, records: list[tuple[Task, Record]]) -> dict[str, JSON]:
    """What the record has beside its own fields: the findings, and each step."""
    assert problem.found is not None
    steps = []
    for task, record in records:
        done = task.describe(record) if record.nfe else "left as it is"
        steps.append(
            {"task": task.name, "done": done, "nfe": record.nfe, "metrics": dict(record.metrics)}
        )
    *findings, verdict = problem.found.findings
    said = [one.as_dict() for one in (*findings, *problem.left, verdict)]
    return {"findings": said, "steps": steps}
