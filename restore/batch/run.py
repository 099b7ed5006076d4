"""Run: each job of a plan from its files to its file, by what a task does with it.

    read  ->  make (the network)  ->  finish

Each step gets what the step before it gave, or its failure. What passes between steps pickles: one
process may take all steps, or each step may have processes of its own. A job that fails is named
and the others go on. A disk that takes nothing more ends the run, as then every job would fail.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from restore import files
from restore.batch.inputs import STDIN
from restore.batch.manifest import (
    Fingerprint,
    Lines,
    Manifest,
    ManifestEntry,
    fingerprint,
)
from restore.batch.pipeline import Failure, Stages, Steps, run_in_turn, run_overlapped
from restore.batch.plan import STDOUT, Job, Plan, read_job
from restore.errors import ImageError, ResourceError, RestoreError
from restore.files import make_folder, read_bytes, sweep, write_atomically
from restore.record import Cause, Record
from restore.settings import Progress

if TYPE_CHECKING:
    from restore.images import Encoded, Picture

Output: TypeAlias = "Picture | bytes | dict[str, bytes]"
"""A picture, the bytes of a file, or those of all files of a folder by their names."""

Turn = tuple[int, Job]  # counted from 1
CHANGED = "the output has changed since and is left alone; --existing repair makes it again"


@dataclass(frozen=True)
class Work:
    """What is done with each job.

    known: what a record says without any result, the task at least.
    read: gives what `make` needs of a job's files.
    make: gets the job, what `read` gave, and a progress callback; gives the output and its record.
    encode: makes a picture's file for an output; None where `make` gives no picture.
    settings: all that decides the bytes of an output beside its inputs; kept in the manifest.
    sidecars: the paths of the files beside the input that an output depends on, as masks.
    read_file: gives the bytes of an input's file; ImageError for what can be none.
    """

    known: Record
    read: Callable[[Job], Any]
    make: Callable[[Job, Any, Progress | None], tuple[Output, Record]]
    encode: Callable[[Picture, str], Encoded] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sidecars: Callable[[Job], Sequence[str]] = lambda job: ()
    read_file: Callable[[str], bytes] = read_bytes


class WorkFactory(Protocol):
    """Work as data, which pickles: any process makes its own work of it.

    `load` gives what a process holds once, the model, without which only `make` cannot be done;
    RestoreError where it cannot be had.
    """

    def load(self) -> Any: ...
    def work(self, model: Any = None) -> Work: ...


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    record: what is said of it.
    failure: the stage and the error, where one failed.
    fatal: why the run cannot go on, where it cannot.
    """

    record: Record
    failure: Failure | None = None
    fatal: RestoreError | None = None

    def make_portable(self) -> Outcome:
        """The outcome such that another process can read it."""
        return replace(self, failure=self.failure.make_portable()) if self.failure else self


class Observer(Protocol):
    """Whom a run calls. Jobs are numbered from 1, in the order of the plan.

    `begin` comes before the network runs, from the thread that takes the steps; it gives the
    progress callback for that job, or None. `end` comes for every job, in order and never twice at
    once, but from other threads too. `emit` gets the bytes for standard output. On a cluster `end`
    alone is called.
    """

    def begin(self, number: int, job: Job) -> Progress | None: ...
    def end(self, number: int, job: Job, outcome: Outcome) -> None: ...
    def emit(self, data: bytes) -> None: ...


class Loaded(NamedTuple):
    """What a job's files hold, and their fingerprints."""

    value: Any
    fingerprints: tuple[Fingerprint, ...] = ()


class Restored(NamedTuple):
    """What was made, its record, and the fingerprints of what it was made of."""

    output: Output
    record: Record
    fingerprints: tuple[Fingerprint, ...]


def exhaust(steps: Steps) -> None:
    """Take all steps; the run is closed at once where the caller is interrupted."""
    with closing(steps):
        for _ in steps:
            pass


