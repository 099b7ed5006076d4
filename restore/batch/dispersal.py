"""Dispersal: the jobs of a plan done by the workers of a cluster, by Ray Data.

    read (tasks)  ->  make, finish (actors that hold the model)  ->  report (in turn)

The steps are those of a local run, in processes of their own; Ray Data holds back what would fill
the memory between them. A job's failure is a row like any other. A process or a machine that
dies loses what it had in hand: that is done again in another round, a job at a time, and what is
lost in every round has failed. Lines of the manifest are written where the outputs are, so that
after the death of the driver too a run goes on where it was.
"""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from restore.batch.cluster import Cluster, settled, told
from restore.batch.jobs import STDOUT, Job
from restore.batch.manifest import Manifest
from restore.batch.pipeline import Failure, Turns
from restore.batch.plan import Plan
from restore.batch.runs import Witness
from restore.batch.stations import Shared, Station, reading, rows_of, table_of
from restore.batch.tables import tabulate
from restore.batch.work import Ended, Recipe, finish, passed_over
from restore.errors import RequestError, ResourceError, RestoreError

TOGETHER = 16  # jobs in a piece of work, at most
PIECES = 8  # a worker gets at least, where there are enough jobs
ROUNDS = 4  # in each of which a job was lost, when it has failed


def disperse(
    cluster: Cluster,
    plan: Plan,
    recipe: Recipe,
    witness: Witness,
    say: Callable[[str], None],
    *,
    manifest: Manifest | None = None,
    fail_fast: bool = False,
) -> None:
    """Do every job that is not done, within `cluster.connected()`.

    RestoreError where the run could not go on.
    """
    fatal: list[RestoreError] = []

    def report(turn: tuple[int, Job], ended: Ended) -> bool:
        witness.ends(*turn, ended)
        if ended.fatal:
            fatal.append(ended.fatal)
        return bool(ended.fatal or (fail_fast and ended.failure))

    work = recipe.work()
    turns, todo = Turns(report), {}
    for number, job in enumerate(plan.jobs, 1):
        if job.done:
            turns.take(number - 1, (number, job), passed_over(job, work))
        else:
            todo[number] = job
    shared = Shared(recipe, os.getcwd(), manifest.path if manifest else None, secrets.token_hex(4))
    try:
        for number, result in _results(cluster, todo, shared, say):
            job = todo[number]
            if isinstance(result, Failure):
                ended = finish(job, result, work, manifest, witness.emit)
            else:
                ended = result
            turns.take(number - 1, (number, job), ended)
            if turns.stopped or ended.fatal:
                break
        else:
            if manifest:
                manifest.gather(shared.run)
                say(f"all outputs as a table: {tabulate(manifest)}")
    finally:
        turns.hurry()
    if fatal:
        raise fatal[0]


def check_dispersable(plan: Plan) -> None:
    """RequestError for a plan that no cluster can do."""
    if any(job.output == STDOUT for job in plan.jobs):
        raise RequestError("--engine ray writes files alone: -o FILE or DIR")


def _results(
    cluster: Cluster, jobs: Mapping[int, Job], shared: Shared, say: Callable[[str], None]
) -> Iterator[tuple[int, Ended | Failure]]:
    """How each job ended, by its number, in the order in which they do; a failure was lost."""
    left, workers = dict(jobs), 0
    for turn in range(ROUNDS):
        if not left:
            return
        if not turn:
            workers = cluster.sized()
        else:
            say(f"{len(left)} images were lost with a worker's process, and are done again")
            workers = min(workers, cluster.room())
            if not workers:
                raise ResourceError("the cluster has no machine left that a worker fits on")
        for number, ended in _round(cluster, min(workers, len(left)), left, shared, turn > 0):
            if left.pop(number, None):
                yield number, ended
    for number in left:
        why = f"in each of {ROUNDS} attempts a process that held it died; was it out of memory?"
        yield number, Failure("restoring", ResourceError(why))


def _round(
    cluster: Cluster, workers: int, jobs: Mapping[int, Job], shared: Shared, alone: bool
) -> Iterator[tuple[int, Ended]]:
    """How those jobs ended that no process took with it; `alone` where each is in a piece alone."""
    import ray
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    together = 1 if alone else max(1, min(TOGETHER, len(jobs) // (workers * PIECES)))
    rows = [(number, pickle.dumps(job), b"") for number, job in jobs.items()]
    pieces = [table_of(rows[i : i + together]) for i in range(0, len(rows), together)]
    ahead = 1 if alone else 2  # pieces that an actor has, so that it need not wait for the next
    readers = min(workers * cluster.codecs, len(pieces))
    # On CPUs who makes also writes: the cores are the same. A GPU is not kept waiting by encoders.
    stations: list[tuple[int, dict[str, Any], tuple[str, ...]]] = [
        (workers, cluster.network_needs, ("make", "finish"))
    ]
    if cluster.gpus:
        stations = [
            (workers, cluster.network_needs, ("make",)),
            (readers, cluster.codec_needs, ("finish",)),
        ]
    # An actor that died is started again, but what it had is lost rather than waited for: there may
    # be no machine left to start it on, or it may be what killed it.
    mortal: dict[str, Any] = {"max_restarts": -1, "max_task_retries": 0}
    common: dict[str, Any] = {"batch_size": 1, "batch_format": "pyarrow", "zero_copy_batch": True}
    with settled():
        done: Any = ray.data.from_arrow(pieces)
        done = done.map_batches(
            reading,
            fn_args=(shared,),
            compute=TaskPoolStrategy(size=readers),
            **cluster.codec_needs,
            **common,
        )
        for size, needs, steps in stations:
            done = done.map_batches(
                Station,
                fn_constructor_args=(shared, *steps),
                compute=ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=ahead),
                **needs,
                **mortal,
                **common,
            )
        try:
            for table in done.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                for number, _, ended in rows_of(table):
                    if isinstance(ended, RestoreError):
                        raise ended
                    yield number, ended
        except RestoreError:
            raise
        except Exception as error:  # of many kinds
            raise ResourceError(f"the Ray cluster cannot go on: {told(error)}") from error
