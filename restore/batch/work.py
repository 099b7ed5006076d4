"""Work: what a task does with one job: its files are read, something is made, that is written.

    read  ->  make (the network)  ->  finish

Each step gets what the one before gave, or its failure, and what passes between them pickles: one
process may take all steps, or each may have processes of its own. What fails is named and the rest
goes on.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from restore.batch.jobs import STDOUT, Job
from restore.batch.manifest import Entry, Lines, Print, printed
from restore.batch.pipeline import Failure
from restore.batch.records import blank
from restore.errors import ResourceError, RestoreError

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

    known: Mapping[str, Any]
    read: Callable[[Job], Any]
    make: Callable[[Job, Any, Progress | None], tuple[Made, dict[str, Any]]]
    encode: Callable[[Picture], bytes] = lambda picture: b""
    settings: Mapping[str, Any] = field(default_factory=dict)
    companions: Callable[[Job], Sequence[str]] = lambda job: ()


class Recipe(Protocol):
    """Work as data, which pickles: any process makes its own work of it.

    `load` gives what a process holds once, the model, without which only `make` cannot be done;
    RestoreError where that is not to be had.
    """

    def load(self) -> Any: ...
    def work(self, model: Any = None) -> Work: ...


@dataclass(frozen=True)
class Ended:
    """A job's record, what failed if anything did, and why the run cannot go on, if it cannot."""

    record: dict[str, Any]
    failure: Failure | None = None
    fatal: RestoreError | None = None


class Taken(NamedTuple):
    """What a job's files hold, and their prints."""

    value: Any
    prints: tuple[Print, ...] = ()


class Result(NamedTuple):
    """What was made, its record, and the prints of what it was made of."""

    made: Made
    record: dict[str, Any]
    prints: tuple[Print, ...]


def read(job: Job, work: Work, recorded: bool) -> Taken:
    """What the task needs of a job's files; where that is recorded, with their prints."""
    from restore.images import read_bytes

    if not recorded:
        return Taken(work.read(job))
    paths = [job.input.path, *work.companions(job)]
    stats = [_stat(path) for path in paths]
    data = [read_bytes(path) if job.data is None else job.data for path in paths[:1]]
    data += map(read_bytes, paths[1:])
    prints = tuple(map(printed, data, stats))
    return Taken(work.read(replace(job, data=data[0])), prints)


def make(job: Job, taken: Taken, work: Work, progress: Progress | None = None) -> Result:
    """What the task makes of it."""
    made, record = work.make(job, taken.value, progress)
    return Result(made, record, taken.prints)


def finish(
    job: Job,
    result: Result | Failure,
    work: Work,
    manifest: Lines | None,
    emit: Callable[[bytes], None],
) -> Ended:
    """Encode and write what was made, and say how the job ended."""
    title = job.input.path, job.output
    if isinstance(result, Result):
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
            try_writing(os.path.dirname(os.path.abspath(job.output)))
    except ResourceError as full:
        fatal = full
    return Ended(record, result, fatal)


def passed_over(job: Job, work: Work) -> Ended:
    """How a job ends whose output is there already."""
    warnings = ["the output exists"]
    title = job.input.path, job.output
    return Ended(blank(work.known, *title, status="skipped", warnings=warnings))


def try_writing(folder: str) -> None:
    """ResourceError where the folder takes no file."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ResourceError(f"cannot write into {folder!r}: {error.strerror}") from error


def _stat(path: str) -> os.stat_result | None:
    with suppress(OSError, ValueError):  # reading says what is wrong
        return os.stat(path)
    return None


def _write(
    job: Job,
    result: Result,
    record: dict[str, Any],
    work: Work,
    manifest: Lines | None,
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
