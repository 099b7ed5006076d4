"""Chart: the picture of an uncertainty, written beside the output that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restore.batch import STDOUT, Job, Plan, check_outputs
from restore.batch.inputs import identity
from restore.batch.plan import FORMATS, read_job
from restore.cli.options import Restoration
from restore.cli.terminal import piped
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.batch import Policy
    from restore.tasks import Result


@dataclass(frozen=True)
class Charts:
    """`paths` by output; none where no chart was asked for."""

    paths: Mapping[str, str] = field(default_factory=dict)

    def write(self, job: Job, result: Result) -> dict[str, str]:
        """Write that of a job, if there is one: what its record says of it."""
        path = self.paths.get(job.output)
        if path is None:
            return {}
        result.save_uncertainty(path)
        return {"uncertainty": path}


def charts_of(
    plan: Plan, restoration: Restoration, existing: Policy, aside: Sequence[str]
) -> tuple[Charts, Plan]:
    """The charts of a plan, and the plan, in which no job is done whose chart is missing.

    RequestError where a chart would be of one draw, or take the place of another file.
    """
    where = restoration.uncertainty
    if where is None:
        return Charts(), plan
    if restoration.samples < 2:
        raise RequestError(
            "--uncertainty shows where several draws disagree: give --samples 2 or more"
        )
    if where == STDOUT or not where or "\0" in where:
        raise RequestError(f"--uncertainty {where!r} is no file to write")
    folder = os.path.isdir(where) or where.endswith(("/", os.sep)) or len(plan.jobs) > 1
    paths = [_path(job, where) if folder else where for job in plan.jobs]
    _check(plan, paths, folder, where, aside)
    if existing == "error":
        for job, path in zip(plan.jobs, paths, strict=True):
            if not job.done and os.path.exists(path):
                raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y)")

    def judged(job: Job, path: str) -> Job:
        if not job.done or os.path.exists(path):
            return job
        again = replace(job, done=False, again=f"its chart {path!r} is missing")
        return read_job(again, plan.format, plan.kind, piped)

    jobs = tuple(map(judged, plan.jobs, paths))
    return Charts({j.output: p for j, p in zip(jobs, paths, strict=True)}), replace(plan, jobs=jobs)


def _path(job: Job, folder: str) -> str:
    return os.path.normpath(os.path.join(folder, job.input.place, f"{job.input.stem}.png"))


def _check(
    plan: Plan, paths: Sequence[str], folder: bool, where: str, aside: Sequence[str]
) -> None:
    from restore.images import ENDINGS, format_of

    if len(plan.jobs) > 1 and os.path.splitext(where)[1].lower() in ENDINGS:
        raise RequestError(f"--uncertainty {where!r} is one file for several: name a folder")
    if not folder:
        try:
            known = format_of(where) in FORMATS.values()
        except RequestError as error:
            raise RequestError(f"--uncertainty {error}; a folder ends in /") from error
        if not known:
            raise RequestError(f"--uncertainty {where!r}: give a .png")
    outputs = {identity(job.output) for job in plan.jobs if job.output != STDOUT}
    if taken := [path for path in paths if identity(path) in outputs]:
        raise RequestError(f"--uncertainty: {taken[0]!r} is where the result goes")
    made = [replace(job, output=path) for job, path in zip(plan.jobs, paths, strict=True)]
    try:
        check_outputs(made, "folder" if folder else "file", aside)
    except RequestError as error:
        raise RequestError(f"--uncertainty: {error}") from error
