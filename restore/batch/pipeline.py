"""Pipeline: three stages over many jobs, overlapped, so that no codec keeps the network waiting.

    read (threads)  ->  make (the caller's thread)  ->  finish (threads)  ->  report (in turn)

While the network makes one job, the next are read and the last ones written. Codecs work outside
the interpreter's lock, so threads suffice. What is in flight is bounded, in jobs and in pixels, and
with that the memory. What comes out depends on neither the overlap nor the threads.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

FILES = 6  # in flight, from reading to written
PIXELS = 72_000_000  # in flight: three photographs of 24 megapixels
LEAVE_SECONDS = 3.0  # after an interrupt, for what is made already

J = TypeVar("J")
Steps: TypeAlias = Generator[None, None, None]
"""A run that goes on while steps are taken."""


@dataclass(frozen=True)
class Failure:
    """What a stage raised, in place of its result."""

    stage: str
    error: Exception
    seconds: float = 0.0

    def make_portable(self) -> Failure:
        """The failure such that another process can read it, and show its traceback as a note."""
        if self.error.__traceback__:
            self.error.add_note("".join(traceback.format_exception(self.error)))
        try:
            pickle.loads(pickle.dumps(self.error))
        except Exception:  # an exception of any library, whose own __reduce__ may raise anything
            error = RuntimeError(f"{type(self.error).__name__}: {self.error}")
            return replace(self, error=error)
        return self


@dataclass(frozen=True)
class Stages(Generic[J]):
    """What is done with a job.

    `finish` gets what `make` made, or the failure of an earlier stage, and says how the job ended;
    it raises nothing but what must end the run. `report` is called with that, in the jobs' order
    and never twice at once; where it gives True no further job is begun. `pixels` is what a job
    holds in memory, at most.
    """

    read: Callable[[J], Any]
    make: Callable[[J, Any], Any]
    finish: Callable[[J, Any], Any]
    report: Callable[[J, Any], bool]
    pixels: Callable[[J], int] = lambda job: 0


def run_in_turn(jobs: Iterable[J], stages: Stages[J]) -> Steps:
    """Every job from its file to its file before the next; yields after each."""
    for job in jobs:
        loaded = attempt("reading", stages.read, job)
        stop = stages.report(job, stages.finish(job, _make(stages, job, loaded)))
        yield
        if stop:
            return


def run_overlapped(
    jobs: Iterable[J],
    stages: Stages[J],
    threads: int = 1,
    *,
    strict: bool = False,
    files: int = FILES,
    pixels: int = PIXELS,
) -> Steps:
    """The stages at once on different jobs, with so many threads for each of reading and writing.

    Yields now and then, and at the end; reports come meanwhile, from other threads. Where `strict`,
    a failure is reported before another job is made. An interrupt of the caller's thread, or the
    generator's `close`, begins nothing new, gives what is made a few seconds to be written, and
    goes on up.
    """
    todo = deque(enumerate(jobs))
    ahead: deque[tuple[int, J, Future[Any]]] = deque()
    behind: dict[Future[None], int] = {}
    costs: dict[int, int] = {}  # of what is in flight
    turns = Turns(stages.report)
    readers = ThreadPoolExecutor(threads, "bcm-restore-read")
    writers = ThreadPoolExecutor(threads, "bcm-restore-write")

    def conclude(number: int, job: J, result: Any) -> None:
        turns.take(number, job, stages.finish(job, result))

    def collect() -> None:
        for future in [one for one in behind if one.done()]:
            del costs[behind.pop(future)]
            future.result()  # raises what must end the run

    def admit() -> None:
        while todo and not turns.stopped:
            number, job = todo[0]
            cost = stages.pixels(job)
            if costs and (len(costs) >= files or sum(costs.values()) + cost > pixels):
                break
            todo.popleft()
            costs[number] = cost
            ahead.append((number, job, readers.submit(attempt, "reading", stages.read, job)))

    try:
        while True:
            collect()
            admit()
            yield
            if turns.stopped or not (ahead or behind):
                break
            if not ahead:
                wait(behind, return_when=FIRST_COMPLETED)
                continue
            number, job, reading = ahead.popleft()
            result = _make(stages, job, reading.result())
            behind[writers.submit(conclude, number, job, result)] = number
            if strict and isinstance(result, Failure):
                wait(behind)
            del result, reading  # not in memory during the next
        wait(behind)
        collect()
    except BaseException:
        readers.shutdown(wait=False, cancel_futures=True)
        wait(behind, LEAVE_SECONDS)
        writers.shutdown(wait=False, cancel_futures=True)
        raise
    readers.shutdown(cancel_futures=True)
    writers.shutdown()
    yield


class Turns(Generic[J]):
    """Reports of jobs that end in any order, made in the order of the jobs."""

    def __init__(self, report: Callable[[J, Any], bool]) -> None:
        self.stopped = False
        self._report, self._next = report, 0
        self._waiting: dict[int, tuple[J, Any]] = {}
        self._lock = threading.Lock()

    def take(self, number: int, job: J, outcome: Any) -> None:
        with self._lock:
            self._waiting[number] = job, outcome
            while self._next in self._waiting:
                job, outcome = self._waiting.pop(self._next)
                self._next += 1
                self.stopped |= self._report(job, outcome)

    def flush(self) -> None:
        """Report what has ended, though what comes before it has not, as before an early end."""
        with self._lock:
            for number in sorted(self._waiting):
                self._report(*self._waiting.pop(number))


def _make(stages: Stages[J], job: J, loaded: Any) -> Any:
    if isinstance(loaded, Failure):
        return loaded
    return attempt("restoring", stages.make, job, loaded)


def attempt(stage: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """What a stage gives, or its failure."""
    began = time.perf_counter()
    try:
        return call(*arguments)
    except Exception as error:
        return Failure(stage, error, time.perf_counter() - began)
