"""Laws of stages that overlap: order, bounds, failures, interrupts."""

import threading
import time

import pytest

from restore.batch.pipeline import Failure, Stages, run_in_turn, run_overlapped
from restore.batch.run import exhaust
from tests.support.clock import PATIENCE


def stages(log, read=None, make=None, finish=None, pixels=0, stop=lambda job, ended: False):
    """Stages that pass a number on, each noting what it did."""

    def report(job, ended):
        log.append((job, ended))
        return stop(job, ended)

    return Stages(
        read or (lambda job: job),
        make or (lambda job, given: given),
        finish or (lambda job, made: made),
        report,
        lambda job: pixels,
    )


def test_reports_come_in_the_order_of_the_jobs_whichever_ends_first():
    log = []
    slow = stages(log, finish=lambda job, made: time.sleep(0.03 * (job % 3 == 0)) or made)
    exhaust(run_overlapped(range(12), slow, threads=4))
    assert log == [(job, job) for job in range(12)]


def test_the_three_stages_run_at_once():
    """One is finished, the next made and a third read, or they wait for each other in vain."""
    log, together = [], threading.Barrier(3, timeout=PATIENCE)

    def meet(stage):
        def work(job, *given):
            if job == stage:
                together.wait()
            return job

        return work

    exhaust(run_overlapped(range(12), stages(log, meet(2), meet(1), meet(0))))
    assert log == [(job, job) for job in range(12)]


def test_only_the_caller_s_thread_runs_the_network():
    threads = set()

    def make(job, given):
        threads.add(threading.current_thread())

    exhaust(run_overlapped(range(5), stages([], make=make), threads=3))
    assert threads == {threading.main_thread()}


@pytest.mark.parametrize(("pixels", "most"), [(0, 6), (30_000_000, 2), (90_000_000, 1)])
def test_what_is_in_flight_is_bounded_in_files_and_in_pixels(pixels, most):
    flying, seen, lock = set(), [], threading.Lock()

    def read(job):
        with lock:
            flying.add(job)
            seen.append(len(flying))

    def finish(job, made):
        time.sleep(0.005)
        with lock:
            flying.remove(job)

    exhaust(run_overlapped(range(30), stages([], read, finish=finish, pixels=pixels), threads=4))
    assert max(seen) <= most
    assert not flying


@pytest.mark.parametrize("way", [run_in_turn, run_overlapped])
def test_what_a_stage_raises_is_that_job_s_failure(way):
    log = []

    def read(job):
        if job == 1:
            raise ValueError("read")
        return job

    def make(job, given):
        if job == 3:
            raise MemoryError("make")
        return given

    exhaust(way(range(5), stages(log, read, make)))
    found = {job: ended for job, ended in log if isinstance(ended, Failure)}
    assert {job: (f.stage, str(f.error)) for job, f in found.items()} == {
        1: ("reading", "read"),
        3: ("restoring", "make"),
    }
    assert [job for job, _ in log] == list(range(5))


def test_nothing_is_begun_after_a_report_asks_to_stop():
    log = []

    def read(job):
        if job == 2:
            raise ValueError
        return job

    failed = stages(log, read, stop=lambda job, ended: isinstance(ended, Failure))
    exhaust(run_overlapped(range(9), failed, strict=True))
    assert [job for job, _ in log] == [0, 1, 2]


def test_an_interrupt_lets_what_is_made_be_written_and_begins_nothing():
    log = []

    def make(job, given):
        if job == 3:
            raise KeyboardInterrupt
        return given

    def finish(job, made):
        time.sleep(0.05)
        return made

    with pytest.raises(KeyboardInterrupt):
        exhaust(run_overlapped(range(9), stages(log, make=make, finish=finish)))
    assert log == [(0, 0), (1, 1), (2, 2)]


def test_an_error_that_must_end_the_run_ends_it():
    def finish(job, made):
        raise OSError("standard output is full")

    with pytest.raises(OSError, match="full"):
        exhaust(run_overlapped(range(99), stages([], finish=finish)))


@pytest.mark.parametrize("way", [run_in_turn, run_overlapped])
def test_a_run_that_is_closed_begins_nothing_more_and_writes_what_is_made(way):
    log, begun = [], []
    steps = way(range(99), stages(log, lambda job: begun.append(job) or job))
    while not log:
        next(steps)
    steps.close()
    assert [job for job, _ in log] == list(range(len(log)))
    assert len(begun) <= 12
