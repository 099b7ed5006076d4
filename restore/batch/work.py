"""Work: what a task does with its jobs; and a run, which does it with all.

What fails is named and the rest goes on. A disk that takes nothing more ends the run, as then every
job would fail.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from restore.batch.inputs import STDIN
from restore.batch.jobs import STDOUT, Job
from restore.batch.manifest import Entry, Manifest, Print, printed
from restore.batch.pipeline import Failure, Stages, in_turn, overlapped
from restore.batch.plan import Plan, measured
from restore.batch.records import blank
from restore.errors import ImageError, ResourceError

if TYPE_CHECKING:
    from restore.images import Picture

Progress = Callable[[int, int], None]  # calls done, calls in all
Made: TypeAlias = "Picture | bytes | dict[str, bytes]"


@dataclass(frozen=True)
class Work:
    """What is done with each job: `make` gets what `read` gave.

    It gives the picture, the bytes of a file, or those of all files of a folder by their names, and
    its record. `encode` makes the bytes of a picture. `known` is what a record says without any
    result, the task at least. `settings` decide the bytes of an output, with the input and the
    files that are its `companions`.
    """

    known: dict[str, Any]
    read: Callable[[Job], Any]
    make: Callable[[Job, Any, Progress | None], tuple[Made, dict[str, Any]]]
    encode: Callable[[Picture], bytes] = lambda picture: b""
    settings: Mapping[str, Any] = field(default_factory=dict)
    companions: Callable[[Job], Sequence[str]] = lambda job: ()


@dataclass(frozen=True)
class Ended:
    """A job's record, what failed if anything did, and why the run cannot go on, if it cannot."""

    record: dict[str, Any]
    failure: Failure | None = None
    fatal: ResourceError | None = None


class Witness(Protocol):
    """Who is told of a run: what begins and ends, and the bytes that go to standard output."""

    def begins(self, number: int, job: Job) -> Progress | None: ...
    def ends(self, number: int, job: Job, ended: Ended) -> None: ...
    def emit(self, data: bytes) -> None: ...


class _Given(NamedTuple):
    """What a job's files hold, and their prints."""

    value: Any
    prints: tuple[Print, ...] = ()


class _Result(NamedTuple):
    made: Made
    record: dict[str, Any]
    prints: tuple[Print, ...]


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
    fatal: list[ResourceError] = []

    def read(turn: Turn) -> _Given:
        return _read(turn[1], work, manifest is not None)

    def make(turn: Turn, given: _Given) -> _Result | None:
        number, job = turn
        if job.done:
            return None
        made, record = work.make(job, given.value, witness.begins(number, job))
        return _Result(made, record, given.prints)

    def finish(turn: Turn, result: _Result | Failure | None) -> Ended:
        return _finished(turn[1], result, work, manifest, witness.emit)

    def report(turn: Turn, ended: Ended) -> bool:
        witness.ends(*turn, ended)
        if ended.fatal:
            fatal.append(ended.fatal)
        return bool(ended.fatal or (fail_fast and ended.failure))

    turns = list(enumerate(plan.jobs, 1))
    stages = Stages(read, make, finish, report, lambda turn: _pixels(turn[1], plan))
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
        _try(folder)


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


def _read(job: Job, work: Work, recorded: bool) -> _Given:
    """What the task needs of a job's files; where that is recorded, with their prints."""
    from restore.images import read_bytes

    if job.done:
        return _Given(None)
    if not recorded:
        return _Given(work.read(job))
    paths = [job.input.path, *work.companions(job)]
    stats = [_stat(path) for path in paths]
    data = [read_bytes(path) if job.data is None else job.data for path in paths[:1]]
    data += map(read_bytes, paths[1:])
    prints = tuple(map(printed, data, stats))
    return _Given(work.read(replace(job, data=data[0])), prints)


def _stat(path: str) -> os.stat_result | None:
    with suppress(OSError, ValueError):  # reading says what is wrong
        return os.stat(path)
    return None


def _finished(
    job: Job,
    result: _Result | Failure | None,
    work: Work,
    manifest: Manifest | None,
    emit: Callable[[bytes], None],
) -> Ended:
    """Encode and write what was made, and say how the job ended."""
    title = job.input.path, job.output
    if result is None:
        warnings = ["the output exists"]
        return Ended(blank(work.known, *title, status="skipped", warnings=warnings))
    if isinstance(result, _Result):
        record = blank(work.known, *title, **result.record)
        began = time.perf_counter()
        try:
            _write(job, result, record, work, manifest, emit)
            return Ended(record)
        except Exception as error:
            result = Failure("writing", error, time.perf_counter() - began)
    cause = result.error
    failure = {"type": type(cause).__name__, "message": str(cause), "stage": result.stage}
    seconds = round(result.seconds, 3)
    record = blank(work.known, *title, status="failed", seconds=seconds, error=failure)
    fatal = None
    try:
        if manifest:
            manifest.add(Entry(manifest.name(job.output), record, work.settings))
        if isinstance(cause, ResourceError) and result.stage == "writing" and job.output != STDOUT:
            _try(os.path.dirname(os.path.abspath(job.output)))
    except ResourceError as full:
        fatal = full
    return Ended(record, result, fatal)


def _write(
    job: Job,
    result: _Result,
    record: dict[str, Any],
    work: Work,
    manifest: Manifest | None,
    emit: Callable[[bytes], None],
) -> None:
    from restore.images import write_atomically

    made = result.made
    if isinstance(made, dict):
        for name, data in made.items():
            write_atomically(os.path.join(job.output, name), data)
        return
    data = made if isinstance(made, bytes) else work.encode(made)
    if job.output == STDOUT:
        emit(data)
        return

    def ready(stat: os.stat_result) -> None:
        if manifest:
            name, prints = manifest.name(job.output), result.prints
            manifest.add(Entry(name, record, work.settings, prints, printed(data, stat)))

    write_atomically(job.output, data, ready=ready, tidy=False)


def _try(folder: str) -> None:
    """ResourceError where the folder takes no file."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ResourceError(f"cannot write into {folder!r}: {error.strerror}") from error


def _pixels(job: Job, plan: Plan) -> int:
    """What a job holds at most, as its header says."""
    if job.done or job.outline is None:
        return 0
    (width, height), (wide, high) = job.outline.size, plan.kind.size_out(job.outline.size)
    return max(width * height, wide * high)
