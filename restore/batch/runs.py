"""Run: a task's work done with every job of a plan that is not done.

A disk that takes nothing more ends the run, as then every job would fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from restore.batch.inputs import STDIN
from restore.batch.jobs import STDOUT, Job
from restore.batch.manifest import Manifest
from restore.batch.pipeline import Failure, Stages, in_turn, overlapped
from restore.batch.plan import Plan, measured
from restore.batch.work import (
    Ended,
    Progress,
    Result,
    Taken,
    Work,
    finish,
    make,
    passed_over,
    read,
    try_writing,
)
from restore.errors import ImageError, ResourceError, RestoreError


class Witness(Protocol):
    """Who is told of a run: what begins and ends, and the bytes that go to standard output."""

    def begins(self, number: int, job: Job) -> Progress | None: ...
    def ends(self, number: int, job: Job, ended: Ended) -> None: ...
    def emit(self, data: bytes) -> None: ...


Turn = tuple[int, Job]  # counted from 1


def run(
    plan: Plan,
    work: Work,
    witness: Witness,
    *,
    manifest: Manifest | None = None,
    threads: int = 0,
    fail_fast: bool = False,
) -> None:
    """Do every job that is not done, with so many threads beside the network for each codec.

    ResourceError where the run could not go on.
    """
    fatal: list[RestoreError] = []

    def begin(turn: Turn) -> Taken | None:
        return None if turn[1].done else read(turn[1], work, manifest is not None)

    def go_on(turn: Turn, taken: Taken | None) -> Result | None:
        return None if taken is None else make(turn[1], taken, work, witness.begins(*turn))

    def end(turn: Turn, result: Result | Failure | None) -> Ended:
        if result is None:
            return passed_over(turn[1], work)
        return finish(turn[1], result, work, manifest, witness.emit)

    def report(turn: Turn, ended: Ended) -> bool:
        witness.ends(*turn, ended)
        if ended.fatal:
            fatal.append(ended.fatal)
        return bool(ended.fatal or (fail_fast and ended.failure))

    turns = list(enumerate(plan.jobs, 1))
    stages = Stages(begin, go_on, end, report, lambda turn: _pixels(turn[1], plan))
    if threads and len(turns) > 1:
        overlapped(turns, stages, threads, strict=fail_fast)
    else:
        in_turn(turns, stages)
    if fatal:
        raise fatal[0]


def probe(plan: Plan, more: Iterable[str] = ()) -> None:
    """Make the folders of the outputs, and of `more`, tidy them and try to write into each.

    ResourceError where that fails.
    """
    from restore.images import sweep

    outputs = [job.output for job in plan.jobs if not job.done and job.output != STDOUT]
    outputs += more
    for folder in dict.fromkeys(os.path.dirname(os.path.abspath(output)) for output in outputs):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise ResourceError(f"cannot make {folder!r}: {error.strerror}") from error
        sweep(folder)
        try_writing(folder)


def resumed(plan: Plan, manifest: Manifest, work: Work) -> Plan:
    """The plan, the jobs that the manifest tells have to be done again no longer done."""

    def judged(job: Job) -> Job:
        entry = manifest.made.get(manifest.name(job.output))
        if not job.done or entry is None or job.input.path == STDIN:
            return job
        try:
            inputs = [job.input.path, *work.companions(job)]
        except ImageError as error:
            why = str(error)
        else:
            why = entry.difference(work.settings, inputs, job.output)
        if not why:
            return job
        return measured(replace(job, done=False, again=why), plan.format, plan.kind)

    return replace(plan, jobs=tuple(map(judged, plan.jobs)))


def _pixels(job: Job, plan: Plan) -> int:
    """What a job holds at most, as its header says."""
    if job.done or job.header is None:
        return 0
    (width, height), (wide, high) = job.header.size, plan.kind.size_out(job.header.size)
    return max(width * height, wide * high)
