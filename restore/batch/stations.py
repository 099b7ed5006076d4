"""Station: a process of a cluster's worker that takes one step of each job that comes by.

What goes from station to station is a table of Arrow: the job's number, the job, and what the last
step made of it, both pickled. What a station raises that cannot work goes by the others unchanged.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from restore.batch.jobs import Job
from restore.batch.manifest import Lines, part_of
from restore.batch.pipeline import Failure, attempted
from restore.batch.work import Ended, Recipe, finish, make, read
from restore.errors import ResourceError, RestoreError

if TYPE_CHECKING:
    from pyarrow import Table

Step = Callable[[Job, Any], Any]  # what is made of what the last step made of a job


@dataclass(frozen=True)
class Shared:
    """What each process of a run is told: the recipe, the driver's folder, where the lines go."""

    recipe: Recipe
    folder: str
    manifest: str | None
    run: str

    def enter(self) -> None:
        """Go where relative names mean what they mean to the driver."""
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ResourceError(
                f"the folder {self.folder!r} is not on every machine ({error.strerror}): start in "
                "one that all of them share"
            ) from error

    def lines(self) -> Lines | None:
        """A file for the lines of this process, open, where lines are asked for."""
        import ray

        if self.manifest is None:
            return None
        writer = ray.get_runtime_context().get_worker_id()[:16]
        lines = Lines(part_of(self.manifest, writer, self.run))
        lines.open()
        return lines


def reading(table: Table, shared: Shared) -> Iterator[Table]:
    """The first step, in a task."""
    try:
        shared.enter()
        work = shared.recipe.work()
    except Exception as error:
        yield from _each(table, _refusing(error))
        return
    recorded = shared.manifest is not None
    yield from _each(table, lambda job, _: attempted("reading", read, job, work, recorded))


class Station:
    """The further steps, "make" or "finish" or both, in an actor that keeps what they need.

    To make is to hold the model; to finish is to write each file whole, and its line before it.
    """

    _step: Step

    def __init__(self, shared: Shared, *steps: str) -> None:
        try:
            shared.enter()
            work = shared.recipe.work(shared.recipe.load() if "make" in steps else None)
            lines = shared.lines() if "finish" in steps else None
        except Exception as error:
            self._step = _refusing(error)
            return

        def step(job: Job, value: Any) -> Any:
            if "make" in steps and not isinstance(value, Failure):
                value = attempted("restoring", make, job, value, work)
            return finish(job, value, work, lines, _unheard) if "finish" in steps else value

        self._step = step

    def __call__(self, table: Table) -> Iterator[Table]:
        yield from _each(table, self._step)


def _each(table: Table, step: Step) -> Iterator[Table]:
    """The rows with what a step makes of each; what ends the run goes by unchanged."""
    for number, job, value in rows_of(table):
        made = value if isinstance(value, RestoreError) else step(job, value)
        yield table_of([(number, pickle.dumps(job), pickle.dumps(_portable(made)))])


def rows_of(table: Table) -> Iterator[tuple[int, Job, Any]]:
    """Number, job, and what the last step made of it, None before the first."""
    columns = (table.column(name) for name in ("number", "job", "value"))
    for number, job, value in zip(*columns, strict=True):
        data = value.as_buffer()
        made = pickle.loads(data) if data.size else None
        yield number.as_py(), pickle.loads(job.as_buffer()), made


def table_of(rows: list[tuple[int, bytes, bytes]]) -> Table:
    import pyarrow

    columns = zip(*rows, strict=True)
    kinds = pyarrow.int64(), pyarrow.large_binary(), pyarrow.large_binary()
    arrays = [pyarrow.array(c, kind) for c, kind in zip(columns, kinds, strict=True)]
    return pyarrow.table(arrays, names=["number", "job", "value"])


def _refusing(error: Exception) -> Step:
    """The step of a process that cannot work: what ends the run."""
    if not isinstance(error, RestoreError):
        error = ResourceError(f"a worker cannot work: {type(error).__name__}: {error}")
    found: RestoreError = error
    return lambda job, value: found


def _portable(value: Any) -> Any:
    """The value, a failure in it such that another process can read it and show its traceback."""
    if isinstance(value, Ended) and value.failure:
        return replace(value, failure=_portable(value.failure))
    if not isinstance(value, Failure):
        return value
    error = value.error
    if error.__traceback__:
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception of any library, whose own __reduce__ may raise anything
        return replace(value, error=RuntimeError(f"{type(error).__name__}: {error}"))
    return value


def _unheard(data: bytes) -> None:
    raise AssertionError("no job of a cluster writes to standard output")
