"""Engine: the options on what does the work of a run, this process or the machines of Ray."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from restore.batch.ray import Cluster
from restore.errors import RequestError

_engine = partial(typer.Option, rich_help_panel="Many machines")


@dataclass(frozen=True)
class Engine:
    """What does the work, and on how much of it."""

    engine: Annotated[
        Literal["local", "ray"],
        _engine(help="This process, or workers of Ray (pip install 'bcm-restore\\[ray]')"),
    ] = "local"
    ray_address: Annotated[
        str | None,
        _engine(
            envvar="RAY_ADDRESS",
            metavar="HOST:PORT|auto",
            show_default="one of this machine alone",
            help="Of a running cluster, whose machines share the folders",
        ),
    ] = None
    ray_workers: Annotated[
        int | None,
        _engine(
            min=1,
            metavar="N",
            show_default="as many as there is room for",
            help="How many hold the model",
        ),
    ] = None
    cpus_per_worker: Annotated[
        int | None,
        _engine(
            min=1,
            metavar="N",
            show_default="as --threads, else 1",
            help="CPUs of each, and its --threads where those are not given",
        ),
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        _engine(min=0, metavar="N", show_default="0: none", help="GPUs of each, 0.5 to share one"),
    ] = None

    def cluster(self, threads: int | None, codecs: int) -> Cluster | None:
        """The cluster; None for this process. RequestError for options that would do nothing."""
        if self.engine == "local":
            own = {
                "--ray-workers": self.ray_workers,
                "--cpus-per-worker": self.cpus_per_worker,
                "--gpus-per-worker": self.gpus_per_worker,
            }
            if given := [name for name, value in own.items() if value is not None]:
                raise RequestError(f"{given[0]} does nothing without --engine ray")
            return None
        if codecs < 1:
            raise RequestError("--workers 0 is for one process: Ray's read and write in their own")
        cpus = self.cpus_per_worker or threads or 1
        gpus = self.gpus_per_worker or 0
        return Cluster(self.ray_address or "", self.ray_workers or 0, cpus, gpus, codecs)
