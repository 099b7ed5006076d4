"""Cluster: the machines of Ray on which a batch runs.

Where none is named, one of this machine's own cores is started, and ended afterwards.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from restore.errors import RequestError, ResourceError, RestoreError

NOISE = ("ray", "ray.data")  # loggers; what we have to say of a run is said by us
T = TypeVar("T")


@dataclass(frozen=True)
class Cluster:
    """Where the work is done: `workers` that hold the model, each with so many CPUs and GPUs.

    `address` is that of a running cluster; "" is what RAY_ADDRESS says, else a cluster of our own.
    `workers` 0 is as many as there is room for. A worker has `codecs` processes that read and as
    many that write, which share one of its CPUs with the network where that has no other.
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
    def connected(self) -> Iterator[None]:
        """Within, Ray is there. RequestError where it is not installed, ResourceError where no
        cluster answers."""
        if find_spec("ray") is None or find_spec("pyarrow") is None:
            raise RequestError("--engine ray needs Ray: pip install 'bcm-restore[ray]'")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        import ray

        if ray.is_initialized():
            with _silent():
                yield
            return
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        heard = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        options: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
        if address == "local":
            options |= {"include_dashboard": False}
        try:
            with _hushed():
                ray.init(address, **options)
        except Exception as error:  # of many kinds
            raise ResourceError(f"no Ray cluster at {address!r}: {told(error)}") from error
        try:
            for number, handler in heard.items():  # Ray takes them over
                with suppress(ValueError):  # not the main thread
                    signal.signal(number, handler)
            with _silent():
                yield
        finally:
            ray.shutdown()

    def room(self) -> int:
        """How many workers there is room for, each on one machine."""
        import ray

        total = 0
        for machine in ray.nodes():
            there = machine["Resources"] if machine["Alive"] else {}
            fit = there.get("CPU", 0) // self.cpus
            if self.gpus:
                fit = min(fit, there.get("GPU", 0) / self.gpus + 1e-6)
            total += int(fit)
        return total

    def sized(self) -> int:
        """How many workers there will be. ResourceError where there is no room for them."""
        import ray

        room = self.room()
        if not room or self.workers > room:
            there = ray.cluster_resources()
            wanted = f"{self.workers or 1} of {self.cpus} CPUs and {self.gpus:g} GPUs"
            raise ResourceError(
                f"no room for the workers: {wanted} were asked for, and the cluster has "
                f"{there.get('CPU', 0):g} CPUs and {there.get('GPU', 0):g} GPUs"
            )
        return self.workers or room

    def asked(self, question: Callable[..., T], *arguments: Any) -> T:
        """What a worker answers. RestoreError that it raises; ResourceError where there is none."""
        from importlib.metadata import version

        import ray

        self.sized()
        try:
            ask = ray.remote(**self.network_needs, max_retries=2)(_answer)
            answer: Any = ray.get(ask.remote(version("bcm-restore"), question, *arguments))
        except ray.exceptions.RayError as error:
            raise ResourceError(f"no worker of the cluster answers: {told(error)}") from error
        if isinstance(answer, RestoreError):
            raise answer
        return answer


def _answer(own: str, question: Callable[..., Any], *arguments: Any) -> Any:
    """On a worker: the answer, or what of ours was raised."""
    from importlib.metadata import version

    if (found := version("bcm-restore")) != own:
        return ResourceError(f"a worker has bcm-restore {found}, and here is {own}")
    try:
        return question(*arguments)
    except RestoreError as error:
        return error


@contextmanager
def settled() -> Iterator[None]:
    """Within, Ray Data goes on when a process dies, and has nothing to say."""
    import ray.data

    context = ray.data.DataContext.get_current()
    wanted = {
        "max_errored_blocks": -1,
        "enable_progress_bars": False,
        "print_on_execution_start": False,
    }
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
def _silent() -> Iterator[None]:
    """Within, Ray's loggers are still, and it prints of no dead process on standard output."""
    import ray._private.worker as driver
    import ray.data  # noqa: F401 - sets the level of its logger

    levels = {logger: logger.level for logger in map(logging.getLogger, NOISE)}
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
def _hushed() -> Iterator[None]:
    """Within, nothing reaches standard error, as Ray's C++ writes there of how it logs."""
    own, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.close(nowhere)


def told(error: Exception) -> str:
    """An error in one line, the last of what a worker's traceback says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
