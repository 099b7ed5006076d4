"""Ray: a batch done by the workers of a cluster, by Ray Data.

    read (tasks)  ->  make, finish (actors that hold the model)  ->  report (in order)

The steps are those of a local run, in processes of their own; Ray Data holds back what would fill
the memory between them. A job's failure is a row like any other. A process or a machine that dies
loses what it held: that is done again in another round, a job at a time, and what is lost in every
round has failed. Lines of the manifest are written where the outputs are, so that after the death
of the driver too a run goes on where it was.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from restore.batch.manifest import Lines, Manifest, name_part, tabulate
from restore.batch.pipeline import Failure, Steps, Turns, attempt
from restore.batch.plan import STDOUT, Job, Plan
from restore.batch.run import Observer, Outcome, Reporter, WorkFactory, finish, load_job, make, skip
from restore.errors import RequestError, ResourceError, RestoreError

if TYPE_CHECKING:
    from pyarrow import Table

TOGETHER = 16  # jobs in a piece of work, at most
PIECES = 8  # a worker gets at least, where there are enough jobs
ROUNDS = 4  # in each of which a job was lost, when it has failed
LOGGERS = ("ray", "ray.data")  # silenced: what there is to say of a run is said by us

T = TypeVar("T")
Step = Callable[[Job, Any], Any]  # what is made of what the last step made of a job


@dataclass(frozen=True)
class Cluster:
    """Where the work is done: `workers` that hold the model, each with so many CPUs and GPUs.

    address: of a running cluster; "" is what RAY_ADDRESS says, else one of our own is started on
        this machine, and ended afterwards.
    workers: how many; 0 is as many as there is room for.
    cpus: of each worker, 1 or more.
    gpus: of each worker; 0.5 is a share of one.
    codecs: processes of each worker that read, and as many that write. They share one of its CPUs
        with the network where the worker has no other.
    Raises RequestError for GPUs that are neither a share nor whole.
    """

    address: str = ""
    workers: int = 0
    cpus: int = 1
    gpus: float = 0
    codecs: int = 1

    def __post_init__(self) -> None:
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise RequestError(f"{self.gpus:g} GPUs a worker: expected a share or whole ones")

    @property
    def network_needs(self) -> dict[str, Any]:
        """What a process that runs the network is given, in Ray's terms."""
        return {"num_cpus": self.cpus - 1 or 0.75, "num_gpus": self.gpus}

    @property
    def codec_needs(self) -> dict[str, Any]:
        """What a process that reads or writes is given: with the network's, a worker's CPUs."""
        rest = 1 if self.cpus > 1 else 0.25
        return {"num_cpus": rest / 2 / self.codecs}

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Within, Ray is there. RequestError where it is not installed, ResourceError where no
        cluster answers."""
        if find_spec("ray") is None or find_spec("pyarrow") is None:
            raise RequestError("--engine ray needs Ray: pip install 'bcm-restore[ray]'")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        import ray

        if ray.is_initialized():
            with _silence_loggers():
                yield
            return
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        options: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
        options |= {"include_dashboard": False} if address == "local" else {}
        try:
            with _close_stderr():
                ray.init(address, **options)
        except Exception as error:  # of many kinds
            raise ResourceError(f"no Ray cluster at {address!r}: {_describe(error)}") from error
        try:
            with suppress(ValueError):  # not the main thread
                for number, handler in handlers.items():  # Ray takes them over
                    signal.signal(number, handler)
            with _silence_loggers():
                yield
        finally:
            ray.shutdown()

    def count_room(self) -> int:
        """How many workers there is room for, each on one machine."""
        import ray

        total = 0
        for machine in ray.nodes():
            resources = machine["Resources"] if machine["Alive"] else {}
            fit = resources.get("CPU", 0) // self.cpus
            if self.gpus:
                fit = min(fit, resources.get("GPU", 0) / self.gpus + 1e-6)
            total += int(fit)
        return total

    def count_workers(self) -> int:
        """How many workers there will be. ResourceError where there is no room for them."""
        import ray

        room = self.count_room()
        if not room or self.workers > room:
            resources = ray.cluster_resources()
            wanted = f"{self.workers or 1} of {self.cpus} CPUs and {self.gpus:g} GPUs"
            raise ResourceError(
                f"no room for the workers: {wanted} were asked for, and the cluster has "
                f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"
            )
        return self.workers or room

    def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """What a worker answers. RestoreError that it raises; ResourceError where there is none."""
        from importlib.metadata import version

        import ray

        self.count_workers()
        try:
            ask = ray.remote(**self.network_needs, max_retries=2)(_answer)
            answer: Any = ray.get(ask.remote(version("bcm-restore"), question, *arguments))
        except ray.exceptions.RayError as error:
            raise ResourceError(f"no worker of the cluster answers: {_describe(error)}") from error
        if isinstance(answer, RestoreError):
            raise answer
        return answer


def run_stepwise_on_cluster(
    cluster: Cluster,
    plan: Plan,
    recipe: WorkFactory,
    observer: Observer,
    say: Callable[[str], object],
    *,
    manifest: Manifest | None = None,
    fail_fast: bool = False,
) -> Steps:
    """Do every job that is not done, within `cluster.connect()`; the rest is as `run_stepwise`.

    recipe: of which each process of the cluster makes its own work.
    say: called with a line where jobs are done again, and where the table is.
    Raises RestoreError where the run cannot go on.
    """
    work, reporter = recipe.work(), Reporter(observer, fail_fast)
    turns, todo = Turns(reporter.report), {}
    for number, job in enumerate(plan.jobs, 1):
        if job.done:
            turns.take(number - 1, (number, job), skip(job, work))
        else:
            todo[number] = job
    shared = Shared(recipe, os.getcwd(), manifest.path if manifest else None, secrets.token_hex(4))
    try:
        for number, result in _do_all(cluster, todo, shared, say):
            job = todo[number]
            if isinstance(result, Failure):
                result = finish(job, result, work, manifest)
            turns.take(number - 1, (number, job), result)
            yield
            if turns.stopped or result.fatal:
                break
        else:
            if manifest:
                manifest.gather(shared.run)
                say(f"all outputs as a table: {tabulate(manifest)}")
    finally:
        turns.flush()
    if reporter.fatal:
        raise reporter.fatal


def check_for_cluster(plan: Plan) -> None:
    """RequestError for a plan that no cluster can do."""
    if any(job.output == STDOUT for job in plan.jobs):
        raise RequestError("--engine ray writes files alone: -o FILE or DIR")


def _do_all(
    cluster: Cluster, jobs: Mapping[int, Job], shared: Shared, say: Callable[[str], object]
) -> Iterator[tuple[int, Outcome | Failure]]:
    """How each job ended, by its number, in the order in which they do; a failure was lost."""
    left, workers = dict(jobs), 0
    for turn in range(ROUNDS):
        if not left:
            return
        if not turn:
            workers = cluster.count_workers()
        else:
            say(f"{len(left)} images were lost with a worker's process, and are done again")
            workers = min(workers, cluster.count_room())
            if not workers:
                raise ResourceError("the cluster has no machine left that a worker fits on")
        for number, outcome in _do_round(cluster, min(workers, len(left)), left, shared, turn > 0):
            if left.pop(number, None):
                yield number, outcome
    for number in left:
        why = f"in each of {ROUNDS} attempts a process that held it died; was it out of memory?"
        yield number, Failure("restoring", ResourceError(why))


def _do_round(
    cluster: Cluster, workers: int, jobs: Mapping[int, Job], shared: Shared, alone: bool
) -> Iterator[tuple[int, Outcome]]:
    """How those jobs ended that no process took with it; `alone` where each is in a piece alone."""
    import ray
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    together = 1 if alone else max(1, min(TOGETHER, len(jobs) // (workers * PIECES)))
    rows = [(number, pickle.dumps(job), b"") for number, job in jobs.items()]
    pieces = [_pack(rows[i : i + together]) for i in range(0, len(rows), together)]
    ahead = 1 if alone else 2  # pieces that an actor has, so that it need not wait for the next
    readers = min(workers * cluster.codecs, len(pieces))
    # On CPUs who makes also writes: the cores are the same. A GPU is not kept waiting by encoders.
    actors = [(workers, cluster.network_needs, ["make"] if cluster.gpus else ["make", "finish"])]
    actors += [(readers, cluster.codec_needs, ["finish"])] if cluster.gpus else []
    # An actor that died is started again, but what it had is lost rather than waited for: there may
    # be no machine left to start it on, or it may be what killed it.
    mortal: dict[str, Any] = {"max_restarts": -1, "max_task_retries": 0}
    common: dict[str, Any] = {"batch_size": 1, "batch_format": "pyarrow", "zero_copy_batch": True}
    try:
        with _tolerate_deaths():
            done: Any = ray.data.from_arrow(pieces)
            pool: Any = TaskPoolStrategy(size=readers)
            options = {"compute": pool, **cluster.codec_needs, **common}
            done = done.map_batches(read_step, fn_args=(shared,), **options)
            for size, needs, steps in actors:
                pool = ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=ahead)
                options = {"compute": pool, **needs, **mortal, **common}
                done = done.map_batches(Actor, fn_constructor_args=(shared, *steps), **options)
            plain = {"batch_size": None, "batch_format": "pyarrow", "prefetch_batches": 0}
            for table in done.iter_batches(**plain):
                for number, _, outcome in _unpack(table):
                    if isinstance(outcome, RestoreError):
                        raise outcome
                    yield number, outcome
    except RestoreError:
        raise
    except Exception as error:  # of many kinds
        raise ResourceError(f"the Ray cluster cannot go on: {_describe(error)}") from error


# In the cluster's processes. What goes from one to the next is a table of Arrow: the job's number,
# the job, and what the last step made of it, both pickled. An error that ends the run passes
# through later steps.


@dataclass(frozen=True)
class Shared:
    """What each process of a run is told: the recipe, the driver's folder, where the lines go."""

    recipe: WorkFactory
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

    def open_lines(self) -> Lines | None:
        """A file for the lines of this process, open, where lines are asked for."""
        import ray

        if self.manifest is None:
            return None
        writer = ray.get_runtime_context().get_worker_id()[:16]
        lines = Lines(name_part(self.manifest, writer, self.run))
        lines.open()
        return lines