def run_stepwise(
    plan: Plan,
    work: Work,
    observer: Observer,
    *,
    manifest: Manifest | None = None,
    threads: int = 0,
    fail_fast: bool = False,
) -> Steps:
    """Do every job that is not done, step by step; the observer is called meanwhile.

    Closed before its end, it begins nothing new and lets what is made be written.

    manifest: keeps what each output was made of, and is open; None keeps nothing.
    threads: so many read and as many write beside the network; 0 is one job after the other.
    fail_fast: begin nothing after the first failure.
    Raises ResourceError where the run cannot go on.
    """
    reporter = Reporter(observer, fail_fast)

    def begin(turn: Turn) -> Loaded | None:
        return None if turn[1].done else load_job(turn[1], work, manifest is not None)

    def go_on(turn: Turn, loaded: Loaded | None) -> Restored | None:
        return None if loaded is None else make(turn[1], loaded, work, observer.begin(*turn))

    def end(turn: Turn, result: Restored | Failure | None) -> Outcome:
        if result is None:
            return skip(turn[1], work)
        return finish(turn[1], result, work, manifest, observer.emit)

    turns = list(enumerate(plan.jobs, 1))
    stages = Stages(begin, go_on, end, reporter.report, lambda turn: _count_pixels(turn[1], plan))
    if threads and len(turns) > 1:
        steps = run_overlapped(turns, stages, threads, strict=fail_fast)
    else:
        steps = run_in_turn(turns, stages)
    yield from steps
    if reporter.fatal:
        raise reporter.fatal


def keep_open(manifest: Manifest | None, steps: Steps) -> Steps:
    """The steps of a run, a manifest being open meanwhile. ResourceError where it cannot be."""
    try:
        if manifest:
            manifest.open()
        yield from steps
    finally:
        if manifest:
            manifest.close()


class Reporter:
    """Tells an observer how each job ended, and the run when to stop."""

    def __init__(self, observer: Observer, fail_fast: bool) -> None:
        self.fatal: RestoreError | None = None  # why the run cannot go on
        self._observer, self._fail_fast = observer, fail_fast

    def report(self, turn: Turn, outcome: Outcome) -> bool:
        """Whether no further job is to be begun."""
        self._observer.end(*turn, outcome)
        self.fatal = self.fatal or outcome.fatal
        return bool(outcome.fatal or (self._fail_fast and outcome.failure))


def load_job(job: Job, work: Work, recorded: bool) -> Loaded:
    """What the task needs of a job's files; where that is recorded, with their fingerprints.

    ImageError for a job that is refused.
    """
    if job.refusal:
        raise ImageError(job.refusal)
    if not recorded:
        return Loaded(work.read(job))
    paths = [job.input.path, *work.sidecars(job)]
    stats = [_stat(path) for path in paths]
    data = [work.read_file(path) if job.data is None else job.data for path in paths[:1]]
    data += map(work.read_file, paths[1:])
    fingerprints = tuple(map(fingerprint, data, stats))
    return Loaded(work.read(replace(job, data=data[0])), fingerprints)


def make(job: Job, loaded: Loaded, work: Work, progress: Progress | None = None) -> Restored:
    """What the task makes of it."""
    output, record = work.make(job, loaded.value, progress)
    return Restored(output, record, loaded.fingerprints)


def finish(
    job: Job,
    result: Restored | Failure,
    work: Work,
    manifest: Lines | None,
    emit: Callable[[bytes], None] | None = None,
) -> Outcome:
    """Encode and write what was made, and say how the job ended."""
    if isinstance(result, Restored):
        began = time.perf_counter()
        try:
            return Outcome(_write(job, result, work, manifest, emit))
        except Exception as error:
            result = Failure("writing", error, time.perf_counter() - began)
    cause = result.error
    failure: Cause = {"type": type(cause).__name__, "message": str(cause), "stage": result.stage}
    seconds = round(result.seconds, 3)
    record = entitle(replace(work.known, status="failed", seconds=seconds, error=failure), job)
    fatal = None
    try:
        if manifest:
            manifest.add_entry(
                ManifestEntry(manifest.relate(job.output), record, _settings_of(job, work))
            )
        if isinstance(cause, ResourceError) and result.stage == "writing" and job.output != STDOUT:
            files.probe_folder(os.path.dirname(os.path.abspath(job.output)))
    except ResourceError as full:
        fatal = full
    return Outcome(record, result, fatal)


def skip(job: Job, work: Work) -> Outcome:
    """How a job ends whose output is there already."""
    warnings = ("the output exists", *filter(None, [job.warning]))
    return Outcome(entitle(replace(work.known, status="skipped", warnings=warnings), job))


def entitle(record: Record, job: Job) -> Record:
    """The record with the names of a job's files."""
    return replace(record, input=job.input.path or None, output=job.output)


