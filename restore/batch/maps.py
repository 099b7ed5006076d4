"""Maps: pictures of the uncertainty of results, and where each of them goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from restore.batch.inputs import normalise_path
from restore.batch.plan import STDOUT, Job, Plan, check_outputs, read_job
from restore.errors import RequestError
from restore.formats import ENDINGS, WRITTEN, format_of


def plan_maps(
    plan: Plan,
    where: str,
    *,
    samples: int,
    aside: Sequence[str] = (),
    stdin: Callable[[], bytes] = bytes,
) -> tuple[Mapping[str, str], Plan]:
    """The map of each output, and the plan, in which no job is done whose map is missing.

    where: a file, or a folder in which each map has its input's name.
    samples: draws of each result; one alone has no uncertainty.
    aside: files and folders that belong to the inputs.
    stdin: gives the bytes of standard input, for the name -.
    Raises RequestError where a map would be of one draw, or take the place of another file.
    """
    if samples < 2:
        raise RequestError(
            "--uncertainty shows where several draws disagree: give --samples 2 or more"
        )
    if where == STDOUT or not where or "\0" in where:
        raise RequestError(f"--uncertainty {where!r} is no file to write")
    stem, ending = os.path.splitext(where)
    several = len({job.input for job in plan.jobs}) > 1
    folder = os.path.isdir(where) or where.endswith(("/", os.sep)) or several
    paths = [_name(job, where) if folder else stem + job.tail + ending for job in plan.jobs]
    _check(plan, paths, folder, where, aside)
    if plan.existing == "error":
        for job, path in zip(plan.jobs, paths, strict=True):
            if not job.done and os.path.exists(path):
                raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y)")

    def judge(job: Job, path: str) -> Job:
        if not job.done or os.path.exists(path):
            return job
        again = replace(job, done=False, again=f"its map {path!r} is missing")
        return read_job(again, plan.format, plan.kind, stdin)

    jobs = tuple(map(judge, plan.jobs, paths))
    return {j.output: p for j, p in zip(jobs, paths, strict=True)}, replace(plan, jobs=jobs)


def _name(job: Job, folder: str) -> str:
    return os.path.normpath(
        os.path.join(folder, job.input.place, f"{job.input.stem}{job.tail}.png")
    )


def _check(
    plan: Plan, paths: Sequence[str], folder: bool, where: str, aside: Sequence[str]
) -> None:
    several = len({job.input for job in plan.jobs}) > 1
    if several and os.path.splitext(where)[1].lower() in ENDINGS:
        raise RequestError(f"--uncertainty {where!r} is one file for several: name a folder")
    if not folder:
        try:
            known = format_of(where) in WRITTEN.values()
        except RequestError as error:
            raise RequestError(f"--uncertainty {error}; a folder ends in /") from error
        if not known:
            raise RequestError(f"--uncertainty {where!r}: give a .png")
    outputs = {normalise_path(job.output) for job in plan.jobs if job.output != STDOUT}
    if taken := [path for path in paths if normalise_path(path) in outputs]:
        raise RequestError(f"--uncertainty: {taken[0]!r} is where the result goes")
    top = where if folder else None
    made = [replace(job, output=path, top=top) for job, path in zip(plan.jobs, paths, strict=True)]
    try:
        check_outputs(made, "folder" if folder else "file", aside)
    except RequestError as error:
        raise RequestError(f"--uncertainty: {error}") from error