def read_step(table: Table, shared: Shared) -> Iterator[Table]:
    """The first step, in a task."""
    yield from Actor(shared, "read")(table)


class Actor:
    """The steps "read", "make" or "finish", or several, in a process that keeps what they need.

    To make is to hold the model; to finish is to write each file whole, and its line before it.
    """

    _step: Step

    def __init__(self, shared: Shared, *steps: str) -> None:
        try:
            shared.enter()
            work = shared.recipe.work(shared.recipe.load() if "make" in steps else None)
            lines = shared.open_lines() if "finish" in steps else None
        except Exception as error:
            self._step = _refuse(error)
            return

        def step(job: Job, value: Any) -> Any:
            if "read" in steps:
                value = attempt("reading", load_job, job, work, shared.manifest is not None)
            if "make" in steps and not isinstance(value, Failure):
                value = attempt("restoring", make, job, value, work)
            return finish(job, value, work, lines) if "finish" in steps else value

        self._step = step

    def __call__(self, table: Table) -> Iterator[Table]:
        yield from _take_step(table, self._step)


def _take_step(table: Table, step: Step) -> Iterator[Table]:
    """The rows with what a step makes of each; what ends the run passes through."""
    for number, job, value in _unpack(table):
        result = value if isinstance(value, RestoreError) else step(job, value)
        if isinstance(result, Outcome | Failure):
            result = result.make_portable()
        yield _pack([(number, pickle.dumps(job), pickle.dumps(result))])