def choose_seed(job: Job, seed: int, samples: int) -> int:
    """The seed of a job, from that of its first variant; each variant has so many draws."""
    return seed + max(job.variant - 1, 0) * samples


def _settings_of(job: Job, work: Work) -> Mapping[str, Any]:
    """All that decides the bytes of a job's output beside its inputs."""
    if not job.variant:
        return work.settings
    seed = choose_seed(job, work.settings["seed"], work.settings["samples"])
    return {**work.settings, "seed": seed}


def rehearse(plan: Plan, known: Record) -> list[Record]:
    """What a run would do with each job, as its record: leave it, write it or fail."""
    records = []
    for job in plan.jobs:
        if job.done:
            notes: tuple[str, ...] = ("the output exists", *filter(None, [job.warning]))
        else:
            notes = ("dry run: nothing was written",)
        record = replace(known, status="skipped", warnings=notes)
        if job.refusal:
            error: Cause = {"type": "ImageError", "message": job.refusal, "stage": "reading"}
            record = replace(known, status="failed", error=error)
        records.append(entitle(record, job))
    return records


def prepare_folders(plan: Plan, more: Iterable[str] = ()) -> list[str]:
    """Make the folders of the outputs, and of `more`, tidy them and try to write into each.

    Gives the folders whose disk cannot confirm what is written: a power cut may take it. Raises
    ResourceError where a folder takes no file, RequestError where a link leads out of the folder
    of all outputs.
    """
    unconfirmed = []
    outputs = [job.output for job in plan.jobs if not job.done and job.output != STDOUT]
    paths = [(output, plan.folder) for output in outputs] + [(path, None) for path in more]
    folders = {os.path.dirname(os.path.abspath(path)): top for path, top in reversed(paths)}
    for folder, top in reversed(folders.items()):
        make_folder(folder, below=top)
        sweep(folder)
        if not files.probe_folder(folder):
            unconfirmed.append(folder)
    return unconfirmed


def resume(plan: Plan, manifest: Manifest, work: Work) -> Plan:
    """The plan, with the jobs to do again that the manifest says were made otherwise.

    An output that is no longer as it was written is somebody's own by now: it is left alone with a
    warning, and made again where the plan's policy is "repair".
    """

    def judge(job: Job) -> Job:
        entry = manifest.made.get(manifest.relate(job.output))
        if not job.done or entry is None or job.input.path == STDIN:
            return job
        if not entry.made(job.output):
            if plan.existing != "repair":
                return replace(job, warning=CHANGED)
            why = "the output has changed"
        else:
            try:
                inputs = [job.input.path, *work.sidecars(job)]
                why = entry.difference(_settings_of(job, work), inputs)
            except ImageError as error:
                why = str(error)
        if not why:
            return job
        return read_job(replace(job, done=False, again=why), plan.format, plan.kind)

    return replace(plan, jobs=tuple(map(judge, plan.jobs)))


def _count_pixels(job: Job, plan: Plan) -> int:
    """What a job holds at most, as its header says."""
    if job.done or job.header is None:
        return 0
    (width, height), (wide, high) = job.header.size, plan.kind.size_out(job.header.size)
    return max(width * height, wide * high)


def _stat(path: str) -> os.stat_result | None:
    with suppress(OSError, ValueError):  # reading says what is wrong
        return os.stat(path)
    return None


def _write(
    job: Job,
    result: Restored,
    work: Work,
    manifest: Lines | None,
    emit: Callable[[bytes], None] | None,
) -> Record:
    """Write what was made; the record, with what did not get into the file."""
    record, output = entitle(result.record, job), result.output
    if isinstance(output, dict):
        for name, data in output.items():
            write_atomically(os.path.join(job.output, name), data)
        return record
    if isinstance(output, bytes):
        data = output
    else:
        assert work.encode is not None, "a picture has a file"
        encoded = work.encode(output, job.output)
        data = encoded.data
        record = replace(record, warnings=(*record.warnings, *encoded.warnings))
    if job.output == STDOUT:
        assert emit is not None, "no job of a cluster writes to standard output"
        emit(data)
        return record

    def record_it(stat: os.stat_result) -> None:
        if manifest:
            name = manifest.relate(job.output)
            made, settings = fingerprint(data, stat), _settings_of(job, work)
            manifest.add_entry(ManifestEntry(name, record, settings, result.fingerprints, made))

    write_atomically(job.output, data, below=job.top, ready=record_it, tidy=False)
    return record