def _unpack(table: Table) -> Iterator[tuple[int, Job, Any]]:
    """Number, job, and what the last step made of it, None before the first."""
    columns = (table.column(name) for name in ("number", "job", "value"))
    for number, job, value in zip(*columns, strict=True):
        data = value.as_buffer()
        result = pickle.loads(data) if data.size else None
        yield number.as_py(), pickle.loads(job.as_buffer()), result


def _pack(rows: list[tuple[int, bytes, bytes]]) -> Table:
    import pyarrow

    columns = zip(*rows, strict=True)
    kinds = pyarrow.int64(), pyarrow.large_binary(), pyarrow.large_binary()
    arrays = [pyarrow.array(c, kind) for c, kind in zip(columns, kinds, strict=True)]
    return pyarrow.table(arrays, names=["number", "job", "value"])


def _refuse(error: Exception) -> Step:
    """The step of a process that cannot work: what ends the run."""
    if not isinstance(error, RestoreError):
        error = ResourceError(f"a worker cannot work: {type(error).__name__}: {error}")
    found: RestoreError = error
    return lambda job, value: found


def _answer(own: str, question: Callable[..., Any], *arguments: Any) -> Any:
    """On a worker: the answer, or what of ours was raised."""
    from importlib.metadata import version

    if (found := version("bcm-restore")) != own:
        return ResourceError(f"a worker has bcm-restore {found}, and here is {own}")
    try:
        return question(*arguments)
    except RestoreError as error:
        return error


# Ray's own words and settings.


@contextmanager
def _tolerate_deaths() -> Iterator[None]:
    """Within, Ray Data goes on when a process dies, and prints nothing."""
    import ray.data

    context = ray.data.DataContext.get_current()
    printed = ("enable_progress_bars", "print_on_execution_start")
    wanted = {"max_errored_blocks": -1, **dict.fromkeys(printed, False)}
    before = {name: getattr(context, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(context, name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Ray 2.64 takes away, and we are bounded by
            yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


@contextmanager
def _silence_loggers() -> Iterator[None]:
    """Within, Ray's loggers are still, and it prints of no dead process on standard output."""
    import ray._private.worker as driver
    import ray.data  # noqa: F401 - sets the level of its logger

    levels = {logger: logger.level for logger in map(logging.getLogger, LOGGERS)}
    printing = driver._worker_logs_enabled
    try:
        for logger in levels:
            logger.setLevel(logging.CRITICAL + 1)
        driver._worker_logs_enabled = False
        yield
    finally:
        driver._worker_logs_enabled = printing
        for logger, level in levels.items():
            logger.setLevel(level)


@contextmanager
def _close_stderr() -> Iterator[None]:
    """Within, nothing reaches standard error, as Ray's C++ writes there of how it logs."""
    own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.close(nowhere)


def _describe(error: Exception) -> str:
    """An error in one line, the last of what a worker's traceback says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
